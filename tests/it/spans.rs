//! Traces, as a collector gets them from an engine.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dropgate::local::{TestDatabase, TestServers};
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::metrics::scrape;
use crate::support::collector::{Collector, Taking, fact, facts, hex};
use crate::support::{
    ADMIN_KEY, Call, Certificate, EngineProcess, Reply, STOREFRONT_KEY, Terminator, eventually,
    lines,
};

/// The caller's place in the trace of its call.
const CALLER: &str = "00f067aa0ba902b7";
/// The steps of a call that changes something.
const STEPS: [&str; 4] = ["lane", "script", "journal", "commit"];

/// An engine that shares its servers with no other, so that what it takes it also commits.
struct Alone {
    http: Client,
    engine: EngineProcess,
    // Behind the engine: they end after it.
    _database: TestDatabase,
    _servers: TestServers,
}

/// The trace with this number, and the `traceparent` of a call in it.
fn parent(number: u128, sampled: bool) -> (String, String) {
    let trace = format!("{:032x}", 0x4bf9_2f35_77b3_4da6_u128 << 64 | number);
    let parent = format!("00-{trace}-{CALLER}-{:02x}", u8::from(sampled));
    (trace, parent)
}

impl Alone {
    async fn start(settings: &[(&str, &str)]) -> Alone {
        let servers = TestServers::start().await.expect("servers");
        let database = servers.new_database("spans").await.expect("a database");
        let engine = EngineProcess::serve(&servers.redis().url(), database.url(), settings);
        let alone = Alone { http: Client::new(), engine, _database: database, _servers: servers };
        alone.put("/v1/admin/drops/d", &json!({})).await;
        alone.put("/v1/admin/drops/d/skus/a", &json!({ "initial_stock": 1000 })).await;
        alone.put("/v1/admin/drops/d/skus/none", &json!({ "initial_stock": 0 })).await;
        alone
    }

    fn call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.http, method, format!("{}{path}", self.engine.url()))
    }

    async fn put(&self, path: &str, body: &Value) {
        self.call(Method::PUT, path).bearer(ADMIN_KEY).json(body).send().await.ok(201);
    }

    fn hold(&self, sku: &str, customer: &str, parent: &str) -> Call {
        let body = json!({ "customer_id": customer, "lines": lines(&[(sku, 1)]) });
        let call = self.call(Method::POST, "/v1/drops/d/reservations").bearer(STOREFRONT_KEY);
        call.header("traceparent", parent).json(&body)
    }

    async fn metric(&self, fate: &str) -> f64 {
        let name = format!("dropgate_spans_total{{fate=\"{fate}\"}} ");
        let lines = scrape(self.engine.url()).await;
        let value = lines.iter().find_map(|line| line.strip_prefix(&name));
        value.expect("the metric").parse().expect("a number")
    }

    /// Stops it as a process manager does, and waits until it has ended.
    async fn stop(&mut self) -> Duration {
        self.engine.signal(Signal::SIGTERM);
        let since = Instant::now();
        loop {
            if let Some(status) = self.engine.ended() {
                assert_eq!(status, 0);
                return since.elapsed();
            }
            assert!(since.elapsed() < Duration::from_secs(10), "it does not end");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The one span of a trace with this name.
#[track_caller]
fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "more than one {name}");
    span
}

/// The one link of a span.
#[track_caller]
fn link(span: &Span) -> &Link {
    let [link] = span.links.as_slice() else { panic!("not one link: {span:#?}") };
    link
}

fn is_linked(span: &Span, with: &Span) -> bool {
    span.links.iter().any(|link| link.trace_id == with.trace_id && link.span_id == with.span_id)
}

