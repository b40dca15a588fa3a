//! What the protocol would be without one of its rules. Each mutant must break a property: it shows
//! that the rule is needed, and that the model would notice.
//!
//! The same rules can be taken out of the running system (`src/failpoint.rs`), where `nemesis/` has
//! to notice: [`IN_PRODUCTION`] says what stands for what.
//!
//! Two of them break only the property that names them ([`STRANGERS_REFUSED`]):
//! [`Mutant::ScriptWithoutEpochCheck`] and [`Mutant::ScriptWithoutBehindCheck`]. What a stranger's
//! script does forks off the ledger, and chain and epoch keep it out of there; what it answers waits
//! for its chain. The checks make a loss noticed at the next call instead of at the next commit, and
//! nothing that a client can see depends on them.
//!
//! Two rules have no mutant, because no property can tell that they are gone:
//!
//! - A rebuild's scripts check the token. As long as each rebuild fences first, its epoch is its
//!   own and says all that the token says; [`Mutant::LateRebuilder`] therefore drops both. The
//!   token would be needed by a rebuild that begins again in the same epoch, which none may do.
//! - The journal is trimmed with the epoch in the entry's id. Trimming what another epoch wrote
//!   loses nothing that could still become durable.
//!
//! [`STRANGERS_REFUSED`]: crate::properties::STRANGERS_REFUSED

/// Each rule that can be taken out of the running system, by its name there: the mutant that
/// stands for it here, or why there is none.
pub const IN_PRODUCTION: [(&str, Result<Mutant, &str>); 18] = [
    ("script_without_epoch_check", Ok(Mutant::ScriptWithoutEpochCheck)),
    ("script_without_behind_check", Ok(Mutant::ScriptWithoutBehindCheck)),
    ("script_without_sentinels", Err("the model's Redis is lost as a whole or not at all")),
    ("script_without_keys", Ok(Mutant::ScriptWithoutKeys)),
    ("script_without_limits", Err("the model has no limits")),
    ("sweep_without_guard", Err("the model has no time: a deadline passes whenever it likes")),
    ("ack_before_commit", Ok(Mutant::AckBeforeCommit)),
    ("ack_by_seq_without_chain", Ok(Mutant::AckBySeqWithoutChain)),
    ("commit_without_chain_fence", Ok(Mutant::CommitWithoutChainFence)),
    ("commit_without_epoch_fence", Ok(Mutant::CommitWithoutEpochFence)),
    ("trim_ahead_of_ledger", Ok(Mutant::TrimAheadOfLedger)),
    ("gap_without_second_look", Ok(Mutant::GapWithoutSecondLook)),
    ("detection_without_chain", Ok(Mutant::DetectionWithoutChain)),
    ("snapshot_before_fence", Ok(Mutant::SnapshotBeforeFence)),
    ("open_before_last_chunk", Ok(Mutant::OpenBeforeLastChunk)),
    ("rebuild_without_keys", Ok(Mutant::RebuildWithoutKeys)),
    ("none_with_key", Ok(Mutant::NoneWithKey)),
    ("skip_refused_events", Err("the model's ledger has no CHECKs, so that an oversell shows")),
];

/// A rule taken out of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// A verb's script runs for a caller of any epoch.
    ScriptWithoutEpochCheck,
    /// A verb's script runs for a caller who knows of more that is durable than Redis has.
    ScriptWithoutBehindCheck,
    /// Idempotency keys are not looked up.
    ScriptWithoutKeys,
    /// 2xx as soon as the script has run.
    AckBeforeCommit,
    /// 2xx when the ledger has reached the call's seq, whatever its chain.
    AckBySeqWithoutChain,
    /// 409 about a reservation before what it says is durable.
    RefusalBeforeCommit,
    /// 404 because Redis does not have the reservation.
    UnknownReservationFromRedis,
    /// `none` to a call with a key because the epoch rose without its chain.
    NoneWithKey,
    /// The same after a look that shows neither chain nor key: an earlier try may still come, in a
    /// newer epoch than the stamp's.
    NoneWithKeyLookedUp,
    /// `none` for a call with a key that is turned away before its script, because the journal's
    /// backlog is too long.
    NoneOnBacklog,
    /// `none` for a call with a key whose script finds the key free and takes nothing, because the
    /// ledger stands still: that Redis may have lost the key.
    NoneWhenStalled,
    /// `none` because the epoch rose, while the ledger waits for a person to bring back what it
    /// lost.
    NoneWhileLost,
    /// A script of a call without a key is sent again after its reply was lost.
    ResentWithoutKey,
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
    /// What a look at Redis shows is judged by an earlier look at the ledger alone.
    GapWithoutSecondLook,
    /// A Redis that does not fit is rebuilt, whatever it or the engine knew to be durable.
    RebuildOfLostLedger,
    /// The new epoch is one above that of the Redis at hand, not above the ledger's.
    FenceAboveRedis,
    /// The rebuild writes what it saw of the ledger before its fence.
    SnapshotBeforeFence,
    /// The rebuild opens before its last chunk.
    OpenBeforeLastChunk,
    /// The rebuild opens without counting what has arrived.
    FinishWithoutCount,
    /// The rebuild does not bring idempotency keys back.
    RebuildWithoutKeys,
    /// A rebuild's scripts check neither epoch nor token.
    LateRebuilder,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 26] = [
        Self::ScriptWithoutEpochCheck,
        Self::ScriptWithoutBehindCheck,
        Self::ScriptWithoutKeys,
        Self::AckBeforeCommit,
        Self::AckBySeqWithoutChain,
        Self::RefusalBeforeCommit,
        Self::UnknownReservationFromRedis,
        Self::NoneWithKey,
        Self::NoneWithKeyLookedUp,
        Self::NoneOnBacklog,
        Self::NoneWhenStalled,
        Self::NoneWhileLost,
        Self::ResentWithoutKey,
        Self::CommitWithoutChainFence,
        Self::CommitWithoutEpochFence,
        Self::CursorApart,
        Self::TrimAheadOfLedger,
        Self::DetectionWithoutChain,
        Self::GapWithoutSecondLook,
        Self::RebuildOfLostLedger,
        Self::FenceAboveRedis,
        Self::SnapshotBeforeFence,
        Self::OpenBeforeLastChunk,
        Self::FinishWithoutCount,
        Self::RebuildWithoutKeys,
        Self::LateRebuilder,
    ];
}
