//! How long answers take, by route: a bounded set, whatever addresses clients make up.

use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use axum::http::{Method, StatusCode};
use metrics::Histogram;

use super::openapi;
use crate::measure;
use crate::trace::{self, CallersPlace, TracedCall};

/// A route, and what was measured of it.
struct Route {
    path: &'static str,
    /// By method and class of status.
    seconds: [[OnceLock<Histogram>; CLASSES.len()]; METHODS.len()],
}

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// What has no route.
const NO_ROUTE: &str = "none";

/// Every route that is described, those with the same number of segments together.
static ROUTES: LazyLock<Vec<Vec<Route>>> = LazyLock::new(|| {
    let mut routes: Vec<Vec<Route>> = Vec::new();
    for path in openapi::paths() {
        let segments = path.split('/').count();
        routes.resize_with(routes.len().max(segments + 1), Vec::new);
        if routes[segments].iter().all(|route| route.path != path) {
            routes[segments].push(Route { path, seconds: Default::default() });
        }
    }
    routes
});

static UNROUTED: LazyLock<Route> =
    LazyLock::new(|| Route { path: NO_ROUTE, seconds: Default::default() });

/// A call that is being measured.
pub(super) struct Measured {
    route: &'static Route,
    method: usize,
    since: Instant,
}

impl Measured {
    pub(super) fn begin(method: &Method, path: &str) -> Measured {
        let method = match *method {
            Method::GET | Method::HEAD => 0,
            Method::POST => 1,
            Method::PUT => 2,
            _ => 3,
        };
        Measured { route: route(path), method, since: Instant::now() }
    }

    /// The call as traces know it; `None` unless it is traced. What is asked of the process itself
    /// (whether it is well, its metrics) never is.
    pub(super) fn traced(
        &self,
        caller: Option<CallersPlace>,
        path: &str,
        id: &[u8],
    ) -> Option<Arc<TracedCall>> {
        let route = self.route.path;
        if !trace::is_on() || !route.starts_with("/v1/") {
            return None;
        }
        let drop = || {
            let mut pairs = route.split('/').zip(path.split('/'));
            pairs.find_map(|(name, text)| (name == "{drop}").then_some(text))?.parse().ok()
        };
        let id = || String::from_utf8_lossy(id).into_owned();
        TracedCall::begin(caller, METHODS[self.method], route, drop, id)
    }

    /// The route that it came by.
    pub(super) fn route(&self) -> &'static str {
        self.route.path
    }

    pub(super) fn end(self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let histogram = self.route.seconds[self.method][class].get_or_init(|| {
            metrics::histogram!("dropgate_http_seconds", "route" => self.route.path,
                "method" => METHODS[self.method], "status" => CLASSES[class])
        });
        measure::since(self.since, histogram);
    }
}

fn route(path: &str) -> &'static Route {
    let segments = path.split('/').count();
    let fits = |route: &&Route| {
        let mut pairs = route.path.split('/').zip(path.split('/'));
        pairs.all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
    };
    ROUTES.get(segments).and_then(|routes| routes.iter().find(fits)).unwrap_or(&UNROUTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_is_found_and_nothing_else() {
        for path in openapi::paths() {
            assert_eq!(route(path).path, path);
        }
        for (path, found) in [
            ("/v1/drops/summer", "/v1/drops/{drop}"),
            ("/v1/drops/a/reservations/b/confirm", "/v1/drops/{drop}/reservations/{id}/confirm"),
            ("/v1/admin/drops", "/v1/admin/drops"),
            ("/v1/drops/a/nope", NO_ROUTE),
            ("/", NO_ROUTE),
            ("*", NO_ROUTE),
        ] {
            assert_eq!(route(path).path, found, "{path}");
        }
    }
}
