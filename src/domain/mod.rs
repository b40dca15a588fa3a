//! Pure types: what the words of the field mean, without any I/O.
//!
//! Everything past the HTTP boundary speaks in these types; a bare string or number
//! that came from outside has been parsed into one of them first.

mod event;
mod id;
mod reservation;
mod settings;
mod stock;
mod time;
mod view;

pub use event::{Entry, Event, EventError, Moved, RequestKey, ReservationChange};
pub use id::{CustomerId, DropId, InvalidId, OrderId, Reference, ReservationId, SkuId};
pub use reservation::{
    Line, Lines, LinesError, MAX_LINES, MAX_QUANTITY, Reservation, ReservationState,
};
pub use settings::{DropPatch, DropSettings, DropState, SkuPatch, SkuSettings};
pub use stock::{MAX_STOCK, SkuStock, Stock};
pub use time::Millis;
pub use view::{DropView, LedgerRow, Page, SkuView};
