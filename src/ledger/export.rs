//! Everything that the ledger has of one drop, as of one instant, as the records of an export.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio_postgres::{IsolationLevel, Portal, Row, Transaction};
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    read::{full_drop_in, ledger_row, millis, read_reservation},
};
use crate::domain::{
    ARCHIVE_FORMAT, DropId, DropRecord, EntryRecord, FullDrop, LedgerRow, Record,
    ReservationRecord, Seal, SkuRecord, shown_seal,
};

/// Rows that are fetched at once.
const PAGE: i32 = 2_000;
/// Whoever takes the records may have a slow disk.
const PATIENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '300s'";

/// Where the records go, some at a time and in order.
pub type ExportLines = mpsc::Sender<Vec<Record>>;

const RESERVATIONS: &str = "SELECT r.id, r.customer_id, r.state, r.order_id, r.created_at,
        r.expires_at, (SELECT array_agg(l.sku ORDER BY l.position) FROM reservation_lines l
            WHERE l.drop_id = r.drop_id AND l.reservation_id = r.id) AS skus,
        (SELECT array_agg(l.quantity ORDER BY l.position) FROM reservation_lines l
            WHERE l.drop_id = r.drop_id AND l.reservation_id = r.id) AS quantities,
        r.customer_salt, r.customer_tag
    FROM reservations r WHERE r.drop_id = $1 ORDER BY r.id";
const ENTRIES: &str = "SELECT epoch, seq, chain, occurred_at, seal FROM entries
    WHERE drop_id = $1 ORDER BY seq";
const ROWS: &str = "SELECT epoch, seq, kind, reservation_id, customer_id, sku, quantity, order_id,
        occurred_at, reference, reason, settings
    FROM ledger WHERE drop_id = $1 ORDER BY seq, line";

impl Ledger {
    /// Reads a drop as of one instant and hands it on record by record, without the end of a file.
    /// False when there is no such drop, or nobody takes the records.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn export(&self, drop: &DropId, lines: ExportLines) -> Result<bool, LedgerError> {
        let mut connection = self.reader().await?;
        let transaction = connection
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        transaction.batch_execute(PATIENCE).await?;
        let exporter = Exporter { transaction: &transaction, drop, lines };
        let done =
            exporter.head().await? && exporter.reservations().await? && exporter.entries().await?;
        transaction.commit().await?;
        Ok(done)
    }
}

/// Reads within one transaction. False from its methods: nobody takes the records.
struct Exporter<'a> {
    transaction: &'a Transaction<'a>,
    drop: &'a DropId,
    lines: ExportLines,
}

impl Exporter<'_> {
    async fn hand_on(&self, records: Vec<Record>) -> bool {
        self.lines.send(records).await.is_ok()
    }

    async fn head(&self) -> Result<bool, LedgerError> {
        let Some(FullDrop { view, details }) = full_drop_in(self.transaction, self.drop).await?
        else {
            return Ok(false);
        };
        let sql = "SELECT last_chain, last_seal FROM drops WHERE id = $1";
        let row = self.transaction.query_one(sql, &[&self.drop.as_str()]).await?;
        let settings = view.settings;
        let head = DropRecord {
            format: ARCHIVE_FORMAT,
            id: view.id,
            name: settings.name,
            state: settings.state,
            opens_at: settings.opens_at,
            closes_at: settings.closes_at,
            hold_ttl_seconds: settings.hold_ttl_seconds,
            max_hold_seconds: settings.max_hold_seconds,
            limit_per_customer: settings.limit_per_customer,
            expiring_soon_seconds: Some(settings.expiring_soon_seconds),
            epoch: view.epoch,
            seq: view.seq,
            chain: row.try_get(0)?,
            seal: seal(&row, 1)?,
        };
        let mut records = vec![Record::Drop(head)];
        for (sku, details) in view.skus.into_iter().zip(details) {
            let details = serde_json::from_str(details.get())
                .map_err(|_| LedgerError::Unreadable("details".to_owned()))?;
            records.push(Record::Sku(SkuRecord {
                sku: sku.stock.sku,
                stock: sku.stock.stock,
                version: sku.stock.version,
                name: sku.settings.name,
                details,
                limit_per_customer: sku.settings.limit_per_customer,
                low_stock_threshold: sku.settings.low_stock_threshold,
            }));
        }
        Ok(self.hand_on(records).await)
    }

    async fn portal(&self, sql: &str) -> Result<Portal, LedgerError> {
        let statement = self.transaction.prepare(sql).await?;
        Ok(self.transaction.bind(&statement, &[&self.drop.as_str()]).await?)
    }

    async fn page(&self, portal: &Portal) -> Result<Vec<Row>, LedgerError> {
        Ok(self.transaction.query_portal(portal, PAGE).await?)
    }

    async fn reservations(&self) -> Result<bool, LedgerError> {
        let portal = self.portal(RESERVATIONS).await?;
        loop {
            let rows = self.page(&portal).await?;
            if rows.is_empty() {
                return Ok(true);
            }
            let records = rows.iter().map(|row| {
                let read = read_reservation(self.drop, row)?;
                Ok(Record::Reservation(ReservationRecord {
                    id: read.id,
                    customer_id: read.customer_id,
                    customer_salt: row.try_get::<_, Option<Uuid>>(8)?,
                    customer_tag: seal(row, 9)?,
                    state: read.state,
                    order_id: read.order_id,
                    created_at: read.created_at,
                    expires_at: read.expires_at,
                    lines: read.lines,
                }))
            });
            if !self.hand_on(records.collect::<Result<_, LedgerError>>()?).await {
                return Ok(false);
            }
        }
    }

    async fn entries(&self) -> Result<bool, LedgerError> {
        let (entries, rows) = (self.portal(ENTRIES).await?, self.portal(ROWS).await?);
        let mut waiting: VecDeque<LedgerRow> = VecDeque::new();
        let mut more = true;
        loop {
            let page = self.page(&entries).await?;
            if page.is_empty() {
                return Ok(true);
            }
            for row in &page {
                let seq: i64 = row.try_get(1)?;
                // Until a row of a later entry is there, some of this one may be missing.
                while more && waiting.back().is_none_or(|last| last.seq <= seq) {
                    let read = self.page(&rows).await?;
                    more = !read.is_empty();
                    for row in &read {
                        waiting.push_back(ledger_row(row)?);
                    }
                }
                let own = waiting.iter().take_while(|row| row.seq <= seq).count();
                let entry = EntryRecord {
                    epoch: row.try_get(0)?,
                    seq,
                    chain: row.try_get(2)?,
                    occurred_at: millis(row, 3)?,
                    seal: seal(row, 4)?,
                    rows: waiting.drain(..own).collect(),
                };
                if !self.hand_on(vec![Record::Entry(entry)]).await {
                    return Ok(false);
                }
            }
        }
    }
}

fn seal(row: &Row, column: usize) -> Result<Option<String>, LedgerError> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    let unreadable = |_| LedgerError::Unreadable("a seal".to_owned());
    let seal = bytes.map(Seal::try_from).transpose().map_err(unreadable)?;
    Ok(seal.as_ref().map(shown_seal))
}
