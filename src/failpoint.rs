//! Where a test may stop, delay or end this process, and rules that it may take out.
//!
//! Only with the feature `failpoints`, which the member `nemesis` asks for; without it every
//! function here is empty and the compiler leaves nothing of it.
//!
//! The variable `DROPGATE_FAILPOINTS` names a file that is read again every few milliseconds, so
//! a test can change its mind while the engine runs. One order a line:
//!
//! | line | effect |
//! |---|---|
//! | `PLACE abort [N]` | the process ends as if killed, when it passes the place for the Nth time |
//! | `PLACE stop [N]` | the whole process is stopped (SIGSTOP) there, until somebody thaws it |
//! | `PLACE sleep MS [N]` | whoever passes waits so long, from the Nth time on |
//! | `clock MS` | the engine's clock is so far off |
//! | `mutant NAME` | the rule of that name is not kept |
//!
//! The variable `DROPGATE_PROTOCOL` makes the engine one of another version: `2,1` speaks protocol 2 and shares
//! drops from protocol 1 on.
//!
//! Passes are counted from the moment at which the line appeared. Each order that is carried out
//! is noted in a file of the same name with `.done` behind it, one line `PLACE ACTION` each, and
//! the orders in force in one with `.read`.

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$line:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$line])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// Its name in the file of orders.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

named! {
    /// A place in the protocol: the windows in which a crash would be worst.
    Place {
        /// A lane's turn is about to be sent to Redis.
        LaneBeforeScript = "lane.before_script",
        /// Scripts have run and nobody has been told.
        LaneAfterScript = "lane.after_script",
        /// Entries of the journal were read, and are about to be committed.
        WriteAfterRead = "write_behind.after_read",
        /// A batch was committed, and nobody has been told.
        WriteAfterCommit = "write_behind.after_commit",
        /// The calls of this process were told, the journal is about to be trimmed.
        WriteBeforeTrim = "write_behind.before_trim",
        /// The epoch was raised in the ledger.
        RebuildAfterFence = "rebuild.after_fence",
        /// Redis was taken over for the new epoch.
        RebuildAfterBegin = "rebuild.after_begin",
        /// The snapshot was read.
        RebuildAfterSnapshot = "rebuild.after_snapshot",
        /// Some chunks are back in Redis.
        RebuildAfterChunk = "rebuild.after_chunk",
        /// Everything is back, and the drop is about to be opened.
        RebuildBeforeFinish = "rebuild.before_finish",
        /// The drop is open again.
        RebuildAfterFinish = "rebuild.after_finish",
        /// A customer was erased from a drop in the ledger, and Redis still has the id.
        EraseAfterLedger = "erase.after_ledger",
        /// A drop was taken out of Redis as far as the ledger knows, and is still there.
        EvictAfterLedger = "evict.after_ledger",
        /// A turn of the sweep is about to begin.
        SweepBefore = "sweep.before",
        /// A call is durable, and its answer is about to be sent.
        AnswerBefore = "answer.before",
    }
}

named! {
    /// A rule of the protocol, taken out to see whether the checks notice.
    Mutant {
        /// Scripts don't look whether the drop is in the caller's epoch.
        ScriptWithoutEpochCheck = "script_without_epoch_check",
        /// Scripts don't look whether Redis has what is known to be durable.
        ScriptWithoutBehindCheck = "script_without_behind_check",
        /// Scripts don't look whether one of the drop's keys is lost.
        ScriptWithoutSentinels = "script_without_sentinels",
        /// Idempotency keys are not looked up.
        ScriptWithoutKeys = "script_without_keys",
        /// Limits are not looked at.
        ScriptWithoutLimits = "script_without_limits",
        /// The sweep frees what it finds in a group, without looking whether it is due.
        SweepWithoutGuard = "sweep_without_guard",
        /// Calls are answered as soon as their script has run.
        AckBeforeCommit = "ack_before_commit",
        /// Calls are answered when the ledger has reached their seq, whatever stands there.
        AckBySeqWithoutChain = "ack_by_seq_without_chain",
        /// Entries are committed without looking whether they build on what the ledger has.
        CommitWithoutChainFence = "commit_without_chain_fence",
        /// Entries are committed in whatever epoch the ledger is.
        CommitWithoutEpochFence = "commit_without_epoch_fence",
        /// The journal is trimmed before its entries are in the ledger.
        TrimAheadOfLedger = "trim_ahead_of_ledger",
        /// What a look at Redis found is acted upon without a second look at the ledger.
        GapWithoutSecondLook = "gap_without_second_look",
        /// Redis is not compared with the ledger by chain.
        DetectionWithoutChain = "detection_without_chain",
        /// The snapshot is read before the epoch is raised.
        SnapshotBeforeFence = "snapshot_before_fence",
        /// A rebuilt drop is opened before its last chunk is back.
        OpenBeforeLastChunk = "open_before_last_chunk",
        /// Idempotency keys are not brought back by a rebuild.
        RebuildWithoutKeys = "rebuild_without_keys",
        /// A call is told `none` as soon as it is lost, also one with a key.
        NoneWithKey = "none_with_key",
        /// An event that the ledger refuses is skipped.
        SkipRefusedEvents = "skip_refused_events",
    }
}

#[cfg(not(feature = "failpoints"))]
mod orders {
    use super::{Mutant, Place};

    /// Nothing, in this build.
    #[inline]
    #[allow(clippy::unused_async, reason = "waits in builds for tests")]
    pub async fn pass(_: Place) {}

    /// Never, in this build.
    #[inline]
    #[must_use]
    pub const fn without(_: Mutant) -> bool {
        false
    }

    /// That of this version, in this build.
    #[inline]
    #[must_use]
    pub const fn protocol() -> Option<(i64, i64)> {
        None
    }

    /// None, in this build.
    #[inline]
    #[must_use]
    pub const fn clock_offset() -> i64 {
        0
    }
}

#[cfg(feature = "failpoints")]
mod orders;

pub use orders::{clock_offset, pass, protocol, without};
