//! Customers: erased on request.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Api;
use super::extract::JsonBody;
use super::problem::{Code, Problem, Refused};
use super::request;
use crate::domain::DropId;
use crate::engine::{ErasedDrop, Erasure};

/// What was erased. The id itself is not said once more.
#[derive(Debug, Serialize)]
pub(super) struct Erased {
    drops: Vec<ErasedDrop>,
}

/// `POST /v1/admin/customers/erase`: the id stands in the body, for addresses end up in logs.
pub(super) async fn erase(
    State(api): State<Arc<Api>>,
    JsonBody(body): JsonBody,
) -> Result<Json<Erased>, Problem> {
    let request::Erase { customer_id, drop } = request::Erase::read(&body)?;
    let erasure =
        api.change(|engine| async move { engine.erase(&customer_id, drop.as_ref()).await }).await;
    match erasure.map_err(|error| Refused::Call.problem(error))? {
        Erasure::Done(drops) => Ok(Json(Erased { drops })),
        Erasure::HasHolds(drops) => Err(hold_active(&drops)),
    }
}

/// What has to end first.
pub(super) fn hold_active(drops: &[DropId]) -> Problem {
    Problem::new(
        Code::HoldActive,
        "The customer has active holds in `drops`. Release or confirm them, or ask again once they \
         have ended.",
    )
    .with("drops", drops)
}
