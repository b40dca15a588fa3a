//! A short run of the random nemesis, two minutes of faults: every kind at least once, and no
//! finding.

use std::time::Duration;

use dropgate_nemesis::run::{RunOptions, run};

/// The seed, unless another one is asked for.
const SEED: u64 = 20_260_101;

#[tokio::test(flavor = "multi_thread")]
async fn no_promise_is_broken_whatever_breaks() {
    let seed = std::env::var("DROPGATE_NEMESIS_SEED").ok();
    let seed = seed.map_or(SEED, |text| text.parse().expect("a number"));
    println!("seed {seed}: DROPGATE_NEMESIS_SEED={seed}");
    let program = env!("CARGO_BIN_EXE_dropgate-nemesis");
    // It goes on until every kind has come.
    let options = RunOptions::new(program, Duration::from_secs(120), seed);
    let report = run(&options, &|line| println!("{line}")).await.expect("a run");
    println!("\n{}", report.show());
    assert!(report.is_clean(), "seed {seed}: {:#?}", report.findings);
}
