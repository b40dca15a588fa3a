//! Rate limits: by key and customer over all processes, by address in each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dropgate::local::{TestDatabase, TestServers};
use reqwest::{Client, Method};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{
    ADMIN_KEY, Call, EngineProcess, Reply, STOREFRONT_KEY, Sale, World, eventually, lines,
};

/// An engine of the shared world with rate limits.
fn limited(world: &World, settings: &[(&str, &str)]) -> EngineProcess {
    EngineProcess::serve(world.redis_url(), world.database_url(), settings)
}

/// Calls to an engine.
struct Calls<'a> {
    http: Client,
    engine: &'a EngineProcess,
}

impl Calls<'_> {
    fn to(engine: &EngineProcess) -> Calls<'_> {
        Calls { http: Client::new(), engine }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        Call::new(&self.http, method, format!("{}{path}", self.engine.url()))
    }

    fn cart(&self, sale: &Sale, key: &str) -> Call {
        let path = format!("/v1/drops/{}/reservations?customer_id=c", sale.id());
        self.call(Method::GET, &path).bearer(key)
    }

    fn reserve(&self, sale: &Sale, customer: &str) -> Call {
        let body = json!({ "customer_id": customer, "lines": lines(&[("a", 1)]) });
        let path = format!("/v1/drops/{}/reservations", sale.id());
        self.call(Method::POST, &path).bearer(STOREFRONT_KEY).json(&body)
    }
}

/// A 429 with all that belongs to it.
#[track_caller]
fn assert_limited(reply: Reply, limit: &str, policy: &str) {
    let wait: u64 = reply.header("retry-after").parse().expect("seconds");
    assert!((1..=3600).contains(&wait), "{wait}");
    assert_eq!(reply.header("ratelimit-policy"), policy);
    assert!(reply.header("ratelimit").starts_with(&format!("\"{limit}\";r=0;t=")));
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.problem(429, "rate_limited")["policy"], limit);
}

#[tokio::test]
async fn a_key_has_its_burst_on_all_processes_together() {
    let sale = Sale::open(&[]).await;
    let settings = [("DROPGATE_RATE_KEY", "1/h burst 4")];
    let engines = [limited(sale.world(), &settings), limited(sale.world(), &settings)];
    let calls = engines.each_ref().map(Calls::to);
    // Made first: who knows the key knows this one too.
    let other = sale.make_key(&["storefront"], None).await;
    let key = sale.make_key(&["storefront"], None).await;
    let policy = "\"key\";q=1;w=3600";
    let mut left = Vec::new();
    while left.len() < 4 {
        let reply = calls[left.len() % 2].cart(&sale, &key.secret).send().await;
        // A process that has not heard of the key yet counts nothing.
        if reply.status == 401 {
            continue;
        }
        assert_eq!((reply.status, reply.header("ratelimit-policy")), (200, policy));
        left.push(reply.header("ratelimit").split(';').nth(1).expect("r").to_owned());
    }
    assert_eq!(left, ["r=3", "r=2", "r=1", "r=0"]);
    for calls in &calls {
        assert_limited(calls.cart(&sale, &key.secret).send().await, "key", policy);
        assert_eq!(calls.cart(&sale, &other.secret).send().await.status, 200);
        // Who is nobody's is told that first.
        calls.cart(&sale, "wrong").send().await.problem(401, "unauthenticated");
    }
    // What needs no key has no such limit.
    let path = format!("/v1/drops/{}", sale.id());
    let public = calls[0].call(Method::GET, &path).send().await;
    assert_eq!((public.status, public.header("ratelimit")), (200, ""));
}

/// Two engines with a limit by customer and nobody beside them, and a drop.
struct Pair {
    engines: [EngineProcess; 2],
    _database: TestDatabase,
    _servers: TestServers,
}

impl Pair {
    async fn start(limit: &str) -> Pair {
        let servers = TestServers::start().await.expect("servers");
        let database = servers.new_database("pair").await.expect("a database");
        let settings = [("DROPGATE_RATE_CUSTOMER", limit)];
        let engine = || EngineProcess::serve(&servers.redis().url(), database.url(), &settings);
        let pair = Pair { engines: [engine(), engine()], _database: database, _servers: servers };
        let calls = Calls::to(&pair.engines[0]);
        for (path, body) in [("", json!({})), ("/skus/a", json!({ "initial_stock": 100_000 }))] {
            let call = calls.call(Method::PUT, &format!("/v1/admin/drops/d{path}"));
            call.bearer(ADMIN_KEY).json(&body).send().await.ok(201);
        }
        pair
    }

