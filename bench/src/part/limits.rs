//! What rate limits cost that refuse nobody.

use std::{fmt, time::Duration};

use super::About;
use crate::{
    bench::{Bench, Spent},
    load::{CONNECTIONS, Call, closed},
    process::Process,
    report::{Figure, Goal, Outcome, Table},
    stage::{Stage, UNITS, drain, hold, open_drop},
    statistics::{Samples, median},
    watch::Watch,
};

pub(super) const ABOUT: About = About {
    title: "Durable holds and public reads with rate limits against none",
    how: "As `holds`, with limits in force that are too high to refuse anybody, against an engine without \
          any: by key and client address (100,000 calls a second), and by customer too: 10 holds a second with the \
          usual burst of 5, and with one of 1, for which Redis is asked before each hold. Each hold is another customer's, \
          and each engine has a Redis and a Postgres of its own. Then the same for public reads of one SKU, which only the limit \
          by address counts.",
};

/// Too high for anybody to be refused.
const LIMITS: [(&str, &str); 2] =
    [("DROPGATE_RATE_KEY", "100000/s"), ("DROPGATE_RATE_ADDRESS", "100000/s")];

/// An engine with limits, or one without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Key,
    Customer,
    Strict,
    Free,
}

impl Side {
    const ALL: [Side; 4] = [Side::Key, Side::Customer, Side::Strict, Side::Free];

    fn limits(self) -> Vec<(&'static str, &'static str)> {
        let customer = match self {
            Side::Free => return Vec::new(),
            Side::Key => None,
            Side::Customer => Some("10/s"),
            Side::Strict => Some("10/s burst 1"),
        };
        let customer = customer.map(|limit| ("DROPGATE_RATE_CUSTOMER", limit));
        LIMITS.into_iter().chain(customer).collect()
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Key => "limits by key and address",
            Side::Customer => "by customer too",
            Side::Strict => "by customer, no burst",
            Side::Free => "no limits",
        })
    }
}

/// One side's engine with all that it needs.
struct Alone {
    engine: Process,
    watch: Watch,
    // Last: servers end after those who use them.
    stage: Stage,
}

impl Alone {
    async fn start(bench: &Bench, limits: &[(&'static str, &str)]) -> anyhow::Result<Alone> {
        let stage = bench.stage().await?;
        let engine = stage.engine_with("ledger", limits).await?;
        let watch = stage.watch().await?;
        Ok(Alone { engine, watch, stage })
    }

    /// Holds a second, of a drop that nobody held of before.
    async fn holds(&mut self, bench: &Bench, duration: Duration) -> anyhow::Result<(f64, Spent)> {
        let (drop, from) = (bench.drop(), bench.customers());
        open_drop(&self.engine, &drop, UNITS).await?;
        let before = Spent::so_far(&self.stage, &self.engine)?;
        let asked = drop.clone();
        let make = move |n| hold(&asked, from + n);
        let run = closed(self.engine.address, CONNECTIONS, duration, make).await?;
        let calls = run.only(201)?;
        drain(&self.engine, &mut self.watch, &drop).await?;
        Ok((run.rate(201), Spent::so_far(&self.stage, &self.engine)?.since(before, calls)))
    }

    /// Reads a second of a SKU.
    async fn reads(&mut self, bench: &Bench, duration: Duration) -> anyhow::Result<(f64, Spent)> {
        let drop = bench.drop();
        open_drop(&self.engine, &drop, UNITS).await?;
        let before = Spent::so_far(&self.stage, &self.engine)?;
        let path = format!("/v1/drops/{drop}/skus/s");
        let read = move |_| Call {
            method: "GET",
            path: path.clone(),
            bearer: None,
            key: None,
            body: String::new(),
        };
        let run = closed(self.engine.address, CONNECTIONS, duration, read).await?;
        let calls = run.only(200)?;
        Ok((run.rate(200), Spent::so_far(&self.stage, &self.engine)?.since(before, calls)))
    }
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut engines = Vec::new();
    for side in Side::ALL {
        engines.push(Alone::start(bench, &side.limits()).await?);
    }
    let columns = ["CPU a call, µs", "load generator", "engine", "Redis", "Postgres"];
    let mut table = Table::new(&columns);
    let mut figures = Vec::new();
    for (what, sides) in
        [("durable holds", &Side::ALL[..]), ("public reads", &[Side::Key, Side::Free])]
    {
        let mut spent = Samples::default();
        let rates = bench
            .rounds(sides, async |side, duration| {
                let alone = &mut engines[side as usize];
                let (rate, cost) = match what {
                    "durable holds" => alone.holds(bench, duration).await?,
                    _ => alone.reads(bench, duration).await?,
                };
                let Spent { load, front, redis, postgres } = cost;
                for (who, micros) in
                    [("load", load), ("engine", front), ("redis", redis), ("postgres", postgres)]
                {
                    spent.push(format!("{side} {who}"), micros);
                }
                Ok(rate)
            })
            .await?;
        for side in sides.iter().filter(|side| **side != Side::Free) {
            let which = match side {
                Side::Key | Side::Free => "limits by key and address",
                Side::Customer => "a limit by customer too",
                Side::Strict => "a limit by customer without a burst",
            };
            let name = format!("{what} with {which} over without");
            let figure = Figure::new(name, "", &rates.ratios(*side, Side::Free))
                .goal(Goal::AtLeast(0.95))
                .side(side.to_string(), "a second", rates.of(*side))
                .side(Side::Free.to_string(), "a second", rates.of(Side::Free));
            figures.push(figure);
        }
        for side in sides {
            let of = |who: &str| median(spent.of(format!("{side} {who}")));
            let costs = [of("load"), of("engine"), of("redis"), of("postgres")];
            table.row(format!("{what}, {side}"), &costs);
        }
    }
    Ok(Outcome { figures, tables: vec![table], ..Outcome::default() })
}
