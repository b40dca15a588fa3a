//! Each rule is needed: without it, a named property breaks.

use std::collections::BTreeSet;

use dropgate_model::bounds::{
    CART, CROWD, EPOCHS, LEDGER_LOSS, LEDGER_LOSS_CROWD, ROLL_BACK, TWO_SIDES,
};
use dropgate_model::mutants::{IN_PRODUCTION, Mutant};
use dropgate_model::properties::{
    ENDS_ONCE, LOSS_NOTICED, NEVER_OVERSOLD, NO_GAP, NO_NEEDLESS_FENCE, NONE_IS_NONE, NOTHING_LOST,
    NOTHING_REPLACED, ONE_EFFECT, REDIS_FOLLOWS, REFUSALS_DURABLE, STRANGERS_REFUSED,
};
use dropgate_model::state::Budget;
use dropgate_model::{Bounds, Dropgate};
use stateright::{Checker, HasDiscoveries, Model};

/// The cart, in which a client library sends again what was not answered.
const RESENT: Bounds = Bounds { budget: Budget { resends: 1, ..CART.budget }, ..CART };

/// Where the mutant shows, and the property that it breaks there.
fn damage(mutant: Mutant) -> (Bounds, &'static str) {
    match mutant {
        Mutant::ScriptWithoutEpochCheck => (EPOCHS, STRANGERS_REFUSED),
        Mutant::ScriptWithoutBehindCheck => (ROLL_BACK, STRANGERS_REFUSED),
        Mutant::ScriptWithoutKeys => (ROLL_BACK, ONE_EFFECT),
        Mutant::AckBeforeCommit => (ROLL_BACK, NOTHING_LOST),
        Mutant::AckBySeqWithoutChain => (CROWD, NOTHING_LOST),
        Mutant::RefusalBeforeCommit => (CART, REFUSALS_DURABLE),
        Mutant::UnknownReservationFromRedis => (ROLL_BACK, NOTHING_LOST),
        Mutant::NoneWithKey => (ROLL_BACK, NONE_IS_NONE),
        Mutant::NoneWithKeyLookedUp => (EPOCHS, NONE_IS_NONE),
        Mutant::NoneOnBacklog => (ROLL_BACK, NONE_IS_NONE),
        Mutant::NoneWhenStalled => (ROLL_BACK, NONE_IS_NONE),
        Mutant::NoneWhileLost => (LEDGER_LOSS_CROWD, NONE_IS_NONE),
        Mutant::ResentWithoutKey => (RESENT, NONE_IS_NONE),
        Mutant::CommitWithoutChainFence => (CROWD, NEVER_OVERSOLD),
        Mutant::CommitWithoutEpochFence => (TWO_SIDES, NONE_IS_NONE),
        Mutant::CursorApart => (CART, ENDS_ONCE),
        Mutant::TrimAheadOfLedger => (CART, NO_GAP),
        Mutant::DetectionWithoutChain => (ROLL_BACK, LOSS_NOTICED),
        Mutant::GapWithoutSecondLook => (CART, NO_NEEDLESS_FENCE),
        Mutant::RebuildOfLostLedger => (LEDGER_LOSS, NOTHING_REPLACED),
        Mutant::FenceAboveRedis => (TWO_SIDES, NONE_IS_NONE),
        Mutant::SnapshotBeforeFence => (EPOCHS, NO_GAP),
        Mutant::OpenBeforeLastChunk => (EPOCHS, REDIS_FOLLOWS),
        Mutant::FinishWithoutCount => (EPOCHS, REDIS_FOLLOWS),
        Mutant::RebuildWithoutKeys => (EPOCHS, ONE_EFFECT),
        Mutant::LateRebuilder => (EPOCHS, REDIS_FOLLOWS),
    }
}

#[test]
fn every_mutant_breaks_its_property() {
    for mutant in Mutant::ALL {
        let (bounds, property) = damage(mutant);
        let model = Dropgate { bounds: Bounds { alike: false, ..bounds }, mutant: Some(mutant) };
        let checker = model
            .checker()
            .finish_when(HasDiscoveries::AllOf(BTreeSet::from([property])))
            .spawn_bfs()
            .join();
        let states = checker.unique_state_count();
        let Some(path) = checker.discovery(property) else {
            panic!("{mutant:?} keeps \"{property}\" in all {states} states of {}", bounds.name);
        };
        println!("{mutant:?} breaks \"{property}\" ({states} states): {:?}", path.into_actions());
    }
}

/// What only two servers that live at once can break.
#[test]
fn one_of_them_needs_the_other_server() {
    let (bounds, property) = damage(Mutant::FenceAboveRedis);
    let budget = Budget { failovers: 0, ..bounds.budget };
    let bounds = Bounds { budget, names_late_rebuilders: false, ..bounds };
    let mutant = Some(Mutant::FenceAboveRedis);
    let finish = HasDiscoveries::AllOf(BTreeSet::from([property]));
    let checker =
        Dropgate { bounds, mutant }.checker().threads(2).finish_when(finish).spawn_bfs().join();
    assert!(checker.is_done() && checker.discovery(property).is_none());
}

#[test]
fn each_mutant_of_the_running_system_is_accounted_for() {
    let source = include_str!("../../src/failpoint.rs");
    let (_, behind) = source.split_once("Mutant {").expect("the enum of mutants");
    let (inside, _) = behind.split_once("}\n}").expect("its end");
    let names: BTreeSet<&str> = inside.lines().filter_map(|line| line.split('"').nth(1)).collect();
    let known = IN_PRODUCTION.map(|(name, _)| name);
    assert_eq!(names, BTreeSet::from(known));
    assert_eq!(known.len(), names.len(), "each once");
}
