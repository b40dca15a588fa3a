//! One run: a cluster, a crowd, faults by a seed, and at the end the judgement.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    books::{Ask, Meaning, Verb},
    checker::{Audit, Evidence, Recovery, check, read_records},
    clients::{self, Field, Stall},
    cluster::Cluster,
    report::Report,
    schedule::{Group, Kind, Schedule},
    stage::Stage,
};

/// What a run is started with.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// This program: what runs `engine serve`.
    pub program: PathBuf,
    /// How long faults go on; longer when a kind has not come by then.
    pub lasts: Duration,
    /// What everything random comes from.
    pub seed: u64,
    /// The kinds of faults.
    pub kinds: Vec<Kind>,
    /// A rule that the engines don't keep.
    pub mutant: Option<String>,
    /// How many shoppers.
    pub shoppers: usize,
    /// Whether books and logs are kept.
    pub keep: bool,
}

impl RunOptions {
    /// The usual: all kinds, 20 shoppers.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, lasts: Duration, seed: u64) -> RunOptions {
        RunOptions {
            program: program.into(),
            lasts,
            seed,
            kinds: Kind::all().to_vec(),
            mutant: None,
            shoppers: 20,
            keep: false,
        }
    }
}

/// Before the first fault and behind the last one everything is left alone for so long.
const CALM: Duration = Duration::from_millis(1500);
/// Between two groups of faults.
const BREATH: Duration = Duration::from_millis(300);
/// How long it is waited for a hold behind a fault.
const RECOVERY: Duration = Duration::from_secs(45);
/// Between two probes of an engine that recovers.
const PROBE: Duration = Duration::from_millis(50);
/// How long clients go on asking once the faults are over.
const LAST_ANSWERS: Duration = Duration::from_secs(40);
/// How long clients may take to come to an end.
const GOODBYE: Duration = Duration::from_secs(60);
/// How long both sides may take to agree at the end.
const AT_REST: Duration = Duration::from_secs(30);

/// Runs, checks and reports; `say` gets a line for each thing that happens.
///
/// # Errors
/// When the cluster can't be started or the ledger can't be read: then nothing is known.
pub async fn run(options: &RunOptions, say: &(dyn Fn(String) + Sync)) -> anyhow::Result<Report> {
    let started = Instant::now();
    let always = options.mutant.as_ref().map(|name| format!("mutant {name}")).unwrap_or_default();
    let stalls = Stall::fair();
    let stage = Stage::start(&options.program, 2, stalls, &always, LAST_ANSWERS, &[]).await?;
    let stage = Arc::new(stage);
    let crowd = clients::start(&stage.field, &stage.stalls, options.shoppers, options.seed);
    say(format!("{:6.1} s  the doors are open", started.elapsed().as_secs_f64()));
    let mut report = Report::new(options);
    let watch = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.watch().await })
    };
    tokio::time::sleep(CALM).await;
    let recoveries = rage(&stage, options, &mut report, started, say).await;
    tokio::time::sleep(CALM).await;
    let evidence = conclude(&stage, crowd, recoveries, AT_REST, say).await?;
    watch.abort();
    report.conclude(&evidence, check(&evidence), started.elapsed());
    // Whoever still holds the stage is gone in a moment: the watch was its last friend.
    let _ = watch.await;
    if (options.keep || !report.findings.is_empty())
        && let Ok(stage) = Arc::try_unwrap(stage)
    {
        report.kept = Some(stage.keep().display().to_string());
    }
    Ok(report)
}

/// One group of faults after the other.
async fn rage(
    stage: &Arc<Stage>,
    options: &RunOptions,
    report: &mut Report,
    started: Instant,
    say: &(dyn Fn(String) + Sync),
) -> Vec<Recovery> {
    let mut schedule = Schedule::new(options.seed, &options.kinds, stage.engines());
    let mut recoveries = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < options.lasts || !schedule.had_all() {
        let group = schedule.next_group();
        let books = stage.field.books.len();
        let at = started.elapsed().as_secs_f64();
        let name = name(&group);
        for problem in cause(stage, &group).await {
            say(format!("{at:6.1} s  {name}: {problem}"));
        }
        report.had(&group);
        let recovered = recover(stage, &name).await;
        if let Err(problem) = stage.settle().await {
            say(format!("{at:6.1} s  {name}: {problem:#}"));
        }
        let millis: Vec<u64> = recovered.iter().map(|recovery| recovery.millis).collect();
        let done = stage.field.books.done_since(books);
        say(format!("{at:6.1} s  {name}; a hold again after {millis:?} ms; {done} acknowledged"));
        recoveries.extend(recovered);
        tokio::time::sleep(BREATH).await;
    }
    recoveries
}

fn name(group: &Group) -> String {
    let names: Vec<String> = group.iter().map(|fault| fault.kind.name()).collect();
    names.join(" + ")
}

