//! A quick look while something is being changed: rates, latencies and processor time, three times.

use std::time::Duration;

use dropgate_bench::{
    bench::Spent,
    design::Design,
    load::{CONNECTIONS, closed, open},
    stage::{Stage, UNITS, hold_of, open_drop_with, until_durable},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// `what` is `none`, `least` (which has one SKU a drop), an engine that answers holds from `redis` or
/// `ledger`, or `refusals` of one whose drops are sold out. Holds are spread over `drops`, and over `skus` of each.
pub(crate) async fn look(
    what: &str,
    duration: Duration,
    rate: Option<f64>,
    drops: u64,
    skus: u64,
) -> anyhow::Result<()> {
    let drop_of = move |n: u64| format!("d{}", n % drops);
    let sku_of =
        move |n: u64| if skus == 1 { "s".to_owned() } else { format!("s{}", n / drops % skus) };
    let stage = Stage::start(&std::env::current_exe()?).await?;
    let named: Vec<String> = (0..drops).map(drop_of).collect();
    let process = match what {
        "none" => stage.front(Design::None).await?,
        "least" => stage.least(&named, "ledger").await?,
        "refusals" => stage.engine("ledger").await?,
        ack => stage.engine(ack).await?,
    };
    let all: Vec<String> = (0..skus).map(|n| sku_of(n * drops)).collect();
    let opened = if ["none", "least"].contains(&what) { 0 } else { drops };
    let (units, status) = if what == "refusals" { (0, 409) } else { (UNITS, 201) };
    for n in 0..opened {
        open_drop_with(&process, &drop_of(n), &json!({}), &all, units).await?;
    }
    let make = move |n| hold_of(&drop_of(n), &sku_of(n), n);
    for _ in 0..3 {
        let before = Spent::so_far(&stage, &process)?;
        let (calls, shown) = if let Some(rate) = rate {
            let stop = CancellationToken::new();
            let run = open(process.address, 2 * CONNECTIONS, rate, duration, stop, make).await?;
            let (p50, p99) = (run.quantile(0.5), run.quantile(0.99));
            (run.only(status)?, format!("{:.0}/s, p50 {p50} ms, p99 {p99} ms", run.rate))
        } else {
            let run = closed(process.address, CONNECTIONS, duration, make).await?;
            (run.only(status)?, format!("{:.0}/s", run.rate(status)))
        };
        if opened > 0 && status == 201 {
            until_durable(&process, &drop_of(0), 1).await?;
        }
        let spent = Spent::so_far(&stage, &process)?.since(before, calls);
        println!(
            "{what}: {shown}; CPU µs a call: \
             load {:.1} front {:.1} redis {:.1} postgres {:.1}",
            spent.load, spent.front, spent.redis, spent.postgres
        );
    }
    Ok(())
}
