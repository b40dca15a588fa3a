//! Every design sells what there is, no more, and holds to the limit.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, ensure};
use clap::ValueEnum as _;
use dropgate_bench::{
    design::{Design, LIMIT},
    load::{Call, Connection},
    process::Process,
    stage::{Stage, hold},
};
use redis::AsyncCommands as _;
use serde_json::Value;

const CONNECTIONS: u64 = 32;
const UNITS: u64 = 50;
/// What a design says to a hold: the status, and the code if it refuses.
type Answers = BTreeMap<(u16, String), u64>;

struct Scene {
    redis: String,
    database: String,
    // Behind what lives in it.
    _stage: Stage,
}

impl Scene {
    async fn start() -> anyhow::Result<Scene> {
        let stage = Stage::start(program()).await?;
        let redis = stage.servers.redis().url();
        let database = stage.servers.postgres().url_of("postgres");
        Ok(Scene { redis, database, _stage: stage })
    }

    async fn front(&self, design: &str, drop: &str) -> anyhow::Result<Process> {
        let settings = [
            ("DROPGATE_REDIS_URL", self.redis.clone()),
            ("DROPGATE_DATABASE_URL", self.database.clone()),
            ("BENCH_DROP", drop.to_owned()),
            ("BENCH_UNITS", UNITS.to_string()),
        ];
        Process::start(program(), &["front", design], &settings).await
    }

    /// The units of all holds that the design has written down.
    async fn written(&self, design: &str, drop: &str) -> anyhow::Result<u64> {
        if design.starts_with("redis-") || design == "evalsha" {
            let client = redis::Client::open(self.redis.as_str())?;
            let mut redis = client.get_multiplexed_async_connection().await?;
            let key = |name| format!("{design}:{{{drop}}}:{name}:s");
            let holds: u64 = redis.hlen(key("holds")).await?;
            let deadlines: u64 = redis.zcard(key("deadlines")).await?;
            let left: u64 = redis.get(key("stock")).await?;
            ensure!(holds == deadlines && holds + left == UNITS, "{holds} {deadlines} {left}");
            return Ok(holds);
        }
        let (client, connection) =
            tokio_postgres::connect(&self.database, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        let sum = async |column, table| {
            let of = design.replace('-', "_");
            let sql = format!("SELECT sum({column})::bigint FROM {of}_{table} WHERE drop_id = $1");
            anyhow::Ok(client.query_one(&sql, &[&drop]).await?.try_get::<_, i64>(0)?)
        };
        let (held, used) = if design == "least" {
            let held = sum("quantity", "lines").await?;
            for (column, table) in [("quantity", "ledger"), ("held", "stock")] {
                ensure!(sum(column, table).await? == held, "{table} has not {held}");
            }
            let client = redis::Client::open(self.redis.as_str())?;
            let mut redis = client.get_multiplexed_async_connection().await?;
            let used: Vec<i64> = redis.hvals(format!("least:{{{drop}}}:customers")).await?;
            (held, used.iter().sum())
        } else {
            (sum("quantity", "reservations").await?, sum("used", "customers").await?)
        };
        connection.abort();
        ensure!(held == used, "{held} units are held, {used} count against limits");
        Ok(u64::try_from(held)?)
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dropgate-bench"))
}

fn names() -> anyhow::Result<Vec<String>> {
    let designs = Design::value_variants().iter().filter(|design| **design != Design::None);
    let names = designs.map(|design| design.to_possible_value().context("it has a name"));
    names.map(|name| Ok(name?.get_name().to_owned())).collect()
}

/// Sends `calls` over so many connections at once.
async fn send(front: &Process, calls: Vec<Call>) -> anyhow::Result<Answers> {
    let mut shares: Vec<Vec<Call>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
    let count = shares.len();
    for (index, call) in calls.into_iter().enumerate() {
        shares[index % count].push(call);
    }
    let address = front.address;
    let senders: Vec<_> = shares
        .into_iter()
        .map(|share| {
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut answers = Vec::new();
                for call in share {
                    let (status, body) = connection.send(call).await?;
                    let body: Value = serde_json::from_slice(&body)?;
                    let code = body["code"].as_str().unwrap_or_default().to_owned();
                    answers.push((status.as_u16(), code));
                }
                anyhow::Ok(answers)
            })
        })
        .collect();
    let mut sum = Answers::new();
    for sender in senders {
        for answer in sender.await?? {
            *sum.entry(answer).or_default() += 1;
        }
    }
    Ok(sum)
}

fn answers(held: u64, refused: u64, code: &str) -> Answers {
    [((201, String::new()), held), ((409, code.to_owned()), refused)].into()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_design_sells_what_there_is_and_holds_to_the_limit() -> anyhow::Result<()> {
    let scene = Scene::start().await?;
    for name in names()? {
        let front = scene.front(&name, "many").await?;
        let calls = (0..200).map(|customer| hold("many", customer)).collect();
        let heard = send(&front, calls).await.with_context(|| name.clone())?;
        assert_eq!(heard, answers(UNITS, 150, "sold_out"), "{name}: customers");
        assert_eq!(scene.written(&name, "many").await?, UNITS, "{name}: customers");
        drop(front);

        let front = scene.front(&name, "one").await?;
        let calls = (0..30).map(|_| hold("one", 7)).collect();
        let heard = send(&front, calls).await.with_context(|| name.clone())?;
        let limit = u64::try_from(LIMIT)?;
        assert_eq!(heard, answers(limit, 30 - limit, "limit_exceeded"), "{name}: one customer");
        assert_eq!(scene.written(&name, "one").await?, limit, "{name}: one customer");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_outlives_its_holder_for_no_longer_than_it_lasts() -> anyhow::Result<()> {
    let scene = Scene::start().await?;
    let client = redis::Client::open(scene.redis.as_str())?;
    let mut redis = client.get_multiplexed_async_connection().await?;
    for design in ["redis-lock-spin", "redis-lock-message"] {
        let front = scene.front(design, "dead").await?;
        // A holder took the token and the lock, and died.
        let key = |name| format!("{design}:{{dead}}:{name}:s");
        redis.del::<_, ()>(key("tokens")).await?;
        redis.pset_ex::<_, _, ()>(key("lock"), "a dead holder", 1_200).await?;
        let calls = (0..40).map(|customer| hold("dead", customer)).collect();
        let heard = send(&front, calls).await?;
        assert_eq!(heard, [((201, String::new()), 40)].into(), "{design}");
        let left: Option<String> = redis.get(key("lock")).await?;
        assert_eq!(left, None, "{design}");
    }
    Ok(())
}
