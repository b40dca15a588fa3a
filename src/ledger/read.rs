//! Reading the ledger.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use tokio_postgres::{Row, Transaction, types::ToSql};
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    batch::{read_reservation_answer, read_stock_answer},
};
use crate::domain::{
    CustomerId, Details, DetailsVersion, DropId, DropSettings, DropState, DropView, FullDrop,
    FullSku, LedgerRow, Line, Millis, Page, Reservation, ReservationId, ReservationState, SkuId,
    SkuSettings, SkuStock, SkuView, Stock,
};

/// How far a drop is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its generation.
    pub epoch: i64,
    /// The last `seq`.
    pub seq: i64,
    /// The last chain.
    pub chain: String,
    /// How far (epoch, `seq`) a history went that this ledger lacks: a person must decide.
    pub lost: Option<(i64, i64)>,
    /// Whether the drop was taken out of Redis in this generation.
    pub evicted: bool,
}

/// The columns of a [`Head`].
pub(super) const HEAD: &str = "epoch, last_seq, last_chain, lost_epoch, lost_seq,
    COALESCE(evicted_epoch = epoch, false)";

impl Head {
    /// Reads the columns of [`HEAD`], of which the first is column `from`.
    pub(super) fn read(row: &Row, from: usize) -> Result<Head, LedgerError> {
        let lost: (Option<i64>, Option<i64>) = (row.try_get(from + 3)?, row.try_get(from + 4)?);
        Ok(Head {
            epoch: row.try_get(from)?,
            seq: row.try_get(from + 1)?,
            chain: row.try_get(from + 2)?,
            lost: lost.0.zip(lost.1),
            evicted: row.try_get(from + 5)?,
        })
    }
}

/// What the ledger remembers of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Digest of the request that came with it.
    pub fingerprint: String,
    /// The event that answered.
    pub seq: i64,
    answer: String,
}

impl Remembered {
    /// The answer as a reservation.
    #[must_use]
    pub fn reservation(&self, drop: &DropId) -> Option<Reservation> {
        read_reservation_answer(drop, &self.answer)
    }

    /// The answer as a SKU's counts.
    #[must_use]
    pub fn stock(&self) -> Option<Stock> {
        read_stock_answer(&self.answer)
    }
}

/// Which reservations are asked for.
#[derive(Clone, Debug, Default)]
pub struct ReservationFilter {
    /// Only this customer's.
    pub customer: Option<CustomerId>,
    /// Only in this state.
    pub state: Option<ReservationState>,
    /// Only those after this reservation, in the order of ids.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: i64,
}

pub(super) const RESERVATION: &str =
    "SELECT r.id, r.customer_id, r.state, r.order_id, r.created_at,
    r.expires_at, (SELECT array_agg(l.sku ORDER BY l.position) FROM reservation_lines l
        WHERE l.drop_id = r.drop_id AND l.reservation_id = r.id) AS skus,
    (SELECT array_agg(l.quantity ORDER BY l.position) FROM reservation_lines l
        WHERE l.drop_id = r.drop_id AND l.reservation_id = r.id) AS quantities, r.changed_seq
    FROM reservations r";

