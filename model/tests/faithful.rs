//! The protocol as it is: every bound explored to the end, every property kept.

use dropgate_model::bounds::{
    CART, CROWD, EPOCHS, EVERYTHING, LATE_REBUILDERS, LOSS, ROLL_BACK, SALE, SALE_ROLL_BACK, WIPE,
};
use dropgate_model::{Bounds, Dropgate};
use stateright::{Checker, HasDiscoveries, Model};

/// Explores to the end; `at_least` guards against a model that has quietly lost its freedom.
fn explore(bounds: Bounds, at_least: usize) {
    let checker = Dropgate::faithful(bounds)
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    checker.assert_properties();
    assert!(checker.is_done());
    let states = checker.unique_state_count();
    println!("{}: {states} states, depth {}", bounds.name, checker.max_depth());
    assert!(states >= at_least, "{}: only {states} states", bounds.name);
}

#[test]
fn a_sale_without_faults() {
    explore(SALE, 1_000_000);
}

#[test]
fn a_roll_back_with_late_and_repeated_scripts() {
    explore(ROLL_BACK, 200_000);
}

#[test]
fn two_clients_and_a_redis_that_forgets() {
    explore(LOSS, 300_000);
}

#[test]
fn a_cart_is_emptied_while_everything_breaks() {
    explore(CART, 80_000);
}

#[test]
fn a_wipe_and_a_crash() {
    explore(WIPE, 80_000);
}

#[test]
fn three_epochs_and_a_roll_back() {
    explore(EPOCHS, 200_000);
}

#[test]
fn three_epochs_and_late_rebuilders() {
    explore(LATE_REBUILDERS, 300_000);
}

#[test]
#[ignore = "takes a minute and some GB: see README.md"]
fn a_crowd_and_a_roll_back() {
    explore(CROWD, 1_000_000);
}

#[test]
#[ignore = "takes a minute and some GB: see README.md"]
fn every_verb_and_a_roll_back() {
    explore(SALE_ROLL_BACK, 1_000_000);
}

#[test]
#[ignore = "takes a minute and some GB: see README.md"]
fn a_retry_and_every_fault() {
    explore(EVERYTHING, 1_000_000);
}
