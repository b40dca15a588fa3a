//! Looks for a text everywhere where something may be kept: every table, every key.

use dropgate::domain::{ArchiveCheck, Checked, Record};
use dropgate::ledger::Ledger;
use tokio_postgres::NoTls;

use super::world::World;

/// The tables of the ledger in which `text` stands anywhere.
pub(crate) async fn tables_with(world: &World, text: &str) -> Vec<String> {
    let (client, connection) =
        tokio_postgres::connect(world.database_url(), NoTls).await.expect("the ledger");
    tokio::spawn(connection);
    let sql = "SELECT table_name::text FROM information_schema.tables
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1";
    let mut found = Vec::new();
    for row in client.query(sql, &[]).await.expect("the tables") {
        let table: String = row.get(0);
        let sql = format!("SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0");
        let rows: i64 = client.query_one(&sql, &[&text]).await.expect("a count").get(0);
        if rows > 0 {
            found.push(table);
        }
    }
    found
}

/// The keys of Redis in whose name or value `text` stands.
pub(crate) async fn keys_with(world: &World, text: &str) -> Vec<String> {
    let client = redis::Client::open(world.redis_url()).expect("an address");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis");
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut redis).await.expect("keys");
    let mut found = Vec::new();
    for key in keys {
        let kind: String =
            redis::cmd("TYPE").arg(&key).query_async(&mut redis).await.expect("a type");
        let command = match kind.as_str() {
            "string" => redis::cmd("GET").arg(&key).to_owned(),
            "hash" => redis::cmd("HGETALL").arg(&key).to_owned(),
            "zset" => redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).to_owned(),
            "stream" => redis::cmd("XRANGE").arg(&key).arg("-").arg("+").to_owned(),
            // It has gone since.
            "none" => continue,
            other => panic!("a key of a type that nobody looks at: {key} {other}"),
        };
        let value: redis::Value = command.query_async(&mut redis).await.expect("a value");
        if key.contains(text) || texts(&value).iter().any(|value| value.contains(text)) {
            found.push(key);
        }
    }
    found
}

/// Deletes the keys of Redis whose names match `pattern`, in one step.
pub(crate) async fn remove_keys(world: &World, pattern: &str) {
    let client = redis::Client::open(world.redis_url()).expect("an address");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis");
    let script = "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end";
    let script = redis::Script::new(script);
    let () = script.arg(pattern).invoke_async(&mut redis).await.expect("the keys go");
}

fn texts(value: &redis::Value) -> Vec<String> {
    if let redis::Value::BulkString(bytes) = value {
        return vec![String::from_utf8_lossy(bytes).into_owned()];
    }
    if let redis::Value::Array(items) = value {
        return items.iter().flat_map(texts).collect();
    }
    // Whatever else it is, its whole text.
    vec![format!("{value:?}")]
}

/// What a check of the drop's ledger by itself finds, and its last seal.
pub(crate) async fn checked(world: &World, drop: &str) -> (Checked, Option<String>) {
    let ledger = Ledger::connect(world.database_url(), 1, 1).expect("an address");
    let (lines, mut taken) = tokio::sync::mpsc::channel(4);
    let drop = drop.parse().expect("an id");
    let read = tokio::spawn(async move { ledger.export(&drop, lines).await });
    let (mut check, mut seal) = (ArchiveCheck::default(), None);
    while let Some(records) = taken.recv().await {
        for record in &records {
            check.take(record);
            if let Record::Drop(drop) = record {
                seal.clone_from(&drop.seal);
            }
        }
    }
    assert!(read.await.expect("it ends").expect("the ledger"), "there is such a drop");
    (check.finish(), seal)
}