    fn hold(&self, engine: usize, customer: &str) -> Call {
        let body = json!({ "customer_id": customer, "lines": lines(&[("a", 1)]) });
        let calls = Calls::to(&self.engines[engine]);
        let call = calls.call(Method::POST, "/v1/drops/d/reservations");
        call.bearer(STOREFRONT_KEY).json(&body)
    }

    /// Calls for a customer, one behind the other at these engines: how many each says that are left;
    /// `None` where it has to wait; nothing when a call could not be counted. However the engines stand
    /// to each other, no more than the burst passes, and who waits has taken nothing.
    async fn call(&self, burst: usize, customer: &str, engines: &[usize]) -> Vec<Option<u64>> {
        const POLICY: &str = "\"customer\";q=1;w=3600";
        let mut all = Vec::new();
        for engine in engines {
            let reply = self.hold(*engine, customer).send().await;
            if reply.status == 429 {
                // Where more is kept back than was a moment ago, more than one interval.
                assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0));
                assert_eq!(reply.header("ratelimit-policy"), POLICY);
                reply.problem(429, "rate_limited");
                all.push(None);
                continue;
            }
            // Nobody could count it in time, on a machine that is busy otherwise: nothing can be said.
            if reply.header("ratelimit").is_empty() {
                return Vec::new();
            }
            let left = reply.header("ratelimit").strip_prefix("\"customer\";r=");
            let (left, _) = left.expect("a standing").split_once(';').expect("two members");
            all.push(Some(left.parse().expect("a number")));
            assert_eq!(reply.header("ratelimit-policy"), POLICY);
            reply.ok(201);
        }
        let passed = all.iter().flatten().count();
        assert!(passed <= burst, "{all:?}");
        let path = format!("/v1/drops/d/reservations?customer_id={customer}");
        let list = Calls::to(&self.engines[0]).call(Method::GET, &path).bearer(STOREFRONT_KEY);
        let held = list.send().await.ok(200);
        assert_eq!(held["items"].as_array().map(Vec::len), Some(passed), "{held}");
        all
    }

    /// Calls for one customer after the other until it goes as it must where both engines know of each
    /// other for long enough.
    async fn settle(&self, burst: usize, engines: &[usize], expected: &[Option<u64>]) {
        let customers = AtomicUsize::new(0);
        eventually(&format!("calls at {engines:?} leave {expected:?}"), || async {
            let n = customers.fetch_add(1, Ordering::Relaxed);
            let customer = format!("{engines:?}-{n}").replace([' ', '[', ']', ','], "");
            (self.call(burst, &customer, engines).await == expected).then_some(())
        })
        .await;
    }
}

/// A burst of three has no room for first calls of two engines: each call is counted at once.
#[tokio::test]
async fn a_customer_has_its_burst_on_all_processes_and_a_refusal_takes_nothing() {
    let pair = Pair::start("1/h burst 3").await;
    let expected = [Some(2), Some(1), Some(0), None, None];
    pair.settle(3, &[0, 1, 0, 1, 0], &expected).await;
    // Nothing is remembered of a refused call: its key still has no answer.
    assert_eq!(pair.call(3, "c", &[0, 0, 0]).await.len(), 3);
    let refused = pair.hold(1, "c").key("k").send().await;
    assert_eq!(refused.status, 429);
    let fresh = pair.hold(1, "d").key("k").send().await;
    assert!(!fresh.is_replayed());
    fresh.ok(201);
}

/// Where the burst has room, a customer's first call at a process passes before Redis has heard of it,
/// and counts with the second; what the other process may have let pass is kept back.
#[tokio::test]
async fn a_first_call_is_counted_with_the_second() {
    let pair = Pair::start("1/h burst 5").await;
    let expected = [Some(3), Some(2), Some(3), Some(0), None, None];
    pair.settle(5, &[0, 0, 1, 1, 0, 1], &expected).await;
    // One that calls at one process alone, and then once at the other.
    let expected = [Some(3), Some(2), Some(1), Some(0), None, Some(3), None, None];
    pair.settle(5, &[1, 1, 1, 1, 1, 0, 0, 1], &expected).await;
}

