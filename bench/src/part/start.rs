//! From the start of the process to `GET /readyz` 200.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::About;
use crate::{
    bench::Bench,
    load::{Call, Connection},
    report::{Figure, Goal, Outcome},
};

pub(super) const ABOUT: About = About {
    title: "From start to ready",
    how: "An engine is started against servers that run and a database that is up to date, with \
          nothing to rebuild; counted is the time from before the process is made to the first \
          200 of `GET /readyz`.",
};

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let stage = bench.stage().await?;
    // The first one creates the tables.
    stage.engine("ledger").await?.stop()?;
    let times = bench
        .rounds_cold(&["start"], async |_| {
            let since = Instant::now();
            let engine = stage.engine("ledger").await?;
            let mut connection = Connection::open(engine.address).await?;
            loop {
                let call = Call {
                    method: "GET",
                    path: "/readyz".to_owned(),
                    bearer: None,
                    key: None,
                    body: String::new(),
                };
                if connection.send(call).await?.0 == 200 {
                    break;
                }
                ensure!(since.elapsed() < Duration::from_secs(30), "it is not ready");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let took = since.elapsed();
            engine.stop()?;
            Ok(took.as_secs_f64())
        })
        .await?;
    let figure = Figure::new("start to ready, nothing to rebuild", "s", times.of("start"))
        .goal(Goal::AtMost(1.0));
    Ok(Outcome { figures: vec![figure], ..Outcome::default() })
}
