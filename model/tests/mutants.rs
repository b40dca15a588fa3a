//! Each rule is needed: without it, a named property breaks.

use std::collections::BTreeSet;

use dropgate_model::bounds::{CART, CROWD, EPOCHS, ROLL_BACK};
use dropgate_model::mutants::Mutant;
use dropgate_model::properties::{
    ENDS_ONCE, LOSS_NOTICED, NEVER_OVERSOLD, NO_GAP, NO_NEEDLESS_FENCE, NONE_IS_NONE, NOTHING_LOST,
    ONE_EFFECT, REDIS_FOLLOWS, REFUSALS_DURABLE,
};
use dropgate_model::{Bounds, Dropgate};
use stateright::{Checker, HasDiscoveries, Model};

/// Where the mutant shows, and the property that it breaks there.
fn damage(mutant: Mutant) -> (Bounds, &'static str) {
    match mutant {
        Mutant::ScriptWithoutEpochCheck => (EPOCHS, ONE_EFFECT),
        Mutant::AckBeforeCommit => (ROLL_BACK, NOTHING_LOST),
        Mutant::AckBySeqWithoutChain => (CROWD, NOTHING_LOST),
        Mutant::RefusalBeforeCommit => (CART, REFUSALS_DURABLE),
        Mutant::UnknownReservationFromRedis => (ROLL_BACK, NOTHING_LOST),
        Mutant::NoneWhenEpochRose => (EPOCHS, NONE_IS_NONE),
        Mutant::NoneWithoutKey => (ROLL_BACK, NONE_IS_NONE),
        Mutant::NoneWithoutReservation => (ROLL_BACK, NONE_IS_NONE),
        Mutant::NoneWithOldStamp => (EPOCHS, NONE_IS_NONE),
        Mutant::NoneOnBacklog => (ROLL_BACK, NONE_IS_NONE),
        Mutant::CarriedIntoNewerEpoch => (EPOCHS, ONE_EFFECT),
        Mutant::KeyNotLookedUp => (EPOCHS, ONE_EFFECT),
        Mutant::CommitWithoutChainFence => (CROWD, NEVER_OVERSOLD),
        Mutant::CommitWithoutEpochFence => (EPOCHS, NONE_IS_NONE),
        Mutant::CursorApart => (CART, ENDS_ONCE),
        Mutant::TrimAheadOfLedger => (CART, NO_GAP),
        Mutant::DetectionWithoutChain => (ROLL_BACK, LOSS_NOTICED),
        Mutant::RedisReadFirst => (CART, NO_NEEDLESS_FENCE),
        Mutant::SnapshotBeforeFence => (EPOCHS, NO_GAP),
        Mutant::OpenBeforeLastChunk => (EPOCHS, REDIS_FOLLOWS),
        Mutant::FinishWithoutCount => (EPOCHS, REDIS_FOLLOWS),
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