#[tokio::test]
async fn of_many_at_once_a_burst_passes_and_all_limits_are_told() {
    let sale = Sale::open(&[("a", 50)]).await;
    let settings = [
        ("DROPGATE_RATE_KEY", "1/h burst 20"),
        ("DROPGATE_RATE_CUSTOMER", "1/h burst 30"),
        ("DROPGATE_RATE_ADDRESS", "10000/s"),
    ];
    let engines = [limited(sale.world(), &settings), limited(sale.world(), &settings)];
    let key = sale.make_key(&["storefront"], None).await;
    for engine in &engines {
        eventually("the key is known", || async {
            // What a key does not open counts nothing.
            let list = Calls::to(engine).call(Method::GET, "/v1/admin/keys").bearer(&key.secret);
            (list.send().await.status == 403).then_some(())
        })
        .await;
    }
    let calls = engines.each_ref().map(Calls::to);
    let body = json!({ "customer_id": sale.id(), "lines": lines(&[("a", 1)]) });
    let path = format!("/v1/drops/{}/reservations", sale.id());
    let asked = (0..60)
        .map(|n| calls[n % 2].call(Method::POST, &path).bearer(&key.secret).json(&body).send());
    let replies = futures_util::future::join_all(asked).await;
    let (passed, waited): (Vec<Reply>, Vec<Reply>) =
        replies.into_iter().partition(|reply| reply.status == 201);
    assert_eq!((passed.len(), waited.len()), (20, 40));
    assert!(waited.iter().all(|reply| reply.body["policy"] == "key"));
    for reply in passed {
        // One line a field, whatever the number of policies.
        for (field, members) in [
            (
                "ratelimit-policy",
                ["\"customer\";q=1;w=3600", "\"key\";q=1;w=3600", "\"address\";q=10000;w=1"],
            ),
            ("ratelimit", ["\"customer\";r=", "\"key\";r=", "\"address\";r="]),
        ] {
            let lines: Vec<_> = reply.headers.get_all(field).iter().collect();
            let [line] = lines[..] else { panic!("{lines:?}") };
            let told: Vec<&str> = line.to_str().expect("ASCII").split(", ").collect();
            let fits = told.iter().zip(members).all(|(told, member)| told.starts_with(member));
            assert!(fits && told.len() == members.len(), "{told:?}");
        }
    }
    assert_eq!(sale.counts("a").await, (50, 30, 20, 0));
}