impl Ledger {
    /// How far a drop is; `None` for one that the ledger doesn't know.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn head(&self, drop: &DropId) -> Result<Option<Head>, LedgerError> {
        let connection = self.writer().await?;
        let sql = format!("SELECT {HEAD} FROM drops WHERE id = $1");
        let statement = connection.prepare_cached(&sql).await?;
        let row = connection.query_opt(&statement, &[&drop.as_str()]).await?;
        row.map(|row| Head::read(&row, 0)).transpose()
    }

    /// How far every drop is that Redis has ever known.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn heads(&self) -> Result<Vec<(DropId, Head)>, LedgerError> {
        let sql = format!("SELECT {HEAD}, id FROM drops WHERE epoch > 0");
        let rows = self.reader().await?.query(&sql, &[]).await?;
        rows.iter().map(|row| Ok((parse(row, 6)?, Head::read(row, 0)?))).collect()
    }

    /// The chains of the entries behind `after` and up to `upto`, in order; the last
    /// few thousand where there are more.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn chains(
        &self,
        drop: &DropId,
        after: i64,
        upto: i64,
    ) -> Result<Vec<(i64, String)>, LedgerError> {
        let connection = self.reader().await?;
        let sql = "SELECT seq, chain FROM entries WHERE drop_id = $1 AND seq > $2 AND seq <= $3
            ORDER BY seq DESC LIMIT 4096";
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection.query(&statement, &[&drop.as_str(), &after, &upto]).await?;
        rows.iter().rev().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// In one look: how far the drop is, and the chain of the entry that ends at `seq`.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn look(
        &self,
        drop: &DropId,
        seq: i64,
    ) -> Result<Option<(Head, Option<String>)>, LedgerError> {
        let connection = self.reader().await?;
        let sql = format!(
            "SELECT {HEAD}, (SELECT chain FROM entries e WHERE e.drop_id = d.id AND e.seq = $2)
            FROM drops d WHERE id = $1"
        );
        let statement = connection.prepare_cached(&sql).await?;
        let row = connection.query_opt(&statement, &[&drop.as_str(), &seq]).await?;
        row.map(|row| Ok((Head::read(&row, 0)?, row.try_get(6)?))).transpose()
    }

    /// What the ledger remembers of an idempotency key.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn remembered(
        &self,
        drop: &DropId,
        key: &str,
    ) -> Result<Option<Remembered>, LedgerError> {
        let connection = self.reader().await?;
        let sql = "SELECT fingerprint, seq, answer FROM requests WHERE drop_id = $1 AND key = $2";
        let statement = connection.prepare_cached(sql).await?;
        let row = connection.query_opt(&statement, &[&drop.as_str(), &key]).await?;
        row.map(|row| {
            Ok(Remembered {
                fingerprint: row.try_get(0)?,
                seq: row.try_get(1)?,
                answer: row.try_get(2)?,
            })
        })
        .transpose()
    }

    /// One reservation.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn reservation(
        &self,
        drop: &DropId,
        id: ReservationId,
    ) -> Result<Option<Reservation>, LedgerError> {
        let connection = self.reader().await?;
        let sql = format!("{RESERVATION} WHERE r.drop_id = $1 AND r.id = $2");
        let statement = connection.prepare_cached(&sql).await?;
        let row = connection.query_opt(&statement, &[&drop.as_str(), &id.uuid()]).await?;
        row.map(|row| read_reservation(drop, &row)).transpose()
    }

    /// Reservations of a drop, oldest first, a page at a time.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn reservations(
        &self,
        drop: &DropId,
        filter: &ReservationFilter,
    ) -> Result<Page<Reservation>, LedgerError> {
        let connection = self.reader().await?;
        let sql = format!(
            "{RESERVATION} WHERE r.drop_id = $1 AND ($2::text IS NULL OR r.customer_id = $2)
             AND ($3::text IS NULL OR r.state = $3) AND ($4::uuid IS NULL OR r.id > $4)
             ORDER BY r.id LIMIT $5"
        );
        let statement = connection.prepare_cached(&sql).await?;
        let customer = filter.customer.as_ref().map(CustomerId::as_str);
        let state = filter.state.map(ReservationState::as_str);
        let after = filter.cursor.as_deref().and_then(|cursor| Uuid::try_parse(cursor).ok());
        let more = filter.limit + 1;
        let rows = connection
            .query(&statement, &[&drop.as_str(), &customer, &state, &after, &more])
            .await?;
        let items = rows.iter().map(|row| read_reservation(drop, row));
        let items = items.collect::<Result<Vec<_>, _>>()?;
        Ok(page(items, filter.limit, |reservation| reservation.id.to_string()))
    }

    /// One drop with its SKUs, as of one instant; `None` when there is none, or when it has
    /// never been configured.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn drop_view(&self, drop: &DropId) -> Result<Option<DropView>, LedgerError> {
        let rows = self.views(With::Versions, "d.id = $1", &[&drop.as_str()]).await?;
        Ok(read_views(&rows)?.pop())
    }

    /// The same with its SKUs' details, which are many bytes.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn full_drop(&self, drop: &DropId) -> Result<Option<FullDrop>, LedgerError> {
        let rows = self.views(With::Details, "d.id = $1", &[&drop.as_str()]).await?;
        Ok(read_full(&rows)?.pop())
    }

    /// One SKU with its details.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn full_sku(
        &self,
        drop: &DropId,
        sku: &SkuId,
    ) -> Result<Option<FullSku>, LedgerError> {
        let filter = "d.id = $1 AND s.sku = $2";
        let rows = self.views(With::Details, filter, &[&drop.as_str(), &sku.as_str()]).await?;
        let found = read_full(&rows)?.pop();
        Ok(found.and_then(|FullDrop { mut view, mut details }| {
            Some(FullSku { view: view.skus.pop()?, details: details.pop()? })
        }))
    }

    /// Drops in the order of their ids, a page at a time; those among `only`, if that is given.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn drops(
        &self,
        only: Option<&BTreeSet<DropId>>,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<FullDrop>, LedgerError> {
        let filter = "d.id IN (SELECT id FROM drops WHERE state IS NOT NULL
            AND id COLLATE \"C\" > $1 AND ($3::text[] IS NULL OR id = ANY($3))
            ORDER BY id COLLATE \"C\" LIMIT $2)";
        let only: Option<Vec<&str>> = only.map(|ids| ids.iter().map(DropId::as_str).collect());
        let parameters: [&(dyn ToSql + Sync); 3] = [&cursor.unwrap_or(""), &(limit + 1), &only];
        let rows = self.views(With::Details, filter, &parameters).await?;
        Ok(page(read_full(&rows)?, limit, |drop| drop.view.id.to_string()))
    }

    /// One statement, so one snapshot: the counts of a drop always belong together.
    async fn views(
        &self,
        with: With,
        filter: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, LedgerError> {
        let connection = self.reader().await?;
        let statement = connection.prepare_cached(&views_sql(with, filter)).await?;
        Ok(connection.query(&statement, parameters).await?)
    }

    /// Rows of a drop's ledger behind `after_seq`, whole events only.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn rows(
        &self,
        drop: &DropId,
        after_seq: i64,
        limit: i64,
    ) -> Result<Page<LedgerRow>, LedgerError> {
        // A page ends with an event, so that its last seq is where the next one begins.
        let sql = format!(
            "SELECT {LEDGER_ROW} FROM ledger
            WHERE drop_id = $1 AND seq > $2 AND seq <= COALESCE(
                (SELECT seq FROM ledger WHERE drop_id = $1 AND seq > $2
                 ORDER BY seq, line LIMIT 1 OFFSET $3::bigint - 1), 9223372036854775807)
            ORDER BY seq, line"
        );
        let connection = self.reader().await?;
        let statement = connection.prepare_cached(&sql).await?;
        let rows = connection.query(&statement, &[&drop.as_str(), &after_seq, &limit]).await?;
        let items = rows.iter().map(ledger_row).collect::<Result<Vec<_>, _>>()?;
        let full = i64::try_from(items.len()).unwrap_or(i64::MAX) >= limit;
        let next_cursor = items.last().filter(|_| full).map(|row| row.seq.to_string());
        Ok(Page { items, next_cursor })
    }
}

