//! A quick look while something is being changed: rates and processor time, three times.

use std::time::Duration;

use dropgate_bench::{
    bench::Spent,
    design::Design,
    load::closed,
    stage::{Stage, hold, open_drop, until_durable},
};

/// `what` is `none`, or an engine that answers holds from `redis` or `ledger`.
pub(crate) async fn look(what: &str, seconds: u64) -> anyhow::Result<()> {
    let stage = Stage::start(&std::env::current_exe()?).await?;
    let process = match what {
        "none" => stage.front(Design::None).await?,
        ack => stage.engine(ack).await?,
    };
    if what != "none" {
        open_drop(&process, "d", 100_000_000).await?;
    }
    for _ in 0..3 {
        let before = Spent::so_far(&stage, &process)?;
        let run =
            closed(process.address, 256, Duration::from_secs(seconds), |n| hold("d", n)).await?;
        if what != "none" {
            until_durable(&process, "d", 1).await?;
        }
        let spent = Spent::so_far(&stage, &process)?.since(before, run.count(201));
        println!(
            "{what}: {:.0}/s {:?}; CPU µs a call: \
             load {:.1} front {:.1} redis {:.1} postgres {:.1}",
            run.rate(201),
            run.answers,
            spent.load,
            spent.front,
            spent.redis,
            spent.postgres
        );
    }
    Ok(())
}
