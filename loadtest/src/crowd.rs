//! The crowd: goose users who play buyers, one after another, from the opening on.
//!
//! A goose user is a place in the crowd. All places are taken before the drop's opening is
//! announced, so that the first wave comes at once; then each plays the next buyer of its
//! kind as soon as the one before has left, until nobody is left.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction};
use goose::metrics::GooseMetrics;
use goose::prelude::{GooseDefault, GooseDefaultType};
use goose::{GooseAttack, GooseScheduler};
use rand::RngExt;
use tokio::time::{Instant, sleep, sleep_until};

use crate::admin::Admin;
use crate::buyer;
use crate::mix::Kind;
use crate::shopper::Shopper;
use crate::world::{Opening, World};

/// From the announcement to the opening.
const NOTICE: Duration = Duration::from_secs(2);
/// How long the crowd may take to gather.
const GATHER: Duration = Duration::from_secs(60);
/// How long the first wave takes; bots come before it, and are told that it is too early.
const WAVE: Duration = Duration::from_millis(250);

/// Runs the whole sale: gathers the crowd, opens, and ends when everybody has gone home.
/// Writes goose's own report to `goose_report`.
pub(crate) async fn run(
    world: &Arc<World>,
    admin: &Admin,
    goose_report: &str,
) -> Result<GooseMetrics> {
    let places = world.places().iter().sum();
    let attack = attack(world, places, goose_report)?;
    let (metrics, opened, ()) = tokio::join!(
        async {
            let metrics = Box::pin(attack.execute()).await;
            // Nobody is left to wait for, whatever the reason.
            world.announce_end();
            metrics
        },
        open(world, admin, places),
        progress(world),
    );
    opened?;
    metrics.map_err(|error| anyhow::anyhow!("the crowd could not be simulated: {error:?}"))
}

/// Opens the drop a moment after everybody has gathered.
async fn open(world: &World, admin: &Admin, places: usize) -> Result<()> {
    let until = Instant::now() + GATHER;
    while world.waiting() < places && Instant::now() < until && !world.ended() {
        sleep(Duration::from_millis(20)).await;
    }
    if world.ended() {
        return Ok(());
    }
    let opens_at = Utc::now() + NOTICE;
    match admin.opens_at(opens_at).await {
        Ok(_) => {
            let left = (opens_at - Utc::now()).to_std().unwrap_or_default();
            world.announce(Opening::At(Instant::now() + left));
            println!("{} buyers are at the door; the drop opens", world.waiting());
            Ok(())
        }
        Err(error) => {
            world.announce(Opening::Cancelled);
            Err(error.context("the drop could not be opened"))
        }
    }
}

/// Says from time to time how far it is.
async fn progress(world: &World) {
    let mut shown = Instant::now();
    while !world.ended() {
        sleep(Duration::from_millis(100)).await;
        if shown.elapsed() >= Duration::from_secs(5) && world.gone() > 0 {
            println!("{} of {} buyers have gone home", world.gone(), world.plan.buyers);
            shown = Instant::now();
        }
    }
}

fn attack(world: &Arc<World>, places: usize, goose_report: &str) -> Result<GooseAttack> {
    // Not the program's own arguments: those are not goose's.
    let configuration = GooseConfiguration::parse_args_default::<&str>(&[])?;
    // One pool of connections, as behind a shop's own server; every request has its end.
    let client = GooseClientBuilder::new().without_cookies().timeout(Duration::from_secs(10));
    let mut attack = GooseAttack::initialize_with_config(configuration)?
        .set_client_builder_without_cookies(client)?
        .set_scheduler(GooseScheduler::RoundRobin);
    for (kind, places) in Kind::ALL.into_iter().zip(world.places()) {
        if places > 0 {
            attack = attack.register_scenario(scenario(world, kind, places)?);
        }
    }
    let attack = attack
        .set_default(GooseDefault::Host, world.plan.url.as_str())?
        .set_default(GooseDefault::Users, places)?
        .set_default(GooseDefault::IncreaseRate, places.max(1).to_string().as_str())?
        .set_default(GooseDefault::Iterations, 1)?
        .set_default(GooseDefault::NoTelnet, true)?
        // A goose user plays many buyers in one transaction: its duration says nothing.
        .set_default(GooseDefault::NoTransactionMetrics, true)?
        .set_default(GooseDefault::NoScenarioMetrics, true)?
        .set_default(GooseDefault::NoPrintMetrics, true)?
        .set_default(GooseDefault::NoErrorSummary, true)?
        .set_default(GooseDefault::Quiet, 2)?
        .set_default(GooseDefault::ReportFile, goose_report)?;
    Ok(*attack)
}

/// The scenario of a kind; its weight is its number of places.
fn scenario(world: &Arc<World>, kind: Kind, places: usize) -> Result<Scenario> {
    let world = Arc::clone(world);
    let shift = Transaction::new(Arc::new(move |user: &mut GooseUser| {
        let world = Arc::clone(&world);
        Box::pin(async move {
            shift(&world, kind, user).await;
            // What went wrong is in the books; goose has nothing to stop for.
            Ok(())
        })
    }));
    let scenario = Scenario::new(kind.as_str()).set_weight(places)?;
    Ok(scenario.register_transaction(shift.set_name(kind.as_str())))
}

/// One place of the crowd, from the opening until nobody of its kind is left.
async fn shift(world: &World, kind: Kind, user: &mut GooseUser) {
    let Some(opening) = world.wait_at_door().await else { return };
    let mut first = true;
    while let Some(number) = world.next(kind) {
        let mut shopper = Shopper::new(world, user, kind, number);
        let delay = WAVE.mul_f64(shopper.rng.random_range(0.0..1.0));
        if first {
            let early = if kind == Kind::Bot { WAVE } else { Duration::ZERO };
            sleep_until(opening + delay - early).await;
        } else {
            sleep(delay).await;
        }
        first = false;
        let outcome = Box::pin(buyer::play(kind, &mut shopper)).await;
        world.leave(kind, outcome);
    }
}
