//! Everything of one drop that Redis needs, as of one instant, in the form in which Redis
//! keeps it (see `lua/README.md`).

use std::collections::{BTreeMap, HashMap};

use tokio::sync::mpsc;
use tokio_postgres::{IsolationLevel, Portal, Row, Transaction};
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    read::{millis, parse, reservation_of},
};
use crate::domain::{
    CustomerId, DropId, Line, Millis, Reservation, ReservationId, ReservationState, SkuId,
};

/// How many values share one group of a sorted set.
const GROUP: usize = 250;
/// Rows that are fetched at once, and pairs of one part: decoding them takes some milliseconds, in
/// which nobody else has this thread.
const PAGE: usize = 2_000;
/// How many reservations a customer's list names; as in `lua/lib/list_reservation.lua`.
const LISTED: usize = 64;
/// The reader may have to wait for whoever takes the parts: longer than a call of Redis may take.
const PATIENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '30s'";

/// Values for one of the drop's keys: field and value, or score and member, in turn.
#[derive(Debug)]
pub struct SnapshotPart {
    /// The key's name in the catalogue.
    pub name: &'static str,
    /// Pairs, one behind the other.
    pub values: Vec<String>,
}

/// Where the parts go, in the order in which they are read.
pub type SnapshotParts = mpsc::Sender<SnapshotPart>;

/// What is known of a drop once all its parts were read.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Units held, over all SKUs.
    pub held: i64,
    /// Units sold, over all SKUs.
    pub sold: i64,
    /// Deadlines of the held reservations: a rebuild moves those that passed meanwhile.
    pub held_until: Vec<(ReservationId, Millis)>,
}

impl Ledger {
    /// Reads a drop at `epoch`, as of one instant, and hands it on part by part, so that a part
    /// can be written while the next is read and a million holds are never in memory at once.
    /// `None` when the drop has another epoch by now, or nobody takes the parts.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn snapshot(
        &self,
        drop: &DropId,
        epoch: i64,
        parts: SnapshotParts,
    ) -> Result<Option<Snapshot>, LedgerError> {
        let mut connection = self.reader().await?;
        let transaction = connection
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        transaction.batch_execute(PATIENCE).await?;
        let mut reader =
            Reader { transaction: &transaction, drop, parts, snapshot: Snapshot::default() };
        let Some(seq) = reader.read_meta(epoch).await? else { return Ok(None) };
        let read = reader.read_stock().await?.is_some()
            && reader.read_reservations(seq).await?.is_some()
            && reader.read_keys().await?.is_some();
        let snapshot = reader.snapshot;
        transaction.commit().await?;
        Ok(read.then_some(snapshot))
    }
}

impl Ledger {
    /// How many reservations a snapshot of a drop has at present.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn snapshot_reservations(&self, drop: &DropId) -> Result<i64, LedgerError> {
        let sql = format!("SELECT count(*) FROM reservations r WHERE {KEPT}");
        Ok(self.reader().await?.query_one(&sql, &[&drop.as_str()]).await?.try_get(0)?)
    }
}

/// Reads within one transaction. `None` from its methods: nobody takes the parts.
struct Reader<'a> {
    transaction: &'a Transaction<'a>,
    drop: &'a DropId,
    parts: SnapshotParts,
    snapshot: Snapshot,
}