fn fails(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// The root of a call with its steps, each below it and in its time, none before the one before.
#[track_caller]
fn check_steps<'a>(spans: &'a [Span], root: &str, steps: &[&str]) -> &'a Span {
    let root = one(spans, root);
    let names: HashSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let expected: HashSet<&str> = steps.iter().copied().chain([root.name.as_str()]).collect();
    assert_eq!(names, expected);
    assert_eq!(spans.len(), steps.len() + 1);
    let mut reached = root.start_time_unix_nano;
    for step in steps {
        let span = one(spans, step);
        assert_eq!(span.parent_span_id, root.span_id, "{step}");
        assert!(reached <= span.start_time_unix_nano, "{step} begins before the one before");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{step} has no time");
        reached = span.end_time_unix_nano;
    }
    assert!(reached <= root.end_time_unix_nano, "the last step ends behind its call");
    root
}

#[tokio::test]
async fn a_call_is_followed_through_lane_script_journal_and_commit() {
    let collector = Collector::start(Taking::All).await;
    let mut alone = Alone::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret"),
        ("OTEL_SERVICE_NAME", "the-shop"),
    ])
    .await;
    let (trace, traceparent) = parent(1, true);
    let hold = alone.hold("a", "customer-zoe", &traceparent).key("key-zoe");
    let reply: Reply = hold.header("x-request-id", "request-7").send().await;
    let answered = reply.header("traceresponse").to_owned();
    let held = reply.ok(201);
    let spans = collector.trace(&trace, 5).await;
    let root = check_steps(&spans, "POST /v1/drops/{drop}/reservations", &STEPS);
    assert_eq!((root.kind(), hex(&root.parent_span_id).as_str()), (SpanKind::Server, CALLER));
    assert_eq!(answered, format!("00-{trace}-{}-01", hex(&root.span_id)));
    let seq = fact(root, "dropgate.seq");
    let expected = [
        ("dropgate.drop", "d"),
        ("dropgate.epoch", "1"),
        ("dropgate.outcome", "done"),
        ("dropgate.request_id", "request-7"),
        ("dropgate.seq", &seq),
        ("dropgate.verb", "reserve"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "201"),
        ("http.route", "/v1/drops/{drop}/reservations"),
    ];
    assert_eq!(facts(root), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!fails(root));
    // The turn and the commit are traces of their own, linked both ways.
    let turn = link(one(&spans, "script")).clone();
    let turn = collector.span(&turn.trace_id, &turn.span_id).await;
    assert_eq!((turn.name.as_str(), turn.parent_span_id.len()), ("turn", 0));
    assert!(turn.trace_id != root.trace_id && is_linked(&turn, root));
    assert_eq!(fact(&turn, "dropgate.operations"), "1");
    let commit = link(one(&spans, "commit")).clone();
    let commit = collector.span(&commit.trace_id, &commit.span_id).await;
    assert_eq!((commit.name.as_str(), commit.parent_span_id.len()), ("commit", 0));
    assert!(commit.trace_id != root.trace_id && is_linked(&commit, root));
    let number = |name| fact(&commit, name).parse::<i64>().expect("a number");
    let seq: i64 = seq.parse().expect("a number");
    assert!((number("dropgate.first_seq")..=number("dropgate.last_seq")).contains(&seq));
    // What the call did stands in the ledger under the `seq` that its span tells.
    let ledger = alone.call(Method::GET, "/v1/admin/drops/d/ledger").bearer(ADMIN_KEY);
    let ledger = ledger.send().await.ok(200);
    let row = ledger["items"].as_array().expect("rows").iter().find(|row| row["seq"] == seq);
    assert_eq!(row.expect("the row")["reservation_id"], held["id"]);

    let id = held["id"].as_str().expect("an id");
    let confirm = |n, body: Value| {
        let (trace, parent) = parent(n, true);
        let path = format!("/v1/drops/d/reservations/{id}/confirm");
        let call = alone.call(Method::POST, &path).bearer(STOREFRONT_KEY);
        (trace, call.header("traceparent", parent).json(&body).send())
    };
    let (trace, confirmed) = confirm(2, json!({ "order_id": "order-zoe" }));
    confirmed.await.ok(200);
    let spans = collector.trace(&trace, 5).await;
    let root = check_steps(&spans, "POST /v1/drops/{drop}/reservations/{id}/confirm", &STEPS);
    assert_eq!(fact(root, "dropgate.verb"), "confirm");

    // A refusal waits for nothing behind its script.
    let (trace, sampled) = parent(3, true);
    alone.hold("none", "c", &sampled).send().await.problem(409, "sold_out");
    let spans = collector.trace(&trace, 3).await;
    let root = check_steps(&spans, "POST /v1/drops/{drop}/reservations", &["lane", "script"]);
    let facts = ["dropgate.code", "dropgate.outcome", "http.response.status_code"];
    assert_eq!(facts.map(|name| fact(root, name)), ["sold_out", "sold_out", "409"]);
    assert!(!fails(root), "a refusal is no failure");

    // Whose caller keeps nothing is not written down; who has no caller is, as a trace of its own.
    let (unkept, unsampled) = parent(4, false);
    alone.hold("a", "c", &unsampled).send().await.ok(201);
    let read = alone.call(Method::GET, &format!("/v1/drops/d/reservations/{id}"));
    let read = read.bearer(STOREFRONT_KEY).send().await;
    let own = read.header("traceresponse").to_owned();
    read.ok(200);
    let spans = collector.trace(&own[3..35], 2).await;
    let root = check_steps(&spans, "GET /v1/drops/{drop}/reservations/{id}", &["read"]);
    assert_eq!((root.parent_span_id.len(), fact(root, "dropgate.drop").as_str()), (0, "d"));
    // Nor is what is asked of the process itself.
    reqwest::get(format!("{}/healthz", alone.engine.url())).await.expect("an answer");
    alone.stop().await;
    let spans = collector.spans();
    assert!(spans.iter().all(|span| hex(&span.trace_id) != unkept));
    assert!(spans.iter().all(|span| !span.name.contains("/healthz")));
    // Each trace has what was looked at, and nothing came behind it.
    for (n, count) in [(1, 5), (2, 5), (3, 3)] {
        let trace = parent(n, true).0;
        assert_eq!(spans.iter().filter(|span| hex(&span.trace_id) == trace).count(), count);
    }

    for taken in collector.taken() {
        assert_eq!(taken.path, "/v1/traces");
        assert_eq!(taken.headers["authorization"], "Bearer s3cret");
        let request = taken.request();
        let resource = request.resource_spans[0].resource.clone().expect("a resource");
        let facts: Vec<&str> = resource.attributes.iter().map(|fact| fact.key.as_str()).collect();
        for name in ["service.name", "service.version", "service.instance.id"] {
            assert!(facts.contains(&name), "{facts:?}");
        }
        let text = String::from_utf8_lossy(&taken.body);
        assert!(text.contains("the-shop"));
        // Neither whose it was, nor what names it.
        for private in ["zoe", id] {
            assert!(!text.contains(private), "{private} is told");
        }
    }
}

