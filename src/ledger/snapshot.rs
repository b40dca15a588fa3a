//! Everything of one drop that Redis needs, as of one instant, in the form in which Redis
//! keeps it (see `lua/README.md`).

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::{IsolationLevel, Row, Transaction};
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    read::{millis, read_reservation},
};
use crate::domain::{DropId, Millis, Reservation, ReservationId, ReservationState};

/// How many values share one group of a sorted set, or one chunk.
const GROUP: usize = 250;
/// How many reservations a customer's list names; as in `lua/lib/list_reservation.lua`.
const LISTED: i32 = 64;

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
        snapshot.read_customers(&transaction, drop).await?;
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

    async fn read_reservations(
        &mut self,
        transaction: &Transaction<'_>,
        drop: &DropId,
        seq: i64,
    ) -> Result<(), LedgerError> {
        let sql = "SELECT r.id, r.customer_id, r.state, r.order_id, r.created_at, r.expires_at,
                l.skus, l.quantities
            FROM reservations r JOIN (
                SELECT reservation_id, array_agg(sku ORDER BY position) AS skus,
                    array_agg(quantity ORDER BY position) AS quantities
                FROM reservation_lines WHERE drop_id = $1 GROUP BY reservation_id
            ) l ON l.reservation_id = r.id
            WHERE r.drop_id = $1
                AND (r.state = 'held' OR r.changed_at > now() - interval '10 minutes')";
        let mut deadlines: BTreeMap<(String, i64), Vec<String>> = BTreeMap::new();
        let mut ended: Vec<String> = Vec::new();
        for row in transaction.query(sql, &[&drop.as_str()]).await? {
            let reservation = read_reservation(drop, &row)?;
            let id = reservation.id.short();
            if reservation.state == ReservationState::Held {
                note_deadlines(&mut deadlines, &reservation, &id);
                self.held_until.push((reservation.id, reservation.expires_at));
                self.reservations.push(id, reservation.pack());
            } else {
                self.reservations.push(id.clone(), format!("{} {seq}", reservation.pack()));
                ended.push(id);
            }
        }
        for ((sku, deadline), ids) in deadlines {
            for group in ids.chunks(GROUP) {
                self.deadlines.push("0", format!("{sku} {deadline:013} {}", group.concat()));
            }
        }
        // They stay for ten more minutes, all under one mark.
        let leave = Millis::from(chrono::Utc::now()).plus(600_000).0.to_string();
        for group in ended.chunks(GROUP) {
            self.ended.push(leave.clone(), format!("{seq} {}", group.concat()));
        }
        Ok(())
    }

    async fn read_customers(
        &mut self,
        transaction: &Transaction<'_>,
        drop: &DropId,
    ) -> Result<(), LedgerError> {
        let sql = "SELECT r.customer_id, l.sku, sum(l.quantity)::bigint
            FROM reservations r JOIN reservation_lines l
                ON l.drop_id = r.drop_id AND l.reservation_id = r.id
            WHERE r.drop_id = $1 AND r.state IN ('held', 'confirmed')
            GROUP BY r.customer_id, l.sku";
        let mut units: HashMap<String, Vec<String>> = HashMap::new();
        for row in transaction.query(sql, &[&drop.as_str()]).await? {
            let (sku, count): (String, i64) = (row.try_get(1)?, row.try_get(2)?);
            units.entry(row.try_get(0)?).or_default().push(format!("{sku}={count}"));
        }
        // Holds first: they are what may be in their own customer's way.
        let sql = "SELECT customer_id,
                (array_agg(id ORDER BY state = 'confirmed', id))[1:$2]
            FROM reservations WHERE drop_id = $1 AND state IN ('held', 'confirmed')
            GROUP BY customer_id";
        for row in transaction.query(sql, &[&drop.as_str(), &LISTED]).await? {
            let customer: String = row.try_get(0)?;
            let ids: Vec<Uuid> = row.try_get(1)?;
            let ids: String =
                ids.into_iter().map(|id| ReservationId::from(id).short() + " ").collect();
            let units = units.remove(&customer).unwrap_or_default().join(" ");
            self.customers.push(customer, format!("{units};{ids}"));
        }
        Ok(())
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

fn note_deadlines(
    deadlines: &mut BTreeMap<(String, i64), Vec<String>>,
    reservation: &Reservation,
    id: &str,
) {
    for line in &reservation.lines {
        let group = (line.sku.to_string(), reservation.expires_at.0);
        deadlines.entry(group).or_default().push(id.to_owned());
    }
}
