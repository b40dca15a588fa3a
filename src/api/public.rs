//! What everybody may read, without a key: a drop and its SKUs, as far as they are durable.
//!
//! An answer that the engine has kept goes out as it is, before any route is looked for; what has
//! changed is made anew, once.

use std::convert::Infallible;
use std::future::{self, Ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use hyper::body::Incoming;
use tower::Service;

use super::Api;
use super::address::Origin;
use super::etag;
use super::extract::{DropPath, SkuPath};
use super::limits::{Telling, Told};
use super::problem::{Problem, Refused, unknown_sku};
use super::shed::{Counted, UnderWay};
use super::view::{PublicDrop, PublicSku};
use crate::domain::{DropId, DropView};
use crate::engine::{Effect, Rendered};

/// How often a SKU is looked at whose details change at that very moment.
const LOOKS: usize = 5;

/// The routes, and before them what was kept for readers.
#[derive(Clone)]
pub(super) struct KeptFirst {
    pub(super) api: Arc<Api>,
    pub(super) router: Router,
    /// Where calls come from, if that is limited.
    pub(super) from: Option<Origin>,
}

impl KeptFirst {
    fn answer(&mut self, request: Request<Incoming>) -> Answered {
        let reads = request.method() == Method::GET;
        match reads.then(|| kept(&self.api, request.uri().path())).flatten() {
            Some(rendered) => {
                Either::Left(future::ready(Ok(etag::answer(request.headers(), rendered))))
            }
            None => Either::Right(self.router.call(request)),
        }
    }

    /// How the call stands by where it comes from. What is asked of the process itself is not
    /// limited: a load balancer must hear whether it is well.
    fn ask(&self, request: &Request<Incoming>) -> Option<Told> {
        let (addresses, from) = (self.api.addresses.as_ref()?, self.from?);
        let limited = request.uri().path().starts_with("/v1/");
        limited.then(|| addresses.ask(from, request.headers()))
    }
}

/// An answer that was kept, or one to come.
type Answered = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

impl Service<Request<Incoming>> for KeptFirst {
    type Response = Response;
    type Error = Infallible;
    type Future = Counted<Telling<Answered>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // As routers are, always.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let at_once = |response| Either::Left(future::ready(Ok(response)));
        let counted =
            self.api.shed_above.map(|above| UnderWay::begin(above, &request, &self.api.engine));
        let (answer, told, under_way) = match counted.transpose() {
            Err(refusal) => (at_once(*refusal), None, None),
            Ok(under_way) => {
                let told = self.ask(&request);
                let answer = match told.and_then(Told::refusal) {
                    Some(refusal) => at_once(refusal),
                    None => self.answer(request),
                };
                (answer, told, under_way)
            }
        };
        Counted::new(Telling::new(answer, told, Arc::clone(&self.api.policies)), under_way)
    }
}

/// What was kept for a path. No id needs decoding, so ids are looked for as they stand.
fn kept(api: &Api, path: &str) -> Option<Rendered> {
    let mut names = path.strip_prefix("/v1/drops/")?.split('/');
    match (names.next()?, names.next(), names.next(), names.next()) {
        (drop, None, ..) => api.engine.rendered_drop(drop, api.engine.now()),
        (drop, Some("skus"), Some(sku), None) => api.engine.rendered_sku(drop, sku),
        _ => None,
    }
}

/// `GET /v1/drops/{drop}`
pub(super) async fn drop(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = view(&api, &drop).await?;
    let now = api.engine.now();
    // Times open and close a drop without an event, so the state belongs to the version.
    let state = view.settings.state_at(now);
    let version = format!("{}-{}", view.seq, state.as_str());
    let rendered = etag::render(&version, &PublicDrop::of(&view, now))?;
    api.engine.keep_drop(&view, state, &rendered);
    Ok(etag::answer(&headers, rendered))
}

/// `GET /v1/drops/{drop}/skus/{sku}`
pub(super) async fn sku(
    State(api): State<Arc<Api>>,
    SkuPath(drop, sku): SkuPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let of = |error| Refused::Call.problem(error);
    let mut view = view(&api, &drop).await?;
    for _ in 0..LOOKS {
        let found = view.skus.iter().find(|view| view.stock.sku == sku).ok_or_else(unknown_sku)?;
        if let Some(details) =
            api.read(Box::pin(api.engine.details(&drop, found))).await.map_err(of)?
        {
            // Every event of the SKU, of its settings too, raises its version.
            let shown = PublicSku::of(found, &details);
            let rendered = etag::render(&found.stock.version.to_string(), &shown)?;
            api.engine.keep_sku(&view, sku, &rendered);
            return Ok(etag::answer(&headers, rendered));
        }
        // They have changed, and the news of that has yet to come.
        view = api.read(api.engine.drop_now(&drop)).await.map_err(of)?;
    }
    Err(Problem::unavailable(Effect::None))
}

async fn view(api: &Api, drop: &DropId) -> Result<Arc<DropView>, Problem> {
    let view = api.read(api.engine.drop_view(drop)).await;
    view.map_err(|error| Refused::Call.problem(error))
}
