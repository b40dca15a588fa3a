//! How far an exploration goes. The whole is too large to explore at once, so each exploration
//! takes some calls and some faults, and explores what they can do to each other to the end.

use crate::ledger::Epoch;
use crate::state::{Budget, CONFIRM, CallId, FIRST_TRY, RELEASE, RETRY, SECOND_HOLD, THIRD_HOLD};

/// How much of the protocol one exploration covers.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The name to ask for it by.
    pub name: &'static str,
    /// The calls that clients make.
    pub calls: &'static [CallId],
    /// The calls of these whose script may be late; the others run as they come in.
    pub late: &'static [CallId],
    /// The highest epoch; nobody fences in it.
    pub epochs: Epoch,
    /// What may go wrong or happen by itself.
    pub budget: Budget,
    /// Whether two states count as one when they differ only in which engine is which, or which
    /// server. It halves the work; in a path a number then is a place at that moment.
    pub alike: bool,
    /// Whether rebuilders that thaw late at every stage must be reachable.
    pub names_late_rebuilders: bool,
}

const NOTHING_HAPPENS: Budget = Budget {
    roll_backs: 0,
    wipes: 0,
    failovers: 0,
    crashes: 0,
    resends: 0,
    expiries: 0,
    rebuilds: 0,
    ledger_losses: 0,
};

/// A sale without faults: every client, every verb, one deadline that passes.
pub const SALE: Bounds = Bounds {
    name: "sale",
    calls: &[FIRST_TRY, RETRY, CONFIRM, SECOND_HOLD, RELEASE, THIRD_HOLD],
    late: &[],
    epochs: 1,
    budget: Budget { expiries: 1, ..NOTHING_HAPPENS },
    alike: true,
    names_late_rebuilders: false,
};

/// One client's hold, retry and confirm, with late and repeated scripts, while Redis rolls back.
pub const ROLL_BACK: Bounds = Bounds {
    name: "roll-back",
    calls: &[FIRST_TRY, RETRY, CONFIRM],
    late: &[FIRST_TRY, RETRY, CONFIRM],
    epochs: 2,
    budget: Budget { roll_backs: 1, resends: 1, expiries: 1, ..NOTHING_HAPPENS },
    ..SALE
};

/// Two clients for whom Redis rolls back and is wiped.
pub const LOSS: Bounds = Bounds {
    name: "loss",
    calls: &[FIRST_TRY, RETRY, THIRD_HOLD],
    budget: Budget { roll_backs: 1, wipes: 1, ..NOTHING_HAPPENS },
    late: &[],
    ..ROLL_BACK
};

/// A hold and its release, while Redis rolls back, an engine crashes and the deadline passes.
pub const CART: Bounds = Bounds {
    name: "cart",
    calls: &[SECOND_HOLD, RELEASE],
    late: &[SECOND_HOLD, RELEASE],
    budget: Budget { roll_backs: 1, crashes: 1, expiries: 1, ..NOTHING_HAPPENS },
    ..ROLL_BACK
};

/// One client's hold, retry and confirm, while Redis is wiped and an engine crashes.
pub const WIPE: Bounds = Bounds {
    name: "wipe",
    late: &[FIRST_TRY, RETRY],
    budget: Budget { wipes: 1, crashes: 1, expiries: 1, ..NOTHING_HAPPENS },
    ..ROLL_BACK
};

/// A hold and its retry over three epochs: Redis rolls back, also in the middle of a rebuild.
pub const EPOCHS: Bounds = Bounds {
    name: "epochs",
    calls: &[FIRST_TRY, RETRY],
    late: &[FIRST_TRY, RETRY],
    epochs: 3,
    budget: Budget { roll_backs: 1, rebuilds: 1, ..NOTHING_HAPPENS },
    ..SALE
};

/// A hold and its retry over three epochs: Redis is wiped, engines crash, rebuilders are late.
pub const LATE_REBUILDERS: Bounds = Bounds {
    name: "late-rebuilders",
    budget: Budget { wipes: 1, crashes: 1, rebuilds: 1, ..NOTHING_HAPPENS },
    names_late_rebuilders: true,
    ..EPOCHS
};

/// Two clients, one of whom asks again, while a second Redis takes over and the first lives on.
pub const FAILOVER: Bounds = Bounds {
    name: "failover",
    calls: &[FIRST_TRY, RETRY, SECOND_HOLD],
    late: &[FIRST_TRY, RETRY, SECOND_HOLD],
    budget: Budget { failovers: 1, ..NOTHING_HAPPENS },
    ..ROLL_BACK
};

