//! The storefront page, and the cart of its visitors.
//!
//! The page shows what everybody may see. Where it sells, in `dev`, each browser has a session: a
//! random id in a cookie that no script can read, which is the customer. It stands for the server
//! that a shop has of its own, so the storefront key stays on this side.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::Api;
use super::super::body::{Fields, Wrong};
use super::super::extract::{DropPath, JsonBody, OptionalJsonBody, ReservationPath};
use super::super::idempotency::IdempotencyKey;
use super::super::problem::{Problem, Refused, unknown_reservation};
use super::super::request;
use super::super::storefront::{held, shown};
use super::super::view::ReservationView;
use super::{ASK, POLICY};
use crate::command::Refusal;
use crate::domain::{CustomerId, DropId, OrderId, Reservation, ReservationId};
use crate::engine::{CallError, ReservationFilter};

const PAGE: &str = include_str!("../../../web/shop.html");
const COOKIE: &str = "dropgate_shop";
/// How long a browser keeps its session, in seconds.
const SESSION_SECONDS: u32 = 86_400;
/// The most reservations that a cart shows.
const CART: i64 = 50;

/// The page; with a cart behind it where it sells.
pub(super) fn router(api: &Arc<Api>) -> Router<Arc<Api>> {
    let page = Router::new().route("/shop/{drop}", get(page));
    if !api.shop_sells {
        return page;
    }
    let cart = Router::new()
        .route("/shop/{drop}/cart", get(cart).post(hold))
        .route("/shop/{drop}/cart/{id}/extend", post(extend))
        .route("/shop/{drop}/cart/{id}/release", post(release))
        .route("/shop/{drop}/cart/{id}/pay", post(pay))
        .route_layer(from_fn(keep_session));
    page.merge(cart)
}

async fn page(State(api): State<Arc<Api>>, DropPath(drop): DropPath) -> Result<Response, Problem> {
    let shown = api.read(api.engine.drop_view(&drop)).await;
    let status = match shown {
        Ok(_) => StatusCode::OK,
        Err(CallError::UnknownDrop) => StatusCode::NOT_FOUND,
        Err(error) => return Err(Refused::Call.problem(error)),
    };
    // An id has no character that HTML would have to escape.
    let sells = api.shop_sells.to_string();
    let html = PAGE.replace("{{drop}}", drop.as_str()).replace("{{sells}}", &sells);
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, ASK)];
    Ok((status, headers, Html(html)).into_response())
}

/// Whose cart it is.
#[derive(Clone, Debug)]
struct Session(String);

impl Session {
    fn of(headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|all| all.to_str().ok());
        let mut pairs = cookies.flat_map(|all| all.split("; ")).filter_map(|c| c.split_once('='));
        let (_, id) = pairs.find(|(name, _)| *name == COOKIE)?;
        let fine = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        fine.then(|| Session(id.to_owned()))
    }

    fn customer(&self) -> Result<CustomerId, Problem> {
        let made = format!("shop-{}", self.0).parse();
        made.map_err(|_| Problem::invalid_field("/header/Cookie", "is no session of this shop"))
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Session, Problem> {
        let kept = parts.extensions.get::<Session>().cloned();
        kept.ok_or_else(|| Problem::invalid_field("/header/Cookie", "is missing"))
    }
}