#[tokio::test]
async fn calls_that_share_a_turn_and_a_commit_are_linked_with_them() {
    const CALLS: u128 = 60;
    let collector = Collector::start(Taking::All).await;
    let mut alone = Alone::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ])
    .await;
    let calls = (0..CALLS).map(|n| alone.hold("a", &format!("c-{n}"), &parent(n, true).1).send());
    for reply in futures_util::future::join_all(calls).await {
        reply.ok(201);
    }
    alone.stop().await;
    let spans = collector.spans();
    for batch in ["turn", "commit"] {
        let batches: Vec<&Span> = spans
            .iter()
            .filter(|span| span.name == batch && span.parent_span_id.is_empty())
            .collect();
        let linked: usize = batches.iter().map(|span| span.links.len()).sum();
        assert_eq!(linked, 60, "each call is in one {batch}");
        for n in 0..CALLS {
            let trace = parent(n, true).0;
            let of_call: Vec<Span> =
                spans.iter().filter(|span| hex(&span.trace_id) == trace).cloned().collect();
            // Its entry may have been on its way to Postgres before it heard from Redis.
            let waited =
                |step: &&str| *step != "journal" || of_call.iter().any(|s| s.name == **step);
            let steps: Vec<&str> = STEPS.iter().copied().filter(waited).collect();
            let root = check_steps(&of_call, "POST /v1/drops/{drop}/reservations", &steps);
            let step = one(&of_call, if batch == "turn" { "script" } else { "commit" });
            let mut own = batches.iter().filter(|span| is_linked(span, root));
            let (own, none) = (own.next().expect("its batch"), own.next());
            assert!(none.is_none() && is_linked(step, own), "{batch} of call {n}");
            assert!(own.start_time_unix_nano <= step.end_time_unix_nano);
        }
    }
}

