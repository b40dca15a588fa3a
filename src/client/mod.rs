//! The API as the program's own commands use it: one HTTP client, the shapes of answers, and what a
//! call without a good answer may have done.
//!
//! Every call has a time limit, goes straight to the address that was given, without proxies or
//! redirections, and tells apart what was refused, what did not happen, and what nobody knows.

mod calls;
mod failure;
mod figures;
mod patience;
mod shapes;
mod transport;
mod webhooks;

pub use calls::{Client, DropChange, RestockCall};
pub use failure::{Failure, Refusal};
pub use figures::{Figures, Rates};
pub use patience::{Repeat, patiently};
pub use shapes::{Counts, Drop, Shown, Sku};
pub use webhooks::{Attempt, Delivery, Items, Webhook};
