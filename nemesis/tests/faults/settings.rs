//! Servers whose settings break the promises are refused at the start; those that weaken them are
//! named in the log.

use dropgate_nemesis::cluster::{ClusterOptions, PATIENCE};

#[tokio::test(flavor = "multi_thread")]
async fn dangerous_settings_are_warned_of_and_an_evicting_redis_is_refused() {
    let options = ClusterOptions {
        engines: 0,
        redis_args: ["--appendonly", "no"].map(str::to_owned).into(),
        postgres_settings: vec![("fsync".to_owned(), "off".to_owned())],
        ..crate::options()
    };
    let mut cluster = crate::start_with(options).await;
    let engine = cluster.add_engine(&[]).await.expect("warned of, and started");
    let log = engine.log();
    for setting in ["appendonly no", "fsync off"] {
        let warned = log.lines().any(|line| line.contains("WARN") && line.contains(setting));
        assert!(warned, "{setting}: {log}");
    }
    cluster.redis(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let refused = cluster.prepare_engine(&[]).await.expect("an engine");
    refused.start().expect("it runs");
    let status = refused.await_end(PATIENCE).await.expect("it ends");
    assert_eq!(status.code(), Some(1));
    let log = refused.log();
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("WARN")).collect();
    let [line] = lines[..] else { panic!("one line says why: {log}") };
    for word in ["maxmemory-policy", "allkeys-lru", "noeviction"] {
        assert!(line.contains(word), "{line}");
    }
}
