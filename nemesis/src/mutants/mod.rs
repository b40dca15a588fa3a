//! It must be able to fail: engines that don't keep a rule, and the scene that shows it.
//!
//! Each rule that tests can take out ([`Mutant`]) has a scene of some seconds here: the faithful
//! engine comes through it without a finding, the one without the rule does not. Where a
//! cluster can't show the difference, the model does, and the table says why.

mod hands;
mod keys;
mod ledger;
mod redis;

use std::{path::Path, pin::Pin, sync::Arc, time::Duration};

use dropgate::failpoint::Mutant;
use tokio::task::JoinSet;

use crate::{
    checker::{Rule, Verdict, check},
    clients::Stall,
    run::conclude,
    stage::Stage,
};

type Played<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;
type Play = for<'a> fn(&'a Arc<Stage>) -> Played<'a>;

/// Where a missing rule shows.
#[derive(Clone, Copy, Debug)]
pub enum Shows {
    /// In this scene, as a finding of this kind.
    Here(&'static Scene),
    /// In the model, as its mutant of the same name, because of this.
    InModel(&'static str),
}

/// A scene that a rule is needed for.
#[derive(Debug)]
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// What is found without the rule.
    pub rule: Rule,
    engines: usize,
    stall: fn() -> Stall,
    play: Play,
}

/// How long clients go on asking, and how long both sides may take to agree.
const AT_REST: Duration = Duration::from_secs(4);
/// What can't be answered is not waited for as long as usual.
const SETTINGS: [(&str, &str); 1] = [("DROPGATE_ANSWER_TIMEOUT_MS", "3000")];
/// What a fault has left is settled within this time before the end.
const SETTLE: Duration = Duration::from_millis(600);

/// A drop with more units than a scene takes.
fn plain() -> Stall {
    Stall::plain("d", 1_000, 30)
}

/// The same, with at most two units for a customer.
fn limited() -> Stall {
    Stall { limit: Some(2), ..plain() }
}

/// Where the engine without this rule is found out.
#[must_use]
pub fn shows(mutant: Mutant) -> Shows {
    match mutant {
        Mutant::ScriptWithoutEpochCheck => Shows::InModel(
            "its event is of the epoch that Redis is in, and a rebuild brings the keys back",
        ),
        Mutant::ScriptWithoutBehindCheck => Shows::Here(&redis::BEHIND),
        Mutant::ScriptWithoutSentinels => Shows::Here(&redis::LOST_CUSTOMERS),
        Mutant::ScriptWithoutKeys => Shows::Here(&keys::AGAIN),
        Mutant::ScriptWithoutLimits => Shows::Here(&keys::LIMIT),
        Mutant::SweepWithoutGuard => Shows::Here(&keys::EXTENDED),
        Mutant::AckBeforeCommit => Shows::Here(&ledger::TOLD_TOO_EARLY),
        Mutant::AckBySeqWithoutChain => Shows::Here(&ledger::FORK),
        Mutant::CommitWithoutChainFence => Shows::InModel(
            "two batches of one epoch that build on other chains have a seq in common, which the \
             ledger's primary keys refuse",
        ),
        Mutant::CommitWithoutEpochFence => Shows::Here(&ledger::LATE_COMMIT),
        Mutant::TrimAheadOfLedger => Shows::Here(&ledger::TRIMMED),
        Mutant::GapWithoutSecondLook => Shows::Here(&redis::CALM),
        Mutant::DetectionWithoutChain => Shows::Here(&redis::UNSEEN_FORK),
        Mutant::SnapshotBeforeFence => Shows::InModel(
            "what the snapshot lacks makes Redis lie behind the ledger, so it is rebuilt again",
        ),
        Mutant::OpenBeforeLastChunk => Shows::Here(&redis::LAST_CHUNK),
        Mutant::RebuildWithoutKeys => Shows::Here(&keys::REBUILT),
        Mutant::NoneWithKey => Shows::Here(&keys::NONE),
        Mutant::SkipRefusedEvents => Shows::Here(&ledger::REFUSED),
    }
}

/// Plays a scene with faithful engines, or with engines that lack a rule.
///
/// # Errors
/// When the scene can't be set up or gone through.
pub async fn play(
    program: &Path,
    scene: &Scene,
    mutant: Option<Mutant>,
) -> anyhow::Result<Verdict> {
    let always = mutant.map(|mutant| format!("mutant {}", mutant.name())).unwrap_or_default();
    let stalls = vec![(scene.stall)()];
    let stage = Stage::start(program, scene.engines, stalls, &always, AT_REST, &SETTINGS).await?;
    let stage = Arc::new(stage);
    let watch = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.watch().await })
    };
    // Everybody has seen where the drop stands before anything happens.
    tokio::time::sleep(SETTLE).await;
    (scene.play)(&stage).await?;
    stage.mend().await?;
    tokio::time::sleep(SETTLE).await;
    let evidence = conclude(&stage, JoinSet::new(), Vec::new(), AT_REST, &|_| {}).await;
    watch.abort();
    Ok(check(&evidence?))
}
