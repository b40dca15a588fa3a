//! Real servers: started, killed, frozen, left behind and found again.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::postgres::connect;
use super::redis::ask;
use super::*;

const SERVERS: [&str; 3] = ["redis-server", "valkey-server", "postgres"];

/// A folder that also the user of root's Postgres can reach.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn redis_says(server: &RedisServer, command: &str) -> Result<String, String> {
    let asked = async {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).await;
        ask(&mut stream.map_err(|error| error.to_string())?, command).await
    };
    tokio::time::timeout(Duration::from_secs(2), asked).await.unwrap_or(Err("late".to_owned()))
}

async fn postgres_does(server: &PostgresServer, statement: &str) -> Result<(), String> {
    let url = server.url();
    let asked = async { connect(&url).await?.batch_execute(statement).await };
    let answer = tokio::time::timeout(Duration::from_secs(2), asked).await;
    answer.map_err(|_| "late".to_owned())?.map_err(|error| error.to_string())
}

/// The servers' processes anywhere below a folder.
fn servers_below(folder: &Path) -> Vec<i32> {
    let folder = folder.canonicalize().unwrap();
    let mut found = Vec::new();
    for home in [folder.join("redis"), folder.join("postgres/data"), folder.clone()] {
        found.extend(process_table::family(None, &home, &SERVERS).iter().map(|p| p.pid));
    }
    found
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within 20 seconds: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn noted_pid(file: PathBuf) -> Option<i32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[tokio::test]
async fn redis_keeps_its_data_over_stop_and_kill() {
    let folder = folder();
    let programs = Programs::find().unwrap();
    let server = RedisServer::start(&programs, RedisConfig::new(folder.path())).await.unwrap();
    assert_eq!(noted_pid(folder.path().join("redis.pid")), server.pid());
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
    assert_eq!(redis_says(&server, "SET a 1").await.unwrap(), "+OK\r\n");
    server.restart().await.unwrap();
    assert_eq!(redis_says(&server, "INCR a").await.unwrap(), ":2\r\n");
    server.kill().await.unwrap();
    assert_eq!(server.pid(), None);
    redis_says(&server, "PING").await.unwrap_err();
    server.restart().await.unwrap();
    assert_eq!(redis_says(&server, "INCR a").await.unwrap(), ":3\r\n");
    drop(server);
    assert_eq!(servers_below(folder.path()), Vec::<i32>::new());
    assert!(!folder.path().join("redis.pid").exists());
}

#[tokio::test]
async fn redis_takes_more_arguments_and_environment() {
    let folder = folder();
    let programs = Programs::find().unwrap();
    let mut config = RedisConfig::new(folder.path());
    config.args = vec!["--appendfsync".into(), "always".into()];
    config.env = vec![("LD_PRELOAD".into(), "/absent/library.so".into())];
    let server = RedisServer::start(&programs, config).await.unwrap();
    let answer = redis_says(&server, "CONFIG GET appendfsync").await.unwrap();
    assert!(answer.contains("always"), "{answer}");
    let answer = redis_says(&server, "CONFIG GET maxmemory-policy").await.unwrap();
    assert!(answer.contains("noeviction"), "{answer}");
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        let log = fs::read_to_string(server.dir().join("redis.log")).unwrap();
        assert!(log.contains("/absent/library.so"), "{log}");
    }
    assert!(redis_says(&server, "INFO persistence").await.unwrap().contains("aof_enabled:1"));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn postgres_keeps_its_data_over_stop_and_kill() {
    let folder = folder();
    let programs = Programs::find().unwrap();
    let config = PostgresConfig::new(folder.path().join("postgres"));
    let server = PostgresServer::start(&programs, config).await.unwrap();
    assert!(!server.is_moved());
    postgres_does(&server, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await.unwrap();
    server.restart().await.unwrap();
    postgres_does(&server, "INSERT INTO t VALUES (2)").await.unwrap();
    let client = connect(&server.url()).await.unwrap();
    server.kill().await.unwrap();
    assert_eq!(servers_below(folder.path()), Vec::<i32>::new());
    client.batch_execute("SELECT 1").await.unwrap_err();
    server.restart().await.unwrap();
    let client = connect(&server.url()).await.unwrap();
    let row = client.query_one("SELECT sum(a) FROM t", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 3);
    let row = client.query_one("SHOW synchronous_commit", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "on");
    drop(server);
    assert_eq!(servers_below(folder.path()), Vec::<i32>::new());
}

#[tokio::test]
async fn postgres_asks_for_its_password_and_keeps_it_private() {
    let server = TestServers::shared().await.unwrap().postgres();
    let port = server.port();
    connect(&format!("postgres://dropgate@127.0.0.1:{port}/dropgate")).await.unwrap_err();
    connect(&format!("postgres://dropgate:x@127.0.0.1:{port}/dropgate")).await.unwrap_err();
    let secret = server.dir().join("data/dropgate.password");
    assert_eq!(secret.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn frozen_servers_answer_after_the_thaw() {
    let servers = TestServers::start().await.unwrap();
    let client = connect(&servers.postgres().url()).await.unwrap();
    servers.redis().freeze();
    servers.postgres().freeze();
    assert_eq!(redis_says(servers.redis(), "PING").await, Err("late".to_owned()));
    let mut late = Box::pin(client.batch_execute("SELECT 1"));
    tokio::time::timeout(Duration::from_secs(1), &mut late).await.unwrap_err();
    servers.redis().thaw();
    servers.postgres().thaw();
    late.await.unwrap();
    assert_eq!(redis_says(servers.redis(), "PING").await.unwrap(), "+PONG\r\n");
    servers.postgres().freeze();
    servers.postgres().kill().await.unwrap();
    servers.postgres().restart().await.unwrap();
}

#[tokio::test]
async fn servers_outlive_the_thread_and_the_runtime_that_started_them() {
    let servers = thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(TestServers::start()).unwrap()
    });
    let servers = servers.join().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(redis_says(servers.redis(), "PING").await.unwrap(), "+PONG\r\n");
    postgres_does(servers.postgres(), "SELECT 1").await.unwrap();
}

#[tokio::test]
async fn an_early_end_shows_the_log() {
    let folder = folder();
    let programs = Programs::find().unwrap();
    let mut config = RedisConfig::new(folder.path());
    config.args = vec!["--maxmemory".into(), "plenty".into()];
    let error = RedisServer::start(&programs, config).await.unwrap_err();
    assert!(matches!(&error, LocalError::EndedEarly { .. }), "{error}");
    assert!(error.to_string().contains("plenty"), "{error}");

    let mut config = PostgresConfig::new(folder.path().join("postgres"));
    config.settings.push(("shared_buffers".to_owned(), "plenty".to_owned()));
    let error = PostgresServer::start(&programs, config).await.unwrap_err().to_string();
    assert!(error.contains("invalid value for parameter \"shared_buffers\""), "{error}");
}

#[tokio::test]
async fn a_taken_port_is_an_error_or_another_port() {
    let folder = folder();
    let programs = Programs::find().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();

    let mut redis = RedisConfig::new(folder.path().join("redis"));
    redis.port = Port::Only(port);
    let error = RedisServer::start(&programs, redis.clone()).await.unwrap_err();
    assert!(matches!(&error, LocalError::PortTaken { .. }), "{error}");
    redis.port = Port::Rather(port);
    assert_ne!(RedisServer::start(&programs, redis).await.unwrap().port(), port);

    let mut postgres = PostgresConfig::new(folder.path().join("postgres"));
    postgres.port = Port::Only(port);
    let error = PostgresServer::start(&programs, postgres.clone()).await.unwrap_err();
    assert!(matches!(&error, LocalError::PortTaken { .. }), "{error}");
    postgres.port = Port::Rather(port);
    assert_ne!(PostgresServer::start(&programs, postgres).await.unwrap().port(), port);
}

#[tokio::test]
async fn a_server_of_an_earlier_run_is_stopped_first() {
    let folder = folder();
    let programs = Programs::find().unwrap();
    let mut left = Command::new(programs.redis())
        .args(["--port", "0", "--unixsocket", "left.sock", "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it works in the folder", async || !servers_below(folder.path()).is_empty()).await;
    let mut elsewhere = Command::new("sleep").arg("60").current_dir(folder.path()).spawn().unwrap();
    // Not the leftover's, and not a server's either: nobody to be stopped.
    fs::write(folder.path().join("redis.pid"), elsewhere.id().to_string()).unwrap();

    let server = RedisServer::start(&programs, RedisConfig::new(folder.path())).await.unwrap();
    assert!(left.wait().is_ok());
    assert_eq!(servers_below(folder.path()).first().copied(), server.pid());
    assert!(elsewhere.try_wait().unwrap().is_none());
    elsewhere.kill().unwrap();
    elsewhere.wait().unwrap();
}

#[tokio::test]
async fn the_supervisor_starts_a_dead_child_again_and_leaves_none_behind() {
    let folder = folder();
    let supervisor = Supervisor::start(folder.path()).await.unwrap();
    let (redis, postgres) = (supervisor.redis(), supervisor.postgres());
    postgres_does(postgres, "CREATE TABLE t (a int)").await.unwrap();
    let busy = connect(&postgres.url()).await.unwrap();
    let busy = tokio::spawn(async move { busy.batch_execute("SELECT pg_sleep(60)").await });
    for file in ["redis.pid", "postgres.pid"] {
        let pid = noted_pid(folder.path().join(file)).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        eventually("a new child is noted", async || {
            noted_pid(folder.path().join(file)).is_some_and(|noted| noted != pid)
        })
        .await;
    }
    eventually("Redis answers", async || redis_says(redis, "PING").await.is_ok()).await;
    let insert = "INSERT INTO t VALUES (1)";
    eventually("Postgres answers", async || postgres_does(postgres, insert).await.is_ok()).await;
    busy.await.unwrap().unwrap_err();

    let refused = Supervisor::start(folder.path()).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");

    let ports = (redis.port(), postgres.port());
    supervisor.shutdown().await.unwrap();
    assert_eq!(servers_below(folder.path()), Vec::<i32>::new());
    assert!(!folder.path().join("redis.pid").exists());
    assert!(!folder.path().join("postgres.pid").exists());
    let supervisor = Supervisor::start(folder.path()).await.unwrap();
    assert_eq!((supervisor.redis().port(), supervisor.postgres().port()), ports);
    drop(supervisor);
    assert_eq!(servers_below(folder.path()), Vec::<i32>::new());
}

#[tokio::test]
async fn databases_are_empty_each_its_own_and_dropped() {
    let servers = TestServers::start().await.unwrap();
    let name = "a-name \" with odd signs and a length that is beyond what Postgres takes as a name";
    let (one, two) = tokio::join!(servers.new_database(name), servers.new_database(name));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.url(), two.url());
    let client = connect(one.url()).await.unwrap();
    client.batch_execute("CREATE TABLE t ()").await.unwrap();
    connect(two.url()).await.unwrap().batch_execute("CREATE TABLE t ()").await.unwrap();
    let (url, name) = (one.url().to_owned(), one.name().to_owned());
    drop(one);
    let error = connect(&url).await.err().unwrap();
    assert!(error.as_db_error().unwrap().message().contains(&name), "{error}");
    connect(two.url()).await.unwrap();
    servers.postgres().kill().await.unwrap();
    drop(two);
    let run = servers.redis().dir().parent().unwrap().to_owned();
    drop(servers);
    assert!(!run.exists());
}

/// Not a test but a process for the tests below: it holds the servers of a folder until it is
/// killed.
#[tokio::test]
#[ignore = "only as a child of other tests"]
async fn hold_servers() {
    let Some(folder) = std::env::var_os("DROPGATE_LOCAL_FOLDER") else { return };
    let _held = Supervisor::start(Path::new(&folder)).await.unwrap();
    std::future::pending::<()>().await;
}

fn holder(folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "local::tests::hold_servers"])
        .env("DROPGATE_LOCAL_FOLDER", folder)
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_process_takes_its_servers_with_it() {
    let folder = folder();
    let mut holder = holder(folder.path());
    eventually("the holder is ready", async || folder.path().join("ports").exists()).await;
    let ports = fs::read_to_string(folder.path().join("ports")).unwrap();
    let refused = Supervisor::start(folder.path()).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("process {}", holder.id())), "{refused}");
    assert!(servers_below(folder.path()).len() > 2);
    holder.kill().unwrap();
    holder.wait().unwrap();
    eventually("none is left", async || servers_below(folder.path()).is_empty()).await;

    let supervisor = Supervisor::start(folder.path()).await.unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("ports")).unwrap(), ports);
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_frozen_server_of_a_killed_process_does_not_stand_in_the_way() {
    let folder = folder();
    let mut holder = holder(folder.path());
    eventually("the holder is ready", async || folder.path().join("ports").exists()).await;
    let mut frozen = servers_below(folder.path());
    // Postgres has helpers that end by themselves.
    frozen.retain(|pid| kill(Pid::from_raw(*pid), Signal::SIGSTOP).is_ok());
    assert!(frozen.len() > 2, "{frozen:?}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let supervisor = Supervisor::start(folder.path()).await.unwrap();
    assert!(servers_below(folder.path()).iter().all(|pid| !frozen.contains(pid)));
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_initdb_is_done_again() {
    let folder = folder();
    let place = folder.path().join("postgres");
    for wait in [20, 200, 600] {
        let mut holder = holder(folder.path());
        eventually("initdb has begun", async || {
            let entries = place.read_dir().into_iter().flatten().flatten();
            entries.map(|e| e.path()).any(|path| path.join("PG_VERSION").exists())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        holder.kill().unwrap();
        holder.wait().unwrap();
    }
    let supervisor = Supervisor::start(folder.path()).await.unwrap();
    postgres_does(supervisor.postgres(), "CREATE TABLE t ()").await.unwrap();
    supervisor.shutdown().await.unwrap();
}

#[tokio::test]
async fn as_root_files_out_of_reach_go_elsewhere_and_are_found_again() {
    if !geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let supervisor = Supervisor::start(folder.path()).await.unwrap();
    assert!(supervisor.postgres().is_moved());
    postgres_does(supervisor.postgres(), "CREATE TABLE t ()").await.unwrap();
    supervisor.shutdown().await.unwrap();
    let supervisor = Supervisor::start(folder.path()).await.unwrap();
    postgres_does(supervisor.postgres(), "INSERT INTO t DEFAULT VALUES").await.unwrap();
    let elsewhere = supervisor.postgres().dir().to_owned();
    supervisor.shutdown().await.unwrap();
    fs::remove_dir_all(elsewhere).unwrap();
}
