//! The protocol as it is: every bound explored to the end, every property kept.

use dropgate_model::bounds::{
    AT_ONCE, CART, CHECKOUT, CROWD, EPOCHS, EVERYTHING, FAILOVER, LATE_REBUILDERS, LATE_SIDES,
    LEDGER_LOSS, LEDGER_LOSS_CROWD, LOSS, ROLL_BACK, SALE, SALE_ROLL_BACK, SPLIT_CROWD, TWO_SIDES,
    WIPE,
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
    explore(ROLL_BACK, 150_000);
}

#[test]
fn two_clients_and_a_redis_that_forgets() {
    explore(LOSS, 150_000);
}

#[test]
fn a_cart_is_emptied_while_everything_breaks() {
    explore(CART, 15_000);
}

#[test]
fn a_wipe_and_a_crash() {
    explore(WIPE, 60_000);
}

#[test]
fn three_epochs_and_a_roll_back() {
    explore(EPOCHS, 150_000);
}

#[test]
fn three_epochs_and_late_rebuilders() {
    explore(LATE_REBUILDERS, 250_000);
}

#[test]
fn a_failover_with_both_servers_alive() {
    explore(FAILOVER, 150_000);
}

#[test]
fn a_failover_in_the_middle_of_a_checkout() {
    explore(CHECKOUT, 500_000);
}

#[test]
fn three_epochs_on_two_servers() {
    explore(TWO_SIDES, 30_000);
}

#[test]
fn a_ledger_that_goes_back_in_time() {
    explore(LEDGER_LOSS, 200_000);
}

#[test]
#[ignore = "takes half a minute and some GB: see README.md"]
fn a_crowd_and_a_roll_back() {
    explore(CROWD, 600_000);
}

#[test]
#[ignore = "takes minutes and some GB: see README.md"]
fn every_verb_and_a_roll_back() {
    explore(SALE_ROLL_BACK, 1_000_000);
}

#[test]
#[ignore = "takes minutes and some GB: see README.md"]
fn a_retry_and_every_fault() {
    explore(EVERYTHING, 5_000_000);
}

#[test]
#[ignore = "takes half a minute and some GB: see README.md"]
fn a_crowd_on_two_servers() {
    explore(SPLIT_CROWD, 2_000_000);
}

#[test]
#[ignore = "takes half a minute and some GB: see README.md"]
fn two_clients_and_three_epochs_on_two_servers() {
    explore(LATE_SIDES, 1_000_000);
}

#[test]
#[ignore = "takes minutes and some GB: see README.md"]
fn everything_at_once() {
    explore(AT_ONCE, 1_000_000);
}

#[test]
#[ignore = "takes minutes and some GB: see README.md"]
fn two_clients_and_a_ledger_that_goes_back_in_time() {
    explore(LEDGER_LOSS_CROWD, 5_000_000);
}