/// What is read of the SKUs' details.
#[derive(Clone, Copy)]
enum With {
    Versions,
    Details,
}

/// Drops with their SKUs, those that `filter` wants.
fn views_sql(with: With, filter: &str) -> String {
    let details = match with {
        With::Versions => "",
        With::Details => ", s.details::text",
    };
    format!(
        "SELECT d.id, d.name, d.state, d.opens_at, d.closes_at, d.hold_ttl_seconds,
            d.max_hold_seconds, d.limit_per_customer, d.epoch, d.last_seq,
            s.sku, s.total, s.available, s.held, s.sold, s.version, s.name,
            s.limit_per_customer, s.low_stock_threshold, d.expiring_soon_seconds,
            COALESCE(v.epoch, 0), COALESCE(v.seq, 0){details}
         FROM drops d LEFT JOIN stock s ON s.drop_id = d.id
         LEFT JOIN detail_versions v ON v.drop_id = s.drop_id AND v.sku = s.sku
         WHERE d.state IS NOT NULL AND {filter}
         ORDER BY d.id COLLATE \"C\", s.created_seq, s.sku"
    )
}

fn read_views(rows: &[Row]) -> Result<Vec<DropView>, LedgerError> {
    let mut views: Vec<DropView> = Vec::new();
    for row in rows {
        let id: DropId = parse(row, 0)?;
        if views.last().is_none_or(|last| last.id != id) {
            views.push(read_drop(id, row)?);
        }
        if let (Some(view), Some(_)) = (views.last_mut(), row.try_get::<_, Option<&str>>(10)?) {
            view.skus.push(read_sku(row)?);
        }
    }
    Ok(views)
}

/// The drops of [`With::Details`]. Rows come in the order of the drops and of their SKUs.
fn read_full(rows: &[Row]) -> Result<Vec<FullDrop>, LedgerError> {
    let mut details = rows
        .iter()
        .filter_map(|row| row.try_get::<_, Option<String>>(22).transpose())
        .map(|text| read_details(text?));
    let views = read_views(rows)?.into_iter();
    views
        .map(|view| {
            let details = details.by_ref().take(view.skus.len()).collect::<Result<_, _>>()?;
            Ok(FullDrop { view, details })
        })
        .collect()
}

fn read_details(text: String) -> Result<Details, LedgerError> {
    RawValue::from_string(text).map(Arc::from).map_err(|_| unreadable("details"))
}

/// One drop with its SKUs, as a transaction sees it.
pub(super) async fn full_drop_in(
    transaction: &Transaction<'_>,
    drop: &DropId,
) -> Result<Option<FullDrop>, LedgerError> {
    let sql = views_sql(With::Details, "d.id = $1");
    Ok(read_full(&transaction.query(&sql, &[&drop.as_str()]).await?)?.pop())
}

/// A page of `limit` from a list that may have one item more.
pub(super) fn page<T>(mut items: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(cursor);
    Page { items, next_cursor }
}

