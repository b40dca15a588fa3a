//! What the ledger's tables say, read by plain SQL and by nothing that the engine uses.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::{Client, NoTls, Row};

use crate::books::Lines;

/// One row of the table `ledger`. Times are microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerRow {
    /// The epoch it was committed in.
    pub epoch: i64,
    /// The event.
    pub seq: i64,
    /// What happened.
    pub kind: String,
    /// To which reservation.
    pub reservation: Option<String>,
    /// Of whom.
    pub customer: Option<String>,
    /// With which SKU.
    pub sku: Option<String>,
    /// How many units moved.
    pub quantity: i64,
    /// For which order.
    pub order: Option<String>,
    /// When, by the drop's time.
    pub at: i64,
    /// The reference of a restock.
    pub reference: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The settings of a `configured`.
    pub settings: Option<Value>,
}

/// One row of the table `entries`: what one script call changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The last event of the call.
    pub seq: i64,
    /// The epoch.
    pub epoch: i64,
    /// The digest over everything up to here.
    pub chain: String,
    /// When, by the drop's time.
    pub at: i64,
}

/// One row of the table `requests`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// The event that is the answer.
    pub seq: i64,
    /// The packed answer.
    pub answer: String,
}

/// The counts of a SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of its units.
    pub total: i64,
    /// Free ones.
    pub available: i64,
    /// Held ones.
    pub held: i64,
    /// Sold ones.
    pub sold: i64,
}

/// One reservation as it is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Whose.
    pub customer: String,
    /// Its state.
    pub state: String,
    /// Its order.
    pub order: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When it ends or would have ended.
    pub expires_at: i64,
    /// The event that changed it last.
    pub changed_seq: i64,
    /// Its lines.
    pub lines: Lines,
}

/// Everything the ledger says about one drop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DropRecords {
    /// Its epoch.
    pub epoch: i64,
    /// Its last event.
    pub last_seq: i64,
    /// The digest over all of them.
    pub last_chain: String,
    /// The facts, in order.
    pub rows: Vec<LedgerRow>,
    /// The script calls, in order.
    pub entries: Vec<Entry>,
    /// The idempotency keys by their digest.
    pub requests: HashMap<String, Remembered>,
    /// The counts by SKU.
    pub stock: BTreeMap<String, Counts>,
    /// The reservations by id.
    pub reservations: BTreeMap<String, Kept>,
}

/// Everything the ledger says, by drop.
pub type Records = BTreeMap<String, DropRecords>;

/// Reads everything, as of one instant.
///
/// # Errors
/// When the ledger can't be read.
pub async fn read(url: &str) -> anyhow::Result<Records> {
    let (mut client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let transaction = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let mut records = Records::new();
    let drops = "SELECT id, epoch, last_seq, last_chain FROM drops WHERE state IS NOT NULL";
    for row in transaction.query(drops, &[]).await? {
        let id: String = row.get(0);
        let mut drop = DropRecords {
            epoch: row.get(1),
            last_seq: row.get(2),
            last_chain: row.get(3),
            ..DropRecords::default()
        };
        read_drop(transaction.client(), &id, &mut drop).await?;
        records.insert(id, drop);
    }
    transaction.rollback().await?;
    std::mem::drop(client);
    connection.abort();
    Ok(records)
}

async fn read_drop(client: &Client, id: &str, drop: &mut DropRecords) -> anyhow::Result<()> {
    let sql = "SELECT epoch, seq, kind, reservation_id::text, customer_id, sku, quantity, order_id,
            occurred_at, reference, reason, settings
        FROM ledger WHERE drop_id = $1 ORDER BY seq, line";
    drop.rows = client.query(sql, &[&id]).await?.iter().map(ledger_row).collect();
    let sql = "SELECT seq, epoch, chain, occurred_at FROM entries WHERE drop_id = $1 ORDER BY seq";
    for row in client.query(sql, &[&id]).await? {
        let (seq, epoch, chain) = (row.get(0), row.get(1), row.get(2));
        drop.entries.push(Entry { seq, epoch, chain, at: micros(&row, 3) });
    }
    let sql = "SELECT key, seq, answer FROM requests WHERE drop_id = $1";
    for row in client.query(sql, &[&id]).await? {
        drop.requests.insert(row.get(0), Remembered { seq: row.get(1), answer: row.get(2) });
    }
    let sql = "SELECT sku, total, available, held, sold FROM stock WHERE drop_id = $1";
    for row in client.query(sql, &[&id]).await? {
        let (total, available) = (row.get(1), row.get(2));
        let counts = Counts { total, available, held: row.get(3), sold: row.get(4) };
        drop.stock.insert(row.get(0), counts);
    }
    read_reservations(client, id, drop).await
}

async fn read_reservations(
    client: &Client,
    id: &str,
    drop: &mut DropRecords,
) -> anyhow::Result<()> {
    let sql = "SELECT id::text, customer_id, state, order_id, created_at, expires_at, changed_seq
        FROM reservations WHERE drop_id = $1";
    for row in client.query(sql, &[&id]).await? {
        let kept = Kept {
            customer: row.get(1),
            state: row.get(2),
            order: row.get(3),
            created_at: micros(&row, 4),
            expires_at: micros(&row, 5),
            changed_seq: row.get(6),
            lines: Lines::new(),
        };
        drop.reservations.insert(row.get(0), kept);
    }
    let sql =
        "SELECT reservation_id::text, sku, quantity FROM reservation_lines WHERE drop_id = $1";
    for row in client.query(sql, &[&id]).await? {
        if let Some(kept) = drop.reservations.get_mut(&row.get::<_, String>(0)) {
            kept.lines.insert(row.get(1), row.get(2));
        }
    }
    Ok(())
}

fn ledger_row(row: &Row) -> LedgerRow {
    LedgerRow {
        epoch: row.get(0),
        seq: row.get(1),
        kind: row.get(2),
        reservation: row.get(3),
        customer: row.get(4),
        sku: row.get(5),
        quantity: row.get(6),
        order: row.get(7),
        at: micros(row, 8),
        reference: row.get(9),
        reason: row.get(10),
        settings: row.get(11),
    }
}

fn micros(row: &Row, column: usize) -> i64 {
    row.get::<_, DateTime<Utc>>(column).timestamp_micros()
}
