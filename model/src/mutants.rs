//! What the protocol would be without one of its rules. Each mutant must break a property: it shows
//! that the rule is needed, and that the model would notice.
//!
//! Three rules have no mutant, because no property can tell that they are gone:
//!
//! - A script refuses a caller that knows of a higher durable seq than Redis has (STALE). Without
//!   it the events fork off the ledger, and the chain keeps them out all the same: the rule makes
//!   the loss noticed at the next call instead of at the next commit.
//! - A rebuild's scripts check the token. As long as each rebuild fences first, its epoch is its
//!   own and says all that the token says; [`Mutant::LateRebuilder`] therefore drops both. The
//!   token would be needed by a rebuild that begins again in the same epoch, which none may do.
//! - The journal is trimmed with the epoch in the entry's id. Trimming what another epoch wrote
//!   loses nothing that could still become durable.

/// A rule taken out of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// A verb's script runs for a caller of any epoch.
    ScriptWithoutEpochCheck,
    /// 2xx as soon as the script has run.
    AckBeforeCommit,
    /// 2xx when the ledger has reached the call's seq, whatever its chain.
    AckBySeqWithoutChain,
    /// 409 about a reservation before what it says is durable.
    RefusalBeforeCommit,
    /// 404 because Redis does not have the reservation.
    UnknownReservationFromRedis,
    /// `none` because the epoch rose, without looking for the chain or the key.
    NoneWhenEpochRose,
    /// `none` after looking for the chain only.
    NoneWithoutKey,
    /// `none` to a confirm or a release after looking for its chain, not for the reservation.
    NoneWithoutReservation,
    /// `none` after a look that shows an epoch above the stamp's, neither chain nor key, but with a
    /// stamp that was already too old when the call came in.
    NoneWithOldStamp,
    /// `none` for a call turned away before its script, because the journal's backlog is too long.
    NoneOnBacklog,
    /// A call that waits in its engine goes on with the newer epoch that the engine learns.
    CarriedIntoNewerEpoch,
    /// After a rebuild, a key that Redis does not have counts as new.
    KeyNotLookedUp,
    /// A batch is committed whatever the ledger's last chain is.
    CommitWithoutChainFence,
    /// A batch is committed whatever the ledger's epoch is.
    CommitWithoutEpochFence,
    /// The rows and the cursor are two transactions, and the engine may die between them.
    CursorApart,
    /// The journal is trimmed behind what was read instead of what is durable.
    TrimAheadOfLedger,
    /// Redis counts as sound when its seq is not below the ledger's, whatever its chain.
    DetectionWithoutChain,
    /// Redis is read before the ledger.
    RedisReadFirst,
    /// The rebuild writes what it saw of the ledger before its fence.
    SnapshotBeforeFence,
    /// The rebuild opens before its last chunk.
    OpenBeforeLastChunk,
    /// The rebuild opens without counting what has arrived.
    FinishWithoutCount,
    /// A rebuild's scripts check neither epoch nor token.
    LateRebuilder,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 22] = [
        Self::ScriptWithoutEpochCheck,
        Self::AckBeforeCommit,
        Self::AckBySeqWithoutChain,
        Self::RefusalBeforeCommit,
        Self::UnknownReservationFromRedis,
        Self::NoneWhenEpochRose,
        Self::NoneWithoutKey,
        Self::NoneWithoutReservation,
        Self::NoneWithOldStamp,
        Self::NoneOnBacklog,
        Self::CarriedIntoNewerEpoch,
        Self::KeyNotLookedUp,
        Self::CommitWithoutChainFence,
        Self::CommitWithoutEpochFence,
        Self::CursorApart,
        Self::TrimAheadOfLedger,
        Self::DetectionWithoutChain,
        Self::RedisReadFirst,
        Self::SnapshotBeforeFence,
        Self::OpenBeforeLastChunk,
        Self::FinishWithoutCount,
        Self::LateRebuilder,
    ];
}