fn unreadable(what: &str) -> LedgerError {
    LedgerError::Unreadable(what.to_owned())
}

pub(super) fn parse<T: std::str::FromStr>(row: &Row, column: usize) -> Result<T, LedgerError> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| unreadable(text))
}

fn parse_optional<T: std::str::FromStr>(
    row: &Row,
    column: usize,
) -> Result<Option<T>, LedgerError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|_| unreadable(text))).transpose()
}

pub(super) fn millis(row: &Row, column: usize) -> Result<Millis, LedgerError> {
    Ok(row.try_get::<_, DateTime<Utc>>(column)?.into())
}

pub(super) fn optional_millis(row: &Row, column: usize) -> Result<Option<Millis>, LedgerError> {
    Ok(row.try_get::<_, Option<DateTime<Utc>>>(column)?.map(Millis::from))
}

/// Reads `sku, total, available, held, sold, version`.
pub(super) fn sku_stock(row: &Row) -> Result<SkuStock, LedgerError> {
    sku_stock_at(row, 0)
}

fn sku_stock_at(row: &Row, at: usize) -> Result<SkuStock, LedgerError> {
    let stock = Stock {
        total: row.try_get(at + 1)?,
        available: row.try_get(at + 2)?,
        held: row.try_get(at + 3)?,
        sold: row.try_get(at + 4)?,
    };
    match stock.violation() {
        Some(violation) => Err(LedgerError::Unreadable(violation)),
        None => Ok(SkuStock { sku: parse(row, at)?, stock, version: row.try_get(at + 5)? }),
    }
}

pub(super) fn read_reservation(drop: &DropId, row: &Row) -> Result<Reservation, LedgerError> {
    let skus: Option<Vec<String>> = row.try_get("skus")?;
    let quantities: Option<Vec<i64>> = row.try_get("quantities")?;
    let lines = skus.unwrap_or_default().into_iter().zip(quantities.unwrap_or_default());
    let lines = lines
        .map(|(sku, quantity)| {
            Ok(Line { sku: sku.parse().map_err(|_| unreadable(&sku))?, quantity })
        })
        .collect::<Result<_, LedgerError>>()?;
    reservation_of(drop, row, lines)
}

/// Reads `id, customer_id, state, order_id, created_at, expires_at`.
pub(super) fn reservation_of(
    drop: &DropId,
    row: &Row,
    lines: Vec<Line>,
) -> Result<Reservation, LedgerError> {
    Ok(Reservation {
        id: row.try_get::<_, Uuid>(0)?.into(),
        drop: drop.clone(),
        customer_id: parse(row, 1)?,
        state: parse(row, 2)?,
        lines,
        order_id: parse_optional(row, 3)?,
        created_at: millis(row, 4)?,
        expires_at: millis(row, 5)?,
    })
}

fn read_drop(id: DropId, row: &Row) -> Result<DropView, LedgerError> {
    Ok(DropView {
        id,
        settings: DropSettings {
            name: row.try_get(1)?,
            state: parse::<DropState>(row, 2)?,
            opens_at: optional_millis(row, 3)?,
            closes_at: optional_millis(row, 4)?,
            hold_ttl_seconds: row.try_get(5)?,
            max_hold_seconds: row.try_get(6)?,
            limit_per_customer: row.try_get(7)?,
            expiring_soon_seconds: row.try_get(19)?,
        },
        epoch: row.try_get(8)?,
        seq: row.try_get(9)?,
        skus: Vec::new(),
    })
}

fn read_sku(row: &Row) -> Result<SkuView, LedgerError> {
    Ok(SkuView {
        stock: sku_stock_at(row, 10)?,
        settings: SkuSettings {
            name: row.try_get(16)?,
            limit_per_customer: row.try_get(17)?,
            low_stock_threshold: row.try_get(18)?,
        },
        details: DetailsVersion { epoch: row.try_get(20)?, seq: row.try_get(21)? },
    })
}

/// The columns of a [`LedgerRow`].
pub(super) const LEDGER_ROW: &str = "epoch, seq, kind, reservation_id, customer_id, sku, quantity,
    order_id, occurred_at, reference, reason, settings";

pub(super) fn ledger_row(row: &Row) -> Result<LedgerRow, LedgerError> {
    Ok(LedgerRow {
        epoch: row.try_get(0)?,
        seq: row.try_get(1)?,
        kind: row.try_get(2)?,
        reservation_id: row.try_get::<_, Option<Uuid>>(3)?.map(ReservationId::from),
        customer_id: parse_optional(row, 4)?,
        sku: parse_optional(row, 5)?,
        quantity: row.try_get(6)?,
        order_id: parse_optional(row, 7)?,
        occurred_at: millis(row, 8)?,
        reference: row.try_get(9)?,
        reason: row.try_get(10)?,
        settings: row.try_get(11)?,
    })
}
