//! Crashes and pauses at the exact places of the protocol where they would be worst.
//!
//! Engine 0 ends or stops at the place, engine 1 carries on. Nothing that was told is lost, a call
//! whose answer never came is resolved by its key, and who wakes up late changes nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dropgate::failpoint::Place;
use dropgate_nemesis::{
    cluster::{Cluster, PATIENCE},
    engine::Engine,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    load,
    support::{assert_well, held_and_sold, recorded, resolve, until, wipe},
};

/// Waves of calls at most: an engine looks at its orders every few milliseconds, so the first ones
/// may pass before it knows them.
const WAVES: usize = 20;

/// One call of a client: its key, its path and its body.
struct Call {
    key: String,
    path: String,
    body: Value,
}

/// The reservations that clients will confirm and release, two a wave.
async fn prepare(cluster: &Cluster, drop: &str) -> Vec<String> {
    cluster.drop_with(drop, 1_000, None).await;
    let keys: Vec<String> = (0..2 * WAVES).map(|number| format!("before-{number}")).collect();
    futures_util::future::join_all(keys.iter().map(|key| resolve(cluster, 0, drop, key))).await
}

/// What clients ask at once: four holds, a confirm, a release.
fn wave(drop: &str, number: usize, before: &[String]) -> Vec<Call> {
    let path = format!("/v1/drops/{drop}/reservations");
    let mut calls: Vec<Call> = (0..4)
        .map(|client| {
            let key = format!("c-{number}-{client}");
            let lines = json!([{ "sku": "s", "quantity": 1 }]);
            let body = json!({ "customer_id": key, "lines": lines });
            Call { key, path: path.clone(), body }
        })
        .collect();
    let ends = [("confirm", json!({ "order_id": "o" })), ("release", json!({}))];
    for ((verb, body), id) in ends.into_iter().zip(&before[2 * number..]) {
        let key = format!("{verb}-{number}");
        calls.push(Call { key, path: format!("{path}/{id}/{verb}"), body });
    }
    calls
}

/// Sends waves to engine 0 until the fault has happened; in a rebuild's case, Redis loses the drop
/// before each. Gives the calls with what was told.
async fn ask_until(
    cluster: &Cluster,
    place: Place,
    before: &[String],
    happened: impl Fn() -> bool,
) -> (Vec<Call>, Vec<Option<Value>>) {
    let drop = name(place);
    let (mut calls, mut told) = (Vec::new(), Vec::new());
    for number in 0..WAVES {
        if place.name().starts_with("rebuild.") {
            wipe(cluster, &drop).await;
        }
        let wave = wave(&drop, number, before);
        told.extend(ask(cluster, 0, &wave).await);
        calls.extend(wave);
        if happened() {
            break;
        }
    }
    (calls, told)
}

/// The drop of a place.
fn name(place: Place) -> String {
    place.name().replace('.', "-")
}

/// Asserts that every call had one effect: of six in a wave, four hold, one confirms, one releases.
async fn assert_counts(cluster: &Cluster, drop: &str, calls: usize, more: i64) {
    let waves = i64::try_from(calls / 6).expect("few");
    let before = i64::try_from(2 * WAVES).expect("few");
    let held = before + 4 * waves - 2 * waves + more;
    assert_eq!(held_and_sold(cluster, drop).await, (held, waves), "{drop}");
}

/// What the clients were told: the body of each 2xx, or nothing.
async fn ask(cluster: &Cluster, engine: usize, calls: &[Call]) -> Vec<Option<Value>> {
    let asked = calls.iter().map(|call| async {
        let body = Some(call.body.clone());
        let reply = cluster.call(engine, Method::POST, &call.path, Some(&call.key), body).await;
        reply.filter(|reply| reply.status.is_success()).map(|reply| reply.body)
    });
    futures_util::future::join_all(asked).await
}

