//! Pure types: what the words of the field mean, without any I/O.
//!
//! Everything past the HTTP boundary speaks in these types; a bare string or number
//! that came from outside has been parsed into one of them first.

mod api_key;
mod event;
mod id;
mod rate;
mod reservation;
mod settings;
mod stock;
mod time;
mod view;

pub use api_key::{
    ApiKey, ApiKeyId, ApiKeyState, ApiSecret, KeyChange, KeyDigest, MAX_KEY_DROPS,
    MAX_OVERLAP_SECONDS, NewApiKey, Scope, ShownApiKey,
};
pub use event::{Entry, Event, EventError, Moved, RequestKey, ReservationChange};
pub use id::{CustomerId, DropId, InvalidId, OrderId, Reference, ReservationId, SkuId};
pub use rate::{RateLimit, Standing};
pub use reservation::{
    Line, Lines, LinesError, MAX_LINES, MAX_QUANTITY, Reservation, ReservationState,
};
pub use settings::{DropPatch, DropSettings, DropState, SkuPatch, SkuSettings};
pub use stock::{MAX_STOCK, SkuStock, Stock};
pub use time::Millis;
pub use view::{DropView, LedgerRow, Page, SkuView};
