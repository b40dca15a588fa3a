//! Everything of one drop that Redis needs, as of one instant, in the form in which Redis
//! keeps it (see `lua/README.md`).

use std::collections::{BTreeMap, HashMap};

use futures_util::TryStreamExt as _;
use tokio_postgres::{IsolationLevel, Row, Transaction};
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    read::{millis, parse, reservation_of},
};
use crate::domain::{
    CustomerId, DropId, Line, Millis, Reservation, ReservationId, ReservationState, SkuId,
};

/// How many values share one group of a sorted set, or one chunk.
const GROUP: usize = 250;
/// How many reservations a customer's list names; as in `lua/lib/list_reservation.lua`.
const LISTED: usize = 64;

/// Values for one of the drop's keys: field and value, or score and member, in turn.
#[derive(Debug, Default)]
pub struct SnapshotPart {
    /// Pairs, one behind the other.
    pub values: Vec<String>,
}

impl SnapshotPart {
    fn push(&mut self, first: impl Into<String>, second: impl Into<String>) {
        self.values.push(first.into());
        self.values.push(second.into());
    }

    /// How many pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / 2
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// One drop, ready to be brought back.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Fields and values of `meta`.
    pub meta: SnapshotPart,
    /// Counts and limit per SKU.
    pub stock: SnapshotPart,
    /// Those that are held, and those that ended in the last ten minutes.
    pub reservations: SnapshotPart,
    /// Groups of deadlines.
    pub deadlines: SnapshotPart,
    /// What each customer uses.
    pub customers: SnapshotPart,
    /// Idempotency keys of the last 24 hours.
    pub keys: SnapshotPart,
    /// When groups of them may be forgotten.
    pub key_ages: SnapshotPart,
    /// When groups of ended reservations may leave.
    pub ended: SnapshotPart,
    /// Units held, over all SKUs.
    pub held: i64,
    /// Units sold, over all SKUs.
    pub sold: i64,
    /// Deadlines of the held reservations: a rebuild moves those that passed meanwhile.
    pub held_until: Vec<(ReservationId, Millis)>,
}

impl Ledger {
    /// Reads a drop at `epoch`; `None` when the drop has another epoch by now.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn snapshot(
        &self,
        drop: &DropId,
        epoch: i64,
    ) -> Result<Option<Snapshot>, LedgerError> {
        let mut connection = self.reader().await?;
        let transaction = connection
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let mut snapshot = Snapshot::default();
        let Some(seq) = snapshot.read_meta(&transaction, drop, epoch).await? else {
            return Ok(None);
        };
        snapshot.read_stock(&transaction, drop).await?;
        snapshot.read_reservations(&transaction, drop, seq).await?;
        snapshot.read_keys(&transaction, drop).await?;
        transaction.commit().await?;
        Ok(Some(snapshot))
    }
}

impl Snapshot {
    async fn read_meta(
        &mut self,
        transaction: &Transaction<'_>,
        drop: &DropId,
        epoch: i64,
    ) -> Result<Option<i64>, LedgerError> {
        let sql = "SELECT last_seq, last_chain, state, opens_at, closes_at, hold_ttl_seconds,
            max_hold_seconds, limit_per_customer,
            (SELECT occurred_at FROM entries e WHERE e.drop_id = d.id AND e.seq = d.last_seq)
            FROM drops d WHERE id = $1 AND epoch = $2";
        let Some(row) = transaction.query_opt(sql, &[&drop.as_str(), &epoch]).await? else {
            return Ok(None);
        };
        let seq: i64 = row.try_get(0)?;
        let at = |column| -> Result<String, LedgerError> {
            let at: Option<chrono::DateTime<chrono::Utc>> = row.try_get(column)?;
            Ok(at.map(|at| Millis::from(at).0.to_string()).unwrap_or_default())
        };
        let limit: Option<i64> = row.try_get(7)?;
        let meta = &mut self.meta;
        meta.push("seq", seq.to_string());
        meta.push("chain", row.try_get::<_, String>(1)?);
        meta.push("durable_seq", seq.to_string());
        if let Some(state) = row.try_get::<_, Option<String>>(2)? {
            meta.push("state", state);
        }
        // A drop's time doesn't run back, in a new Redis whose clock is behind neither.
        meta.push("latest_ms", at(8)?);
        meta.push("opens_at", at(3)?);
        meta.push("closes_at", at(4)?);
        meta.push("ttl_ms", (row.try_get::<_, i64>(5)? * 1000).to_string());
        meta.push("max_hold_ms", (row.try_get::<_, i64>(6)? * 1000).to_string());
        meta.push("limit", limit.map(|limit| limit.to_string()).unwrap_or_default());
        Ok(Some(seq))
    }