#[tokio::test]
async fn without_a_collector_or_a_share_nothing_is_sent() {
    let collector = Collector::start(Taking::All).await;
    let url = collector.url();
    let none = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    for settings in [&[("OTEL_TRACES_SAMPLER", "always_on")][..], &none] {
        let mut alone = Alone::start(settings).await;
        let (trace, sampled) = parent(1, true);
        let reply = alone.hold("a", "c", &sampled).send().await;
        assert!(reply.header("traceresponse").starts_with(&format!("00-{trace}-")));
        reply.ok(201);
        let plain = alone.call(Method::GET, "/v1/drops/d").send().await;
        assert_eq!((plain.status, plain.header("traceresponse")), (200, ""));
        for fate in ["sent", "dropped", "lost"] {
            assert_eq!(alone.metric(fate).await, 0.0, "{fate}");
        }
        alone.stop().await;
        assert!(collector.taken().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_dead_or_silent_delays_no_call_and_no_stop() {
    // Taken and let go: nobody listens there.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let alone = Alone::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &dead)]).await;
    alone.hold("a", "c", &parent(1, true).1).send().await.ok(201);
    eventually("what nobody takes is lost, and counted", || async {
        (alone.metric("lost").await > 0.0).then_some(())
    })
    .await;
    assert_eq!(alone.metric("sent").await, 0.0);
    drop(alone);

    let silent = Collector::start(Taking::Nothing).await;
    let mut alone = Alone::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &silent.url())]).await;
    eventually("the collector has been asked", || async {
        (!silent.taken().is_empty()).then_some(())
    })
    .await;
    let since = Instant::now();
    alone.hold("a", "c", &parent(2, true).1).send().await.ok(201);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    // More than the queue has room for.
    let mut readers = JoinSet::new();
    let full = Arc::new(AtomicBool::new(false));
    for _ in 0..16 {
        let (http, full) = (alone.http.clone(), Arc::clone(&full));
        let url = format!("{}/v1/drops/d", alone.engine.url());
        readers.spawn(async move {
            while !full.load(Ordering::Relaxed) {
                let answer = http.get(&url).send().await.expect("an answer");
                assert_eq!(answer.status(), 200);
            }
        });
    }
    eventually("the queue is full, which is counted", || async {
        (alone.metric("dropped").await > 0.0).then_some(())
    })
    .await;
    full.store(true, Ordering::Relaxed);
    readers.join_all().await;
    let since = Instant::now();
    alone.hold("a", "c", &parent(3, true).1).send().await.ok(201);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    alone.stop().await;
}

#[tokio::test]
async fn traces_go_through_tls_and_wrong_settings_stop_the_start() {
    let collector = Collector::start(Taking::All).await;
    let certificate = Certificate::of("localhost");
    let tls = Terminator::start(collector.address(), &certificate).await;
    let whole = format!("{}/otlp/x", tls.url());
    let alone = Alone::start(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &whole),
        ("SSL_CERT_FILE", certificate.file()),
    ])
    .await;
    let (trace, sampled) = parent(1, true);
    alone.hold("a", "c", &sampled).send().await.ok(201);
    collector.trace(&trace, 5).await;
    assert_eq!(collector.taken()[0].path, "/otlp/x");

    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no header"),
    ] {
        let settings = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h:4318"), (name, value)];
        let mut command = EngineProcess::serving("redis://h", "postgres://h/d", &settings);
        let output = command.output().expect("it runs");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with(&format!("dropgate: {name} ")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