/// Gives a browser that has none a session. Pages of other sites can't use it: the cookie is for
/// this site's own requests, and a body must be JSON, which a form can't send.
async fn keep_session(mut request: Request, next: Next) -> Response {
    let known = Session::of(request.headers());
    let session =
        known.clone().unwrap_or_else(|| Session(format!("{:032x}", rand::random::<u128>())));
    request.extensions_mut().insert(session.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if known.is_none() {
        let cookie = format!(
            "{COOKIE}={}; Path=/shop; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Strict",
            session.0
        );
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// What is in the cart, the newest last.
async fn cart(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    session: Session,
) -> Result<Response, Problem> {
    let customer = Some(session.customer()?);
    let filter = ReservationFilter { customer, state: None, cursor: None, limit: CART };
    let page = api.read(api.engine.reservations(&drop, filter)).await;
    let page = page.map_err(|error| Refused::Call.problem(error))?;
    let own = |reservation| ReservationView::of(reservation, &api.live.key);
    let items: Vec<_> = page.items.into_iter().map(own).collect();
    Ok(Json(json!({ "items": items })).into_response())
}

/// Puts units into it.
async fn hold(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    session: Session,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let customer = session.customer()?;
    let path = format!("/shop/{drop}/cart of {customer}");
    let key = key.of(&Method::POST, path, &body);
    let lines = request::lines_only(&body)?;
    let id = ReservationId::generate();
    let call =
        api.change(
            |engine| async move { engine.reserve(&drop, id, customer, lines, None, key).await },
        );
    held(call.await, &api.live.key)
}

/// More time.
async fn extend(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    session: Session,
) -> Result<Response, Problem> {
    let Reservation { drop, id, .. } = owned(&api, drop, id, &session).await?;
    let call = api.change(|engine| async move { engine.extend(&drop, id, None, None).await });
    let success = call.await.map_err(|error| Refused::Call.problem(error))?;
    Ok(shown(success, &api.live.key))
}

/// Gives it back.
async fn release(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    session: Session,
) -> Result<Response, Problem> {
    let Reservation { drop, id, .. } = owned(&api, drop, id, &session).await?;
    let call = api.change(|engine| async move { engine.release(&drop, id, None).await });
    let success = call.await.map_err(|error| Refused::Call.problem(error))?;
    Ok(shown(success, &api.live.key))
}

/// What becomes of a simulated payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payment {
    Success,
    Failure,
    /// The money comes when the hold is over.
    Late,
}

/// What a visitor is told of it.
#[derive(Serialize)]
struct Paid {
    reservation: ReservationView,
    message: &'static str,
}

/// Pays for it, in play money: what a shop's server does when its payment provider calls.
async fn pay(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    session: Session,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Problem> {
    let mut fields = Fields::of(&body);
    let payment = fields.required("payment", payment);
    let payment = fields.finish(|| payment).map_err(Problem::invalid)?;
    let reservation = owned(&api, drop, id, &session).await?;
    let paid = |reservation: Reservation, message| {
        let reservation = ReservationView::of(reservation, &api.live.key);
        Ok(Json(Paid { reservation, message }).into_response())
    };
    if payment == Payment::Failure {
        let message = "The payment was declined. Try again while the clock runs.";
        return paid(reservation, message);
    }
    // One order for one reservation, however often somebody pays.
    let order: OrderId = format!("shop-{id}").parse().map_err(|_| unknown_reservation())?;
    let (drop, late) = (reservation.drop.clone(), payment == Payment::Late);
    let call =
        api.change(|engine| async move { engine.confirm(&drop, id, order, late, None).await });
    match call.await {
        Ok(success) if late => {
            paid(success.value, "The payment came late, and there was enough left: it is yours.")
        }
        Ok(success) => paid(success.value, "Paid. It is yours."),
        Err(CallError::Refused(Refusal::SoldOut(_) | Refusal::LimitExceeded { .. })) if late => {
            paid(reservation, "The payment came late and nothing is left: you get it back.")
        }
        Err(error) => Err(Refused::Call.problem(error)),
    }
}

fn payment(value: &Value) -> Result<Payment, Wrong> {
    match value.as_str() {
        Some("success") => Ok(Payment::Success),
        Some("failure") => Ok(Payment::Failure),
        Some("late") => Ok(Payment::Late),
        _ => Err("must be success, failure or late".to_owned()),
    }
}

/// A reservation of this session; others are unknown here.
async fn owned(
    api: &Api,
    drop: DropId,
    id: ReservationId,
    session: &Session,
) -> Result<Reservation, Problem> {
    let found = api.read(api.engine.reservation(&drop, id)).await;
    let found = found.map_err(|error| Refused::Call.problem(error))?;
    if found.customer_id == session.customer()? { Ok(found) } else { Err(unknown_reservation()) }
}