impl Reader<'_> {
    async fn hand_on(&self, name: &'static str, values: Vec<String>) -> Option<()> {
        if values.is_empty() {
            return Some(());
        }
        self.parts.send(SnapshotPart { name, values }).await.ok()
    }

    /// The next rows of a portal; each page is a statement with a time limit of its own.
    async fn page(&self, portal: &Portal) -> Result<Vec<Row>, LedgerError> {
        let most = i32::try_from(PAGE).unwrap_or(i32::MAX);
        Ok(self.transaction.query_portal(portal, most).await?)
    }

    async fn read_meta(&self, epoch: i64) -> Result<Option<i64>, LedgerError> {
        let sql = "SELECT last_seq, last_chain, state, opens_at, closes_at, hold_ttl_seconds,
            max_hold_seconds, limit_per_customer,
            (SELECT occurred_at FROM entries e WHERE e.drop_id = d.id AND e.seq = d.last_seq)
            FROM drops d WHERE id = $1 AND epoch = $2";
        let found = self.transaction.query_opt(sql, &[&self.drop.as_str(), &epoch]).await?;
        let Some(row) = found else { return Ok(None) };
        let seq: i64 = row.try_get(0)?;
        let at = |column| -> Result<String, LedgerError> {
            let at: Option<chrono::DateTime<chrono::Utc>> = row.try_get(column)?;
            Ok(at.map(|at| Millis::from(at).0.to_string()).unwrap_or_default())
        };
        let limit: Option<i64> = row.try_get(7)?;
        let mut meta = Vec::new();
        let mut push = |field: &str, value: String| meta.extend([field.to_owned(), value]);
        push("seq", seq.to_string());
        push("chain", row.try_get::<_, String>(1)?);
        push("durable_seq", seq.to_string());
        if let Some(state) = row.try_get::<_, Option<String>>(2)? {
            push("state", state);
        }
        // A drop's time doesn't run back, in a new Redis whose clock is behind neither.
        push("latest_ms", at(8)?);
        push("opens_at", at(3)?);
        push("closes_at", at(4)?);
        push("ttl_ms", (row.try_get::<_, i64>(5)? * 1000).to_string());
        push("max_hold_ms", (row.try_get::<_, i64>(6)? * 1000).to_string());
        push("limit", limit.map(|limit| limit.to_string()).unwrap_or_default());
        Ok(self.hand_on("meta", meta).await.map(|()| seq))
    }

    async fn read_stock(&mut self) -> Result<Option<()>, LedgerError> {
        let sql = "SELECT sku, available, held, sold, limit_per_customer FROM stock
            WHERE drop_id = $1";
        let mut stock = Vec::new();
        for row in self.transaction.query(sql, &[&self.drop.as_str()]).await? {
            let (available, held, sold): (i64, i64, i64) =
                (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let limit: Option<i64> = row.try_get(4)?;
            let limit = limit.map_or_else(|| "*".to_owned(), |limit| limit.to_string());
            stock.extend([row.try_get(0)?, format!("{available} {held} {sold} {limit}")]);
            self.snapshot.held += held;
            self.snapshot.sold += sold;
        }
        Ok(self.hand_on("stock", stock).await)
    }

    /// Reads what stands in Redis of reservations and customers, in one pass. The next page is
    /// fetched while one is decoded.
    async fn read_reservations(&mut self, seq: i64) -> Result<Option<()>, LedgerError> {
        let statement = self.transaction.prepare(&RESERVATIONS.join(KEPT)).await?;
        let portal = self.transaction.bind(&statement, &[&self.drop.as_str()]).await?;
        let mut gathered = Gathered { seq, ..Gathered::default() };
        let mut rows = self.page(&portal).await?;
        let mut current: Option<(Reservation, bool)> = None;
        while !rows.is_empty() {
            let decode = async {
                for row in std::mem::take(&mut rows) {
                    let id = ReservationId::from(row.try_get::<_, Uuid>(0)?);
                    let line = Line { sku: parse(&row, 6)?, quantity: row.try_get(7)? };
                    match &mut current {
                        Some((whole, _)) if whole.id == id => whole.lines.push(line),
                        _ => {
                            let read = reservation_of(self.drop, &row, vec![line])?;
                            if let Some(whole) = current.replace((read, row.try_get(8)?)) {
                                gathered.keep(whole);
                            }
                        }
                    }
                }
                Ok(self.hand_on("reservations", std::mem::take(&mut gathered.packed)).await)
            };
            let (next, taken) = tokio::try_join!(self.page(&portal), decode)?;
            if taken.is_none() {
                return Ok(None);
            }
            rows = next;
        }
        if let Some(whole) = current {
            gathered.keep(whole);
        }
        self.snapshot.held_until = std::mem::take(&mut gathered.held_until);
        Ok(self.finish(gathered).await)
    }

    /// Hands on what becomes complete only with the last reservation.
    async fn finish(&self, mut gathered: Gathered) -> Option<()> {
        self.hand_on("reservations", std::mem::take(&mut gathered.packed)).await?;
        let mut values = Vec::new();
        for ((sku, deadline), ids) in gathered.deadlines {
            for group in ids.chunks(GROUP) {
                let member = format!("{sku} {deadline:013} {}", pack_ids(group));
                values.extend(["0".to_owned(), member]);
            }
            if values.len() >= PAGE {
                self.hand_on("deadlines", std::mem::take(&mut values)).await?;
            }
        }
        self.hand_on("deadlines", std::mem::take(&mut values)).await?;
        // They stay for ten more minutes, all under one mark.
        let leave = Millis::from(chrono::Utc::now()).plus(600_000).0.to_string();
        for group in gathered.ended.chunks(GROUP) {
            values.extend([leave.clone(), format!("{} {}", gathered.seq, group.concat())]);
        }
        self.hand_on("ended", std::mem::take(&mut values)).await?;
        for (customer, used) in gathered.customers {
            values.extend([customer.to_string(), used.pack()]);
            if values.len() >= 2 * PAGE {
                self.hand_on("customers", std::mem::take(&mut values)).await?;
            }
        }
        self.hand_on("customers", values).await
    }

    async fn read_keys(&self) -> Result<Option<()>, LedgerError> {
        let sql = "SELECT occurred_at, key, fingerprint, seq FROM requests
            WHERE drop_id = $1 AND occurred_at > now() - interval '24 hours'
            ORDER BY occurred_at";
        let statement = self.transaction.prepare(sql).await?;
        let portal = self.transaction.bind(&statement, &[&self.drop.as_str()]).await?;
        loop {
            let rows = self.page(&portal).await?;
            if rows.is_empty() {
                return Ok(Some(()));
            }
            let (mut keys, mut ages) = (Vec::new(), Vec::new());
            for group in rows.chunks(GROUP) {
                let mut mark = 0;
                for row in group {
                    let (key, fingerprint, seq): (String, String, i64) =
                        (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
                    mark = seq.max(mark);
                    keys.extend([key, format!("{fingerprint} {seq}")]);
                }
                if let Some(last) = group.last() {
                    let age = millis(last, 0)?.plus(86_400_000).0.to_string();
                    ages.extend([age, mark.to_string()]);
                }
            }
            for (name, values) in [("keys", keys), ("key_ages", ages)] {
                if self.hand_on(name, values).await.is_none() {
                    return Ok(None);
                }
            }
        }
    }
}

/// Ids of one group of deadlines: those made in one millisecond share what tells it, behind a
/// dot. As in `lua/lib/pack_ids.lua`.
fn pack_ids(ids: &[String]) -> String {
    let mut text = String::with_capacity(ids.len() * 22);
    let mut last = "";
    for (time, rest) in ids.iter().filter_map(|id| id.split_at_checked(8)) {
        if time != last {
            text.push('.');
            text.push_str(time);
            last = time;
        }
        text.push_str(rest);
    }
    text
}

/// Reservations of drop `$1` that Redis keeps.
const KEPT: &str = "r.drop_id = $1 AND (r.state IN ('held', 'confirmed')
        OR r.changed_at > now() - interval '10 minutes')";