/// The same calls again, each until it succeeds.
async fn ask_again(cluster: &Cluster, engine: usize, calls: &[Call]) -> Vec<Value> {
    let asked = calls.iter().map(|call| async {
        let since = Instant::now();
        loop {
            let once = ask(cluster, engine, std::slice::from_ref(call)).await;
            if let Some(Some(body)) = once.into_iter().next() {
                return body;
            }
            assert!(since.elapsed() < PATIENCE, "{} never succeeds", call.path);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    futures_util::future::join_all(asked).await
}

/// Engine 0 ends at `place` while clients ask it; engine 1 carries on.
async fn crash_at(cluster: &Cluster, place: Place) {
    let (drop, order) = (name(place), format!("{} abort", place.name()));
    let before = prepare(cluster, &drop).await;
    let swept = i64::from(place == Place::SweepBefore);
    if swept > 0 {
        let due = cluster.hold(0, &drop, "due", None, Some(1)).await.expect("an answer");
        assert_eq!(due.status, StatusCode::CREATED, "{due:?}");
    }
    let [first, second] = &cluster.engines[..] else { panic!("two engines") };
    // Or it would do the work before engine 0 comes to the place.
    second.freeze();
    first.orders(&order);
    let (calls, told) = ask_until(cluster, place, &before, || first.ended().is_some()).await;
    first.await_end(PATIENCE).await.expect("it comes to the place");
    assert!(first.done().contains(&order), "{order}");
    second.thaw();
    let since = Instant::now();
    let resolved = ask_again(cluster, 1, &calls).await;
    println!(
        "{order}: {} of {} calls had been answered, all were resolved {:?} later",
        told.iter().flatten().count(),
        calls.len(),
        since.elapsed()
    );
    // One effect, and the answer of the first time.
    for (told, resolved) in told.iter().zip(&resolved) {
        assert!(told.as_ref().is_none_or(|told| told == resolved), "{told:?} {resolved:?}");
    }
    first.orders("");
    first.restart(PATIENCE).await.expect("it starts again");
    assert_eq!(ask_again(cluster, 0, &calls).await, resolved, "{order}");
    if swept > 0 {
        until("the hold that was due is freed", || async {
            let sql = "SELECT 1 FROM ledger WHERE drop_id = $1 AND kind = 'expired'";
            let sql = cluster.sql().await.expect("Postgres").query_opt(sql, &[&drop]).await;
            sql.expect("an answer").is_some()
        })
        .await;
    }
    cluster.assert_balanced(0, &drop).await;
    cluster.assert_balanced(1, &drop).await;
    assert_counts(cluster, &drop, calls.len(), 0).await;
    let holds = i64::try_from(2 * WAVES + calls.len() / 6 * 4).expect("few") + swept;
    assert_eq!(recorded(cluster, &drop).await.holds, holds, "{order}");
}

async fn crash_at_each(places: &[Place]) {
    let cluster = crate::start(2).await;
    for place in places {
        crash_at(&cluster, *place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_a_commit_loses_nothing_and_repeats_nothing() {
    let places = [Place::WriteAfterRead, Place::WriteAfterCommit, Place::WriteBeforeTrim];
    crash_at_each(&places).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_a_script_or_an_answer_loses_nothing_and_repeats_nothing() {
    let places =
        [Place::LaneBeforeScript, Place::LaneAfterScript, Place::AnswerBefore, Place::SweepBefore];
    crash_at_each(&places).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_a_rebuild_is_mended_by_another_engine() {
    tokio::join!(
        crash_at_each(&[Place::RebuildAfterFence, Place::RebuildAfterBegin]),
        crash_at_each(&[Place::RebuildAfterSnapshot, Place::RebuildAfterChunk]),
        crash_at_each(&[Place::RebuildBeforeFinish, Place::RebuildAfterFinish]),
    );
}

/// Engine 0 stops at `place`; engine 1 fences, rebuilds and sells on; then engine 0 wakes up.
async fn pause_at(cluster: &Cluster, place: Place) {
    let (drop, order) = (name(place), format!("{} stop", place.name()));
    let before = prepare(cluster, &drop).await;
    let [first, second] = &cluster.engines[..] else { panic!("two engines") };
    second.freeze();
    first.orders(&order);
    let meanwhile = async {
        first.await_done(&order, PATIENCE).await.expect("it comes to the place");
        until("it stops there", || async { first.is_stopped() }).await;
        second.thaw();
        if !place.name().starts_with("rebuild.") {
            wipe(cluster, &drop).await;
        }
        let since = Instant::now();
        resolve(cluster, 1, &drop, "meanwhile").await;
        println!("{order}: engine 1 sold on after {:?}", since.elapsed());
        cluster.assert_balanced(1, &drop).await;
        let known = recorded(cluster, &drop).await;
        first.orders("");
        first.thaw();
        known
    };
    let happened = || first.done().contains(&order);
    let ((calls, told), known) =
        tokio::join!(ask_until(cluster, place, &before, happened), meanwhile);
    // It is awake when it serves again, in the new epoch; what it was about to do is past.
    assert_well(cluster, &[0], &drop, &order).await;
    let resolved = ask_again(cluster, 0, &calls).await;
    for (told, resolved) in told.iter().zip(&resolved) {
        assert!(told.as_ref().is_none_or(|told| told == resolved), "{told:?} {resolved:?}");
    }
    assert_eq!(ask_again(cluster, 1, &calls).await, resolved, "{order}");
    cluster.assert_balanced(0, &drop).await;
    let later = recorded(cluster, &drop).await;
    assert_eq!((later.epoch, later.old_events), (known.epoch, known.old_events), "{order}");
    // Two more: what engine 1 sold meanwhile, and the proof that engine 0 is well.
    assert_counts(cluster, &drop, calls.len(), 2).await;
}

async fn pause_at_each(places: &[Place]) {
    let cluster = crate::start(2).await;
    for place in places {
        pause_at(&cluster, *place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_paused_before_a_script_or_a_commit_changes_nothing_later() {
    pause_at_each(&[Place::WriteAfterRead, Place::LaneBeforeScript]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_paused_in_a_rebuild_changes_nothing_later() {
    tokio::join!(
        pause_at_each(&[Place::RebuildAfterFence, Place::RebuildAfterBegin]),
        pause_at_each(&[Place::RebuildAfterSnapshot, Place::RebuildAfterChunk]),
        pause_at_each(&[Place::RebuildBeforeFinish]),
    );
}

/// Redis loses the drop again while an engine is in the middle of its rebuild, at each place.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_wiped_away_is_begun_again() {
    let cluster = crate::start(2).await;
    cluster.drop_with("again", 1_000, None).await;
    let places: Vec<Place> =
        Place::ALL.iter().copied().filter(|place| place.name().starts_with("rebuild.")).collect();
    let mut ids = Vec::new();
    for place in &places {
        ids.push(resolve(&cluster, 0, "again", place.name()).await);
        let sleeps = |engine: &Engine| {
            let order = format!("{} sleep", place.name());
            engine.done().iter().filter(|done| **done == order).count()
        };
        for engine in &cluster.engines {
            engine.orders(&format!("{} sleep 200", place.name()));
        }
        let asleep = || cluster.engines.iter().any(|engine| sleeps(engine) > 0);
        until("a rebuilder is at the place", || async {
            if !asleep() {
                wipe(&cluster, "again").await;
                // Somebody asks, so somebody notices.
                let _ = cluster.hold(1, "again", "ask", Some("ask"), None).await;
            }
            asleep()
        })
        .await;
        wipe(&cluster, "again").await;
        for engine in &cluster.engines {
            engine.orders("");
        }
        let wiped = format!("a rebuild wiped away at {}", place.name());
        assert_well(&cluster, &[0], "again", &wiped).await;
        cluster.assert_balanced(1, "again").await;
    }
    for (place, id) in places.iter().zip(&ids) {
        assert_eq!(resolve(&cluster, 1, "again", place.name()).await, *id);
    }
    // A hold and a proof each, and the one who asked.
    let holds = i64::try_from(2 * places.len() + 1).expect("few");
    assert_eq!(held_and_sold(&cluster, "again").await, (holds, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_write_behinds_at_once_write_everything_once() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("two", 100_000, None).await;
    for engine in &cluster.engines {
        // Both have read the same entries before either commits them.
        engine.orders("write_behind.after_read sleep 30");
    }
    let (books, mut clients) = load::start(&cluster, "two", 8);
    load::let_win(&books, 150).await;
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    for engine in &cluster.engines {
        assert!(!engine.done().is_empty(), "it was at it too");
        engine.orders("");
    }
    cluster.assert_balanced(0, "two").await;
    load::assert_kept(&cluster, "two", &books).await;
    let recorded = recorded(&cluster, "two").await;
    assert_eq!((recorded.epoch, recorded.old_events), (1, 0), "nobody saw a gap");
    assert_eq!(recorded.holds, i64::try_from(books.len()).expect("few"));
}
