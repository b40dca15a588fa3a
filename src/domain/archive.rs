//! What an export of a drop says, line by line: JSON, one record a line.
//!
//! First the drop, then its SKUs, its reservations, the entries of its ledger with the rows of
//! each, in order, and a last line that tells whether the file is whole. Nothing besides the file
//! is needed to check it ([`ArchiveCheck`](super::ArchiveCheck)).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    CustomerId, DropId, DropState, LedgerRow, Line, Millis, OrderId, ReservationId,
    ReservationState, SkuId, Stock,
};

/// The version of this form.
pub const ARCHIVE_FORMAT: u32 = 1;

/// One line of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
pub enum Record {
    /// What it is an export of, as of one instant.
    Drop(DropRecord),
    /// A SKU of the drop.
    Sku(SkuRecord),
    /// A reservation of the drop.
    Reservation(ReservationRecord),
    /// What one script call changed.
    Entry(EntryRecord),
    /// The end of a file that is whole.
    End(EndRecord),
}

/// A drop: its settings, and how far its ledger goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DropRecord {
    /// [`ARCHIVE_FORMAT`].
    pub format: u32,
    /// Its id.
    pub id: DropId,
    /// What people call it.
    pub name: String,
    /// As last set.
    pub state: DropState,
    /// When it opens by itself.
    pub opens_at: Option<Millis>,
    /// When it closes by itself.
    pub closes_at: Option<Millis>,
    /// How long a hold lasts.
    pub hold_ttl_seconds: i64,
    /// How long a hold may last with all its extensions.
    pub max_hold_seconds: i64,
    /// Most units one customer may hold and own.
    pub limit_per_customer: Option<i64>,
    /// How long before its deadline the holder of a hold is warned; not told by older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiring_soon_seconds: Option<Vec<i64>>,
    /// Its generation.
    pub epoch: i64,
    /// The last `seq`.
    pub seq: i64,
    /// The last chain.
    pub chain: String,
    /// The last seal; `None` where there is none yet.
    pub seal: Option<String>,
}

/// A SKU: its settings and counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkuRecord {
    /// Which.
    pub sku: SkuId,
    /// Its counts.
    #[serde(flatten)]
    pub stock: Stock,
    /// The `seq` of its last event.
    pub version: i64,
    /// What people call it.
    pub name: String,
    /// What a page shows of it.
    pub details: Map<String, Value>,
    /// Most units of it one customer may hold and own.
    pub limit_per_customer: Option<i64>,
    /// At so many units or fewer it is running low.
    pub low_stock_threshold: i64,
}

/// A reservation as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReservationRecord {
    /// Its id.
    pub id: ReservationId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// What the id is mixed with for its tag in the seals; `None` once the customer was erased.
    pub customer_salt: Option<Uuid>,
    /// The tag, where the customer was erased.
    pub customer_tag: Option<String>,
    /// Where it is in its life.
    pub state: ReservationState,
    /// For which order.
    pub order_id: Option<OrderId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ended or ends unless confirmed.
    pub expires_at: Millis,
    /// What it holds, held last, or sold.
    pub lines: Vec<Line>,
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// The generation in which it happened.
    pub epoch: i64,
    /// The `seq` of its last event.
    pub seq: i64,
    /// Its place in the history that Redis told.
    pub chain: String,
    /// When it happened.
    pub occurred_at: Millis,
    /// Its seal; `None` where an older engine wrote it.
    pub seal: Option<String>,
    /// Its rows in the ledger, in order.
    pub rows: Vec<LedgerRow>,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRecord {
    /// Lines before this one.
    pub lines: u64,
    /// SHA-256 of all bytes before this line, as 43 characters of base64url.
    pub sha256: String,
}