/// Rows of one reservation stand together, its lines in their order; [`KEPT`] goes in between.
const RESERVATIONS: [&str; 2] = [
    "SELECT r.id, r.customer_id, r.state, r.order_id, r.created_at,
        r.expires_at, l.sku, l.quantity, r.changed_at > now() - interval '10 minutes'
    FROM reservations r JOIN reservation_lines l
        ON l.drop_id = r.drop_id AND l.reservation_id = r.id
    WHERE ",
    " ORDER BY r.id, l.position",
];

/// What was read of reservations and not handed on yet.
#[derive(Debug, Default)]
struct Gathered {
    /// The ledger's last `seq`: the mark of those that have ended.
    seq: i64,
    /// Ids and packed reservations since the last part.
    packed: Vec<String>,
    held_until: Vec<(ReservationId, Millis)>,
    // These become complete only with the last reservation.
    deadlines: BTreeMap<(SkuId, i64), Vec<String>>,
    ended: Vec<String>,
    customers: HashMap<CustomerId, Used>,
}

impl Gathered {
    fn keep(&mut self, (reservation, recent): (Reservation, bool)) {
        let id = reservation.id.short();
        let held = reservation.state == ReservationState::Held;
        if held || reservation.state == ReservationState::Confirmed {
            let used = self.customers.entry(reservation.customer_id.clone()).or_default();
            used.add(&reservation.lines, &id, held);
        }
        if held {
            for line in &reservation.lines {
                let group = (line.sku.clone(), reservation.expires_at.0);
                self.deadlines.entry(group).or_default().push(id.clone());
            }
            self.held_until.push((reservation.id, reservation.expires_at));
            self.packed.extend([id, reservation.store_form(None)]);
        } else if recent {
            self.packed.extend([id.clone(), reservation.store_form(Some(self.seq))]);
            self.ended.push(id);
        }
    }
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
