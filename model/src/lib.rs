//! A model of Dropgate's protocol: journal, chain, fence, rebuild and answers, explored to the end
//! with [stateright].
//!
//! One drop with one SKU of two units, three clients of whom one asks again with the same
//! idempotency key, two engines, one Redis or two, one Postgres. Each [`step::Action`] is one atomic
//! step; between two steps anything else may happen. An engine that freezes, is late or never comes
//! back is one whose next step is not taken for a while, or never. Redis may roll back to any of its
//! earlier moments, after which it may issue the same (epoch, seq) again with other content, and
//! may be wiped; a second one may take over as a copy that lacks the end, while the first lives on;
//! engines may crash; a script whose reply is lost may run twice; Postgres may go back in time.
//!
//! With two Redis servers, every script, read and rebuild step may meet either of them at any
//! moment: an engine has several connections, each moves when it likes, and what is under way ends
//! where it was sent. It is more than what any one way of switching over allows.
//!
//! | step in the model | piece in production |
//! |---|---|
//! | [`Send`], [`SendAgain`] | a turn of the lane stamps a call with epoch and durable seq; a call that a script refused as a whole goes with a later turn, also in a newer epoch |
//! | [`Run`], [`RunUnheard`] | the call's part of one script call: `lua/reserve.lua`, `confirm`, `release`; a batch of several operations is the same step taken several times |
//! | [`Call`], [`CallAgain`] | both at once, for calls that are not explored late |
//! | [`Expire`] | the sweep's script call |
//! | [`Read`], [`Commit`] | the write-behind: `lua/trim.lua` and `XRANGE`, then the one fenced statement |
//! | [`Answer`] | the engine's look at Postgres, or the news of a commit, for a call that waits |
//! | [`GiveUp`] | 503 `unknown` by deadline, or the client's disconnect; the work goes on |
//! | [`Look`] | `refresh`: the ledger's head is the truth, also when it has gone back |
//! | [`Fence`] | the ledger, Redis, the ledger again; then `epoch + 1`, or, if the ledger lacks what the engine or Redis knows to have been durable, the halt |
//! | [`AskForRebuild`] | `dropgate rebuild` |
//! | [`Rebuild`] | the rebuild's scripts: begin, the chunks, finish |
//! | [`RollBack`], [`Wipe`] | an AOF lacks its end, a Redis starts empty |
//! | [`Failover`] | a replica takes over while clients still reach the old primary |
//! | [`Crash`] | kill -9 and a restart |
//! | [`LoseLedger`], [`RestoreLedger`] | an asynchronous standby of Postgres takes over; a person brings the right one back |
//!
//! What must hold is in [`properties`], what must be reachable in [`reach`], the rules that make it
//! hold are what [`mutants`] takes out, and how far each exploration goes is in [`bounds`].
//!
//! Left out: time (a deadline passes whenever it likes; nobody waits with a rebuild out of
//! patience), leases and news (they only save work), limits, several lines or SKUs, extend, change,
//! return and restock (each is one more event in the same atomic step), `DROPGATE_HOLD_ACK=redis`,
//! and liveness.
//!
//! [`Send`]: step::Action::Send
//! [`SendAgain`]: step::Action::SendAgain
//! [`Call`]: step::Action::Call
//! [`CallAgain`]: step::Action::CallAgain
//! [`Run`]: step::Action::Run
//! [`RunUnheard`]: step::Action::RunUnheard
//! [`Expire`]: step::Action::Expire
//! [`Read`]: step::Action::Read
//! [`Commit`]: step::Action::Commit
//! [`Answer`]: step::Action::Answer
//! [`GiveUp`]: step::Action::GiveUp
//! [`Look`]: step::Action::Look
//! [`Fence`]: step::Action::Fence
//! [`AskForRebuild`]: step::Action::AskForRebuild
//! [`Rebuild`]: step::Action::Rebuild
//! [`RollBack`]: step::Action::RollBack
//! [`Wipe`]: step::Action::Wipe
//! [`Failover`]: step::Action::Failover
//! [`Crash`]: step::Action::Crash
//! [`LoseLedger`]: step::Action::LoseLedger
//! [`RestoreLedger`]: step::Action::RestoreLedger

pub mod bounds;
pub mod ledger;
pub mod mutants;
pub mod properties;
pub mod reach;
pub mod redis;
pub mod state;
pub mod step;

mod answer;
mod task;

pub use bounds::Bounds;
use mutants::Mutant;
use state::{CallId, State};
use stateright::{Model, Property};
use step::Action;

/// The protocol within bounds, whole or with one rule taken out.
#[derive(Clone, Copy, Debug)]
pub struct Dropgate {
    /// How far to explore.
    pub bounds: Bounds,
    /// The rule taken out.
    pub mutant: Option<Mutant>,
}

impl Dropgate {
    /// The protocol as it is.
    pub fn faithful(bounds: Bounds) -> Self {
        Self { bounds, mutant: None }
    }

    /// Whether this rule is taken out.
    pub fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Whether a client makes this call.
    pub fn plays(&self, call: CallId) -> bool {
        self.bounds.calls.contains(&call)
    }

    /// Whether Redis or Postgres has lost anything so far.
    pub fn faulted(&self, state: &State) -> bool {
        let (all, left) = (self.bounds.budget, state.budget);
        all.redis_faults() != left.redis_faults() || all.ledger_losses != left.ledger_losses
    }
}

impl Model for Dropgate {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::opening(self.bounds.budget)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        step::actions(self, state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        step::apply(self, last, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::properties(self)
    }
}