/// Lets a group happen and puts right what is left of it; says what did not go as planned.
async fn cause(stage: &Arc<Stage>, group: &Group) -> Vec<String> {
    let faults = group.iter().map(|fault| stage.cause(fault));
    let mut problems: Vec<String> = futures_util::future::join_all(faults)
        .await
        .into_iter()
        .filter_map(|done| done.err().map(|error| format!("{error:#}")))
        .collect();
    for _ in 0..3 {
        match stage.mend().await {
            Ok(()) => break,
            Err(error) => problems.push(format!("{error:#}")),
        }
    }
    problems
}

/// Measures how long it takes from now until each engine grants a hold.
pub(crate) async fn recover(stage: &Arc<Stage>, kind: &str) -> Vec<Recovery> {
    let since = Instant::now();
    let probes = (0..stage.engines()).map(|engine| async move {
        let millis = probe(stage, engine, since).await.as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        Recovery { kind: kind.to_owned(), engine, millis }
    });
    futures_util::future::join_all(probes).await
}

/// Asks again and again without waiting for answers, so that one that hangs does not count.
async fn probe(stage: &Arc<Stage>, engine: usize, since: Instant) -> Duration {
    let (granted, mut first) = mpsc::unbounded_channel();
    let mut tries = JoinSet::new();
    while since.elapsed() < RECOVERY {
        let (field, granted) = (Arc::clone(&stage.field), granted.clone());
        let ask = probing(&field, &stage.stalls[0]);
        tries.spawn(async move {
            if field.try_at(engine, &ask).await.meaning() == Meaning::Done {
                let _ = granted.send(since.elapsed());
            }
        });
        if let Ok(Some(after)) = tokio::time::timeout(PROBE, first.recv()).await {
            // Those under way belong in the books as well.
            tokio::spawn(async move { while tries.join_next().await.is_some() {} });
            return after;
        }
    }
    RECOVERY
}

fn probing(field: &Field, stall: &Stall) -> Ask {
    let request = field.request();
    let sku = stall.skus.last().cloned().unwrap_or_default();
    Ask {
        request,
        client: "probe".to_owned(),
        verb: Verb::Reserve,
        drop: stall.drop.clone(),
        customer: Some(format!("probe-{request}")),
        lines: [(sku, 1)].into(),
        ttl: Some(1),
        ..Ask::default()
    }
}

/// Brings clients and servers to rest, waits up to `at_rest` for both sides to agree, and
/// collects the evidence.
///
/// # Errors
/// When the ledger can't be read.
pub(crate) async fn conclude(
    stage: &Arc<Stage>,
    mut crowd: JoinSet<()>,
    recoveries: Vec<Recovery>,
    at_rest: Duration,
    say: &(dyn Fn(String) + Sync),
) -> anyhow::Result<Evidence> {
    stage.field.stop();
    let goodbye = async { while crowd.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
        say("some clients have not come to an end".to_owned());
    }
    drop(crowd);
    ask_once_more(stage).await;
    let audits = audits(stage, at_rest).await;
    let records = read_records(&stage.cluster.servers.postgres().url()).await?;
    let (outages, damages, epochs) = stage.noted();
    let tries = stage.field.books.tries();
    Ok(Evidence { tries, records, audits, outages, recoveries, epochs, damages })
}

/// Some of the keys that were ever answered are asked for once more.
async fn ask_once_more(stage: &Arc<Stage>) {
    let mut rng = StdRng::seed_from_u64(stage.field.request());
    let tries = stage.field.books.tries();
    let done: Vec<&Ask> = tries
        .iter()
        .filter(|t| t.ask.key.is_some() && t.done().is_some() && !t.ask.stolen_key)
        .map(|t| &t.ask)
        .collect();
    for _ in 0..done.len().min(40) {
        let ask = done[rng.random_range(0..done.len())];
        if stage.field.until_known(ask, &mut rng).await.is_none() {
            break;
        }
    }
}

/// What every engine's audit says of every drop, once it is at rest.
async fn audits(stage: &Arc<Stage>, within: Duration) -> Vec<Audit> {
    let pairs = stage
        .stalls
        .iter()
        .flat_map(|stall| (0..stage.engines()).map(move |engine| (stall.drop.clone(), engine)));
    let audits = pairs.map(|(drop, engine)| async move {
        let since = Instant::now();
        loop {
            let audit = audit(&stage.cluster, &drop, engine).await;
            let at_rest = audit.balanced.is_some() && audit.seq == audit.durable_seq;
            if at_rest || since.elapsed() > within {
                return audit;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    futures_util::future::join_all(audits).await
}

async fn audit(cluster: &Cluster, drop: &str, engine: usize) -> Audit {
    let reply = cluster.audit(engine, drop).await;
    let Some(reply) = reply else {
        let violations = "no answer".to_owned();
        return Audit { drop: drop.to_owned(), engine, violations, ..Audit::default() };
    };
    let body = &reply.body;
    let at = |name: &str| body[name].as_i64().unwrap_or(-1);
    let violations = if reply.status.is_success() { &body["violations"] } else { body };
    Audit {
        drop: drop.to_owned(),
        engine,
        balanced: body["balanced"].as_bool(),
        seq: at("seq"),
        durable_seq: at("durable_seq"),
        violations: violations.to_string(),
    }
}
