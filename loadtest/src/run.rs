//! One run from its beginning to its verdict.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use chrono::Utc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::admin::Admin;
use crate::crowd;
use crate::engine::Engine;
use crate::figures::{Figures, Times};
use crate::join::{Finding, Records, Terms, join};
use crate::options::Options;
use crate::report;
use crate::world::{Plan, World};

/// The exit status of a run that could not be made or was interrupted.
pub(crate) const COULD_NOT_RUN: u8 = 4;

/// How long behind the last deadline a hold may still be there. After a rebuild, deadlines
/// that have passed move to a minute after it.
const EXPIRY: Duration = Duration::from_secs(90);

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything agrees.
    Balanced,
    /// The ledger or the audit breaks a rule.
    Unbalanced,
    /// The buyers' books disagree.
    BooksDisagree,
}

impl Verdict {
    /// The worst of the findings.
    fn of(findings: &[Finding]) -> Verdict {
        let ledger = findings.iter().any(|finding| matches!(finding, Finding::Ledger(_)));
        match (ledger, findings.is_empty()) {
            (true, _) => Verdict::Unbalanced,
            (false, false) => Verdict::BooksDisagree,
            (false, true) => Verdict::Balanced,
        }
    }

    /// See `--help`.
    pub(crate) fn exit_status(self) -> u8 {
        match self {
            Verdict::Balanced => 0,
            Verdict::Unbalanced => 1,
            Verdict::BooksDisagree => 3,
        }
    }
}

/// Runs a drop; a fresh engine is ended whatever happens.
pub(crate) async fn run(options: Options) -> Result<Verdict> {
    std::fs::create_dir_all(&options.report)
        .with_context(|| format!("can't make {}", options.report.display()))?;
    raise_file_limit();
    let mut stop = Stop::listen()?;
    let engine = tokio::select! {
        engine = Engine::find(&options) => engine?,
        () = stop.asked() => bail!("interrupted"),
    };
    if let Some(folder) = engine.folder() {
        println!("a fresh engine serves at {}, its files are in {}", engine.url, folder.display());
    }
    let verdict = tokio::select! {
        verdict = Box::pin(simulate(&options, &engine)) => verdict,
        () = stop.asked() => Err(anyhow::anyhow!("interrupted")),
    };
    let stopped = engine.stop().await;
    let verdict = verdict?;
    stopped?;
    Ok(verdict)
}

/// Ctrl-C and SIGTERM.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Stop> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Stop { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits until somebody wants an end.
    async fn asked(&mut self) {
        // Goose takes Ctrl-C over while its users run, and only notes it.
        let noted = async {
            while !goose::is_killswitch_triggered() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = noted => {}
        }
    }
}

/// Each buyer in the crowd may need a connection.
fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Refused, the crowd may still be small enough.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

async fn simulate(options: &Options, engine: &Engine) -> Result<Verdict> {
    let plan = plan(options, engine);
    let admin = Admin::new(&engine.url, &engine.admin_key, &plan.drop)?;
    let terms = set_up(options, &plan, &admin).await?;
    println!(
        "drop {}: {} buyers for {} units, seed {}",
        plan.drop, plan.buyers, options.units, plan.seed
    );
    let world = Arc::new(World::new(plan));
    let goose_report = options.report.join("goose.html");
    let goose = crowd::run(&world, &admin, &goose_report.to_string_lossy()).await?;
    let sale_ended = Utc::now();
    admin.close().await?;
    wait_until_nothing_is_held(&admin, world.plan.ttl + EXPIRY).await?;
    let settled = Utc::now();
    println!("nothing is held any more; reading the ledger");
    let records = Records {
        ledger: admin.ledger().await?,
        reservations: admin.reservations().await?,
        view: admin.view().await?,
        audit: admin.audit().await?,
    };
    let opened = records.view.opens_at.context("the drop has lost its opens_at")?;
    let pages = world.books.take();
    let joined = join(&pages, &records, &terms);
    let times = Times { opened, sale_ended, settled };
    let figures = Figures::of(&world, &pages, &records, joined, &goose, times);
    report::write(&figures, &options.report)?;
    report::show(&figures);
    println!("{}", written(&options.report));
    if figures.size.came < figures.size.buyers {
        bail!("only {} of {} buyers came in time", figures.size.came, figures.size.buyers);
    }
    Ok(Verdict::of(&figures.findings))
}

fn written(folder: &Path) -> String {
    format!("Report: {0}/drop.html, {0}/drop.json and {0}/goose.html", folder.display())
}

fn plan(options: &Options, engine: &Engine) -> Plan {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    Plan {
        url: engine.url.clone(),
        storefront_key: engine.storefront_key.clone(),
        drop: format!("sim-{}", Utc::now().format("%Y%m%d-%H%M%S-%3f")),
        skus: (1..=options.skus).map(|number| format!("sku-{number}")).collect(),
        limit: i64::from(options.limit),
        ttl: seconds(options.ttl),
        seed: options.seed.unwrap_or_else(|| now.subsec_nanos().into()),
        patience: seconds(options.patience),
        time_limit: seconds(options.time_limit),
        buyers: options.buyers as usize,
        at_once: options.at_once.min(options.buyers) as usize,
        mix: options.mix.clone(),
    }
}

/// Makes the drop, not yet open, with its units spread over the SKUs.
async fn set_up(options: &Options, plan: &Plan, admin: &Admin) -> Result<Terms> {
    // The real opening is announced when the crowd has gathered.
    let later = Utc::now() + chrono::TimeDelta::hours(1);
    let settings = json!({
        "name": format!("Simulated drop {}", plan.drop),
        "opens_at": later.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "hold_ttl_seconds": options.ttl,
        "limit_per_customer": options.limit,
    });
    admin.put(&settings).await.context("the drop could not be made")?;
    let (each, more) = (options.units / options.skus, options.units % options.skus);
    let mut units = BTreeMap::new();
    for (sku, number) in plan.skus.iter().zip(0..) {
        let stock = i64::from(each + u32::from(number < more));
        admin.put_sku(sku, stock).await?;
        units.insert(sku.clone(), stock);
    }
    Ok(Terms { limit: plan.limit, units })
}

/// Waits until every hold has ended, or for too long: the join then names what is held.
async fn wait_until_nothing_is_held(admin: &Admin, at_most: Duration) -> Result<()> {
    let until = Instant::now() + at_most;
    while admin.view().await?.held() > 0 && Instant::now() < until {
        sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let (ledger, books) = (Finding::Ledger("l".into()), Finding::Books("b".into()));
        assert_eq!(Verdict::of(&[]).exit_status(), 0);
        assert_eq!(Verdict::of(&[books.clone(), ledger]).exit_status(), 1);
        assert_eq!(Verdict::of(&[books]).exit_status(), 3);
    }
}
