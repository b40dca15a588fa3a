//! Pure types: what the words of the field mean, without any I/O.
//!
//! Everything past the HTTP boundary speaks in these types; a bare string or number
//! that came from outside has been parsed into one of them first.

mod api_key;
mod archive;
mod archive_check;
mod cloud_event;
mod event;
mod id;
mod protocol;
mod rate;
mod reservation;
mod seal;
mod settings;
mod stock;
mod time;
mod view;
mod watch;
mod webhook;

pub use api_key::{
    ApiKey, ApiKeyId, ApiKeyState, ApiSecret, KeyChange, KeyDigest, MAX_KEY_DROPS,
    MAX_OVERLAP_SECONDS, NewApiKey, Scope, ShownApiKey,
};
pub use archive::{
    ARCHIVE_FORMAT, DropRecord, EndRecord, EntryRecord, Record, ReservationRecord, SkuRecord,
};
pub use archive_check::{ArchiveCheck, Checked};
pub use cloud_event::{CloudEvent, EventData, EventLine, event_id, event_type};
pub use event::{Entry, Event, EventError, Moved, RequestKey, ReservationChange};
pub use id::{CustomerId, DropId, InvalidId, OrderId, Reference, ReservationId, SkuId};
pub use protocol::Protocol;
pub use rate::{RateLimit, Standing};
pub use reservation::{
    Line, Lines, LinesError, MAX_LINES, MAX_QUANTITY, Reservation, ReservationState,
};
pub use seal::{EntryDigest, Seal, customer_tag, next_seal, read_seal, shown as shown_seal};
pub use settings::{DropPatch, DropSettings, DropState, MAX_WARNINGS, SkuPatch, SkuSettings};
pub use stock::{MAX_STOCK, SkuStock, Stock};
pub use time::Millis;
pub use view::{
    Details, DetailsVersion, DropView, FullDrop, FullSku, KINDS, LEDGER_COLUMNS, LedgerFilter,
    LedgerRange, LedgerRow, Page, SkuView,
};
pub use watch::{SECRET_BYTES, WatchKey};
pub use webhook::{
    Attempt, Beginning, Delivery, DeliveryId, DeliveryState, EventKind, MAX_BATCH, MAX_URL,
    MAX_WEBHOOK_DROPS, NewWebhook, SECRETS_OVERLAP_SECONDS, Webhook, WebhookId, WebhookPatch,
    WebhookSecret, WebhookState, WebhookWithSecret,
};