#[tokio::test]
async fn an_address_is_what_a_trusted_proxy_says() {
    let sale = Sale::open(&[("a", 5)]).await;
    let path = format!("/v1/drops/{}", sale.id());
    let limit = ("DROPGATE_RATE_ADDRESS", "1/h burst 2");
    let policy = "\"address\";q=1;w=3600";
    let trusting = limited(sale.world(), &[limit, ("DROPGATE_TRUSTED_PROXIES", "127.0.0.0/8")]);
    let calls = Calls::to(&trusting);
    let read = |forwarded: &str| {
        calls.call(Method::GET, &path).header("x-forwarded-for", forwarded).send()
    };
    let status = async |forwarded: &str| read(forwarded).await.status;
    for n in [1, 0] {
        let reply = read("6.6.6.6, 1.1.1.1").await;
        let standing = format!("\"address\";r={n};t=");
        assert!(reply.header("ratelimit").starts_with(&standing), "{reply:?}");
        assert_eq!((reply.status, reply.header("ratelimit-policy")), (200, policy));
        // The kept answers of public reads are as they were.
        assert!(reply.header("etag").starts_with('"'));
    }
    // Made-up addresses before the one that the proxy saw are no way round.
    for made_up in ["1.1.1.1", "7.7.7.7,1.1.1.1", "8.8.8.8, 1.1.1.1, 127.9.9.9"] {
        assert_limited(read(made_up).await, "address", policy);
    }
    assert_eq!(status("2.2.2.2").await, 200);
    // What is asked of the process itself is always answered.
    for _ in 0..5 {
        let call = calls.call(Method::GET, "/healthz").header("x-forwarded-for", "1.1.1.1");
        assert_eq!(call.send().await.status, 200);
    }
    // An engine without proxies takes nobody's word.
    let plain = limited(sale.world(), &[limit]);
    let calls = Calls::to(&plain);
    let mut statuses = Vec::new();
    for n in 0..4 {
        let call = calls.call(Method::GET, &path).header("x-forwarded-for", format!("3.3.3.{n}"));
        statuses.push(call.send().await.status);
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
    // A key does not help: whoever calls too fast is sent away before it is looked at.
    let call = calls.call(Method::GET, "/v1/admin/drops").bearer(ADMIN_KEY);
    assert_limited(call.send().await, "address", policy);
}

/// How many calls passed in the fullest ten seconds, given when each was sent and answered. Only
/// those count that passed between its ends for certain.
fn fullest_ten_seconds(passed: &[(Instant, Instant)]) -> usize {
    let within = |begin: Instant| {
        let end = begin + Duration::from_secs(10);
        passed.iter().filter(|(sent, answered)| *sent >= begin && *answered <= end).count()
    };
    passed.iter().map(|(sent, _)| within(*sent)).max().unwrap_or_default()
}

/// What came of calling for `N` a second, over two processes, several times as fast.
struct Insisted {
    /// When calls that passed were sent and answered.
    passed: Vec<(Instant, Instant)>,
    waited: usize,
    /// Calls that passed without a standing: nobody could count them in time.
    uncounted: usize,
}

/// So slow that every machine can be several times as fast.
const N: usize = 20;

/// `call` is one of a client.
async fn insist_once<F: Future<Output = Reply>>(call: impl Fn(usize) -> F) -> Insisted {
    const SECONDS: u64 = 13;
    const CLIENTS: usize = 8;
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let clients = (0..CLIENTS).map(|client| {
        let call = &call;
        async move {
            let mut came = Insisted { passed: Vec::new(), waited: 0, uncounted: 0 };
            while Instant::now() < end {
                let sent = Instant::now();
                let reply = call(client).await;
                match reply.status {
                    200 | 201 => {
                        came.passed.push((sent, Instant::now()));
                        came.uncounted += usize::from(reply.header("ratelimit").is_empty());
                    }
                    429 => came.waited += 1,
                    other => panic!("{other}: {}", reply.body),
                }
            }
            came
        }
    });
    let all = futures_util::future::join_all(clients).await;
    Insisted {
        passed: all.iter().flat_map(|came| came.passed.iter().copied()).collect(),
        waited: all.iter().map(|came| came.waited).sum(),
        uncounted: all.iter().map(|came| came.uncounted).sum(),
    }
}

/// Calls as fast as it can, and holds the limit to its word. A machine that is busy otherwise may be too
/// slow to reach it, or to count every call in time: then it has another try, of three.
async fn insist<F: Future<Output = Reply>>(call: impl Fn(usize) -> F) {
    for attempt in 1.. {
        let Insisted { passed, waited, uncounted } = insist_once(&call).await;
        let most = fullest_ten_seconds(&passed);
        println!(
            "{most} passed in the fullest ten seconds, {} in all, {uncounted} of them uncounted, \
             {waited} waited",
            passed.len()
        );
        if uncounted == 0 {
            assert!(most <= N * 10 * 105 / 100, "{most} passed in ten seconds");
            // The limit was what held them up, and it gave out what it has.
            if waited > passed.len() / 4 && most >= N * 10 * 9 / 10 {
                return;
            }
        }
        assert!(
            attempt < 3,
            "{most} passed in ten seconds, {uncounted} uncounted, {waited} waited"
        );
    }
}

#[tokio::test]
async fn no_more_than_the_limit_of_a_key_passes_in_any_ten_seconds() {
    let sale = Sale::open(&[]).await;
    let settings = [("DROPGATE_RATE_KEY", "20/s")];
    let engines = [limited(sale.world(), &settings), limited(sale.world(), &settings)];
    let key = sale.make_key(&["storefront"], None).await;
    for engine in &engines {
        eventually("the key is known", || async {
            (Calls::to(engine).cart(&sale, &key.secret).send().await.status != 401).then_some(())
        })
        .await;
    }
    let calls = engines.each_ref().map(Calls::to);
    insist(|client| calls[client % 2].cart(&sale, &key.secret).send()).await;
}

#[tokio::test]
async fn no_more_than_the_limit_of_a_customer_passes_in_any_ten_seconds() {
    let sale = Sale::open(&[("a", 100_000)]).await;
    let settings = [("DROPGATE_RATE_CUSTOMER", "20/s")];
    let engines = [limited(sale.world(), &settings), limited(sale.world(), &settings)];
    let calls = engines.each_ref().map(Calls::to);
    let customer = format!("c-{}", sale.id());
    insist(|client| calls[client % 2].reserve(&sale, &customer).send()).await;
}

#[tokio::test]
async fn without_redis_calls_pass() {
    let servers = TestServers::start().await.expect("servers");
    let database = servers.new_database("limits").await.expect("a database");
    let settings = [("DROPGATE_RATE_KEY", "1/h burst 2")];
    let engine = EngineProcess::serve(&servers.redis().url(), database.url(), &settings);
    let calls = Calls::to(&engine);
    let list = || calls.call(Method::GET, "/v1/admin/drops").bearer(ADMIN_KEY).send();
    for expected in [200, 200, 429] {
        assert_eq!(list().await.status, expected);
    }
    servers.redis().freeze();
    // Redis has no part in this call but for the limit.
    let reply = list().await;
    assert_eq!((reply.status, reply.header("ratelimit")), (200, ""));
    // Now that it is known to fail, nobody waits for it: each would half a second.
    let began = Instant::now();
    for _ in 0..10 {
        list().await.ok(200);
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    servers.redis().thaw();
    eventually("the limit is in force again", || async {
        (list().await.status == 429).then_some(())
    })
    .await;
    drop(database);
}
