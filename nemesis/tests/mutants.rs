//! It must be able to fail: every rule that can be taken out of the engine is missed, by a scene
//! of this crate or by the model; with all rules in place, the scenes have no findings.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use dropgate::failpoint::Mutant;
use dropgate_nemesis::mutants::{Scene, Shows, play, shows};
use tokio::{sync::Semaphore, task::JoinSet};

/// Clusters at once: enough to use the time in which a scene waits.
const AT_ONCE: usize = 6;

/// Plays within which a missing rule is missed. What a scene is about can pass it by when the
/// machine is busy, as when an engine sees a damaged Redis before the call that the scene puts
/// there. An engine that keeps the rules has one play only, in which nothing may be found.
const PLAYS: usize = 3;

/// No scene takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was played, and what is wrong with what came of it.
async fn judge(scene: &Scene, mutant: Option<Mutant>) -> Result<(), String> {
    let program = Path::new(env!("CARGO_BIN_EXE_dropgate-nemesis"));
    let since = Instant::now();
    let name = mutant.map_or("every rule kept", Mutant::name);
    let played = tokio::time::timeout(PATIENCE, play(program, scene, mutant)).await;
    let verdict = match played {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => return Err(format!("{}, {name}: {error:#}", scene.name)),
        Err(_) => return Err(format!("{}, {name}: no end after {PATIENCE:?}", scene.name)),
    };
    let found = verdict.by_rule();
    let line = format!("{}, {name}: {found:?} in {:?}", scene.name, since.elapsed());
    let fine = match mutant {
        None => found.is_empty(),
        Some(_) => found.contains_key(&scene.rule),
    };
    println!("{line}");
    if std::env::var_os("DROPGATE_NEMESIS_MUTANT").is_some() {
        println!("{:#?}", verdict.findings);
    }
    if fine { Ok(()) } else { Err(format!("{line}\n{:#?}", verdict.findings)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_missing_rule_is_found_out() {
    // One rule alone, for whoever works on its scene.
    let only = std::env::var("DROPGATE_NEMESIS_MUTANT").ok();
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut plays = JoinSet::new();
    for mutant in Mutant::ALL {
        let Shows::Here(scene) = shows(*mutant) else { continue };
        if only.as_ref().is_some_and(|only| only != mutant.name()) {
            continue;
        }
        for mutant in [Some(*mutant), None] {
            let gate = Arc::clone(&gate);
            plays.spawn(async move {
                let _pass = gate.acquire_owned().await;
                let mut judged = judge(scene, mutant).await;
                for _ in 1..mutant.map_or(1, |_| PLAYS) {
                    if judged.is_err() {
                        judged = judge(scene, mutant).await;
                    }
                }
                judged
            });
        }
    }
    let mut wrong = Vec::new();
    while let Some(judged) = plays.join_next().await {
        wrong.extend(judged.expect("a play").err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_no_scene_shows_the_model_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
    let (mutants, tests) = (read("src/mutants.rs"), read("tests/mutants.rs"));
    for mutant in Mutant::ALL {
        let Shows::InModel(why) = shows(*mutant) else { continue };
        println!("{}: {why}", mutant.name());
        assert!(mutants.contains(&format!("Self::{mutant:?},")), "{mutant:?}");
        assert!(tests.contains(&format!("Mutant::{mutant:?} => (")), "{mutant:?}");
    }
}