/// A hold, its retry and its confirm on two servers, while the deadline passes.
pub const CHECKOUT: Bounds = Bounds {
    name: "checkout",
    calls: &[FIRST_TRY, RETRY, CONFIRM],
    late: &[FIRST_TRY, CONFIRM],
    budget: Budget { failovers: 1, resends: 1, expiries: 1, ..NOTHING_HAPPENS },
    ..ROLL_BACK
};

/// A hold without a key over three epochs and two servers: rebuilders are late, on either.
pub const TWO_SIDES: Bounds = Bounds {
    name: "two-sides",
    calls: &[SECOND_HOLD],
    late: &[SECOND_HOLD],
    epochs: 3,
    budget: Budget { failovers: 1, rebuilds: 1, ..NOTHING_HAPPENS },
    names_late_rebuilders: true,
    ..SALE
};

/// A hold and its retry while Postgres loses what it had, and an engine what it knew.
pub const LEDGER_LOSS: Bounds = Bounds {
    name: "ledger-loss",
    calls: &[FIRST_TRY, RETRY],
    late: &[FIRST_TRY],
    epochs: 2,
    budget: Budget { ledger_losses: 1, crashes: 1, rebuilds: 1, ..NOTHING_HAPPENS },
    ..SALE
};

/// Explored by every test run.
pub const SMALL: [Bounds; 11] = [
    SALE,
    ROLL_BACK,
    LOSS,
    CART,
    WIPE,
    EPOCHS,
    LATE_REBUILDERS,
    FAILOVER,
    CHECKOUT,
    TWO_SIDES,
    LEDGER_LOSS,
];

/// Three clients who fight for two units while Redis rolls back and scripts are late.
pub const CROWD: Bounds = Bounds {
    name: "crowd",
    calls: &[FIRST_TRY, RETRY, SECOND_HOLD, THIRD_HOLD],
    late: &[FIRST_TRY],
    budget: Budget { roll_backs: 1, ..NOTHING_HAPPENS },
    ..ROLL_BACK
};

/// Every verb, while Redis rolls back and a deadline passes.
pub const SALE_ROLL_BACK: Bounds = Bounds {
    name: "sale-roll-back",
    calls: &[FIRST_TRY, RETRY, CONFIRM, SECOND_HOLD, RELEASE],
    budget: Budget { roll_backs: 1, expiries: 1, ..NOTHING_HAPPENS },
    late: &[],
    ..ROLL_BACK
};

/// A hold and its retry over three epochs, with every fault of Redis and the engines once.
pub const EVERYTHING: Bounds = Bounds {
    name: "everything",
    late: &[FIRST_TRY],
    budget: Budget {
        roll_backs: 1,
        wipes: 1,
        crashes: 1,
        resends: 1,
        rebuilds: 1,
        ..NOTHING_HAPPENS
    },
    ..EPOCHS
};

/// Three clients who fight for two units on two servers.
pub const SPLIT_CROWD: Bounds = Bounds {
    name: "split-crowd",
    calls: &[FIRST_TRY, RETRY, SECOND_HOLD, THIRD_HOLD],
    late: &[FIRST_TRY],
    budget: Budget { failovers: 1, ..NOTHING_HAPPENS },
    ..ROLL_BACK
};

/// Two clients over three epochs and two servers.
pub const LATE_SIDES: Bounds =
    Bounds { name: "late-sides", calls: &[SECOND_HOLD, THIRD_HOLD], ..TWO_SIDES };

/// A hold and its retry while everything fails at once: a second Redis takes over without the end,
/// either of the two loses its tail again, and an engine crashes.
pub const AT_ONCE: Bounds = Bounds {
    name: "at-once",
    late: &[FIRST_TRY],
    budget: Budget { failovers: 1, roll_backs: 1, crashes: 1, rebuilds: 1, ..NOTHING_HAPPENS },
    ..EPOCHS
};

/// Two clients while Postgres loses what it had, and an engine what it knew.
pub const LEDGER_LOSS_CROWD: Bounds = Bounds {
    name: "ledger-loss-crowd",
    calls: &[FIRST_TRY, RETRY, SECOND_HOLD],
    late: &[],
    ..LEDGER_LOSS
};

/// Explored when asked for.
pub const LARGE: [Bounds; 7] =
    [CROWD, SALE_ROLL_BACK, EVERYTHING, SPLIT_CROWD, LATE_SIDES, AT_ONCE, LEDGER_LOSS_CROWD];