    async fn read_stock(
        &mut self,
        transaction: &Transaction<'_>,
        drop: &DropId,
    ) -> Result<(), LedgerError> {
        let sql = "SELECT sku, available, held, sold, limit_per_customer FROM stock
            WHERE drop_id = $1";
        for row in transaction.query(sql, &[&drop.as_str()]).await? {
            let (available, held, sold): (i64, i64, i64) =
                (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let limit: Option<i64> = row.try_get(4)?;
            let limit = limit.map_or_else(|| "*".to_owned(), |limit| limit.to_string());
            let sku: String = row.try_get(0)?;
            self.stock.push(sku, format!("{available} {held} {sold} {limit}"));
            self.held += held;
            self.sold += sold;
        }
        Ok(())
    }

    /// Reads what stands in Redis of reservations and customers, in one pass, row by row: at a
    /// million holds a list of all rows would be most of this process' memory.
    async fn read_reservations(
        &mut self,
        transaction: &Transaction<'_>,
        drop: &DropId,
        seq: i64,
    ) -> Result<(), LedgerError> {
        let rows = transaction.query_raw(RESERVATIONS, [drop.as_str()]).await?;
        tokio::pin!(rows);
        let mut gathered = Gathered::default();
        let mut current: Option<(Reservation, bool)> = None;
        while let Some(row) = rows.try_next().await? {
            let id = ReservationId::from(row.try_get::<_, Uuid>(0)?);
            let line = Line { sku: parse(&row, 6)?, quantity: row.try_get(7)? };
            match &mut current {
                Some((reservation, _)) if reservation.id == id => reservation.lines.push(line),
                _ => {
                    let read = reservation_of(drop, &row, vec![line])?;
                    if let Some(whole) = current.replace((read, row.try_get(8)?)) {
                        self.keep(&mut gathered, whole, seq);
                    }
                }
            }
        }
        if let Some(whole) = current {
            self.keep(&mut gathered, whole, seq);
        }
        self.finish(gathered, seq);
        Ok(())
    }

    fn keep(&mut self, gathered: &mut Gathered, whole: (Reservation, bool), seq: i64) {
        let (reservation, recent) = whole;
        let id = reservation.id.short();
        let held = reservation.state == ReservationState::Held;
        if held || reservation.state == ReservationState::Confirmed {
            gathered.customers.entry(reservation.customer_id.clone()).or_default().add(
                &reservation.lines,
                &id,
                held,
            );
        }
        if held {
            for line in &reservation.lines {
                let group = (line.sku.clone(), reservation.expires_at.0);
                gathered.deadlines.entry(group).or_default().push(id.clone());
            }
            self.held_until.push((reservation.id, reservation.expires_at));
            self.reservations.push(id, reservation.pack());
        } else if recent {
            self.reservations.push(id.clone(), format!("{} {seq}", reservation.pack()));
            gathered.ended.push(id);
        }
    }

    fn finish(&mut self, gathered: Gathered, seq: i64) {
        for ((sku, deadline), ids) in gathered.deadlines {
            for group in ids.chunks(GROUP) {
                self.deadlines.push("0", format!("{sku} {deadline:013} {}", group.concat()));
            }
        }
        // They stay for ten more minutes, all under one mark.
        let leave = Millis::from(chrono::Utc::now()).plus(600_000).0.to_string();
        for group in gathered.ended.chunks(GROUP) {
            self.ended.push(leave.clone(), format!("{seq} {}", group.concat()));
        }
        for (customer, used) in gathered.customers {
            self.customers.push(customer.to_string(), used.pack());
        }
    }

    async fn read_keys(
        &mut self,
        transaction: &Transaction<'_>,
        drop: &DropId,
    ) -> Result<(), LedgerError> {
        let sql = "SELECT occurred_at, key, fingerprint, seq FROM requests
            WHERE drop_id = $1 AND occurred_at > now() - interval '24 hours'
            ORDER BY occurred_at";
        let rows: Vec<Row> = transaction.query(sql, &[&drop.as_str()]).await?;
        for group in rows.chunks(GROUP) {
            let mut member = String::new();
            for row in group {
                let (key, fingerprint, seq): (String, String, i64) =
                    (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
                member.push_str(&key);
                self.keys.push(key, format!("{fingerprint} {seq}"));
            }
            if let Some(last) = group.last() {
                self.key_ages.push(millis(last, 0)?.plus(86_400_000).0.to_string(), member);
            }
        }
        Ok(())
    }
}

/// Rows of one reservation stand together, its lines in their order.
const RESERVATIONS: &str = "SELECT r.id, r.customer_id, r.state, r.order_id, r.created_at,
        r.expires_at, l.sku, l.quantity, r.changed_at > now() - interval '10 minutes'
    FROM reservations r JOIN reservation_lines l
        ON l.drop_id = r.drop_id AND l.reservation_id = r.id
    WHERE r.drop_id = $1 AND (r.state IN ('held', 'confirmed')
        OR r.changed_at > now() - interval '10 minutes')
    ORDER BY r.id, l.position";

/// What becomes complete only with the last reservation.
#[derive(Debug, Default)]
struct Gathered {
    deadlines: BTreeMap<(SkuId, i64), Vec<String>>,
    ended: Vec<String>,
    customers: HashMap<CustomerId, Used>,
}

/// What a customer holds and owns.
#[derive(Debug, Default)]
struct Used {
    units: Vec<Line>,
    held: Vec<String>,
    owned: Vec<String>,
}

impl Used {
    fn add(&mut self, lines: &[Line], id: &str, held: bool) {
        for line in lines {
            match self.units.iter_mut().find(|known| known.sku == line.sku) {
                Some(known) => known.quantity += line.quantity,
                None => self.units.push(line.clone()),
            }
        }
        let list = if held { &mut self.held } else { &mut self.owned };
        if list.len() < LISTED {
            list.push(id.to_owned());
        }
    }

    /// Holds first: they are what may be in their own customer's way.
    fn pack(&self) -> String {
        let units: Vec<String> =
            self.units.iter().map(|line| format!("{}={}", line.sku, line.quantity)).collect();
        let listed = self.held.iter().chain(&self.owned).take(LISTED);
        let ids: String = listed.flat_map(|id| [id.as_str(), " "]).collect();
        format!("{};{ids}", units.join(" "))
    }
}
