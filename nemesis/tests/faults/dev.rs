//! `dropgate dev`: nothing to configure, one data folder, no process left behind.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use dropgate_nemesis::cluster::PATIENCE;
use tokio::process::{Child, Command};

fn dev(folder: &Path, listen: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_dropgate-nemesis"))
        .args(["engine", "dev"])
        .env("DROPGATE_DATA_DIR", folder)
        .env("DROPGATE_LISTEN", listen)
        .env("DROPGATE_LOG", "warn")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("dev starts")
}

fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("an address").to_string()
}

async fn until_ready(address: &str) {
    let since = Instant::now();
    let client = reqwest::Client::new();
    let url = format!("http://{address}/readyz");
    while !client.get(&url).send().await.is_ok_and(|reply| reply.status().is_success()) {
        assert!(since.elapsed() < PATIENCE * 3, "dev did not get ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn hold(address: &str, folder: &Path, customer: &str) -> reqwest::StatusCode {
    let keys = std::fs::read_to_string(folder.join("keys.env")).expect("keys");
    let key = keys.lines().find_map(|line| line.strip_prefix("DROPGATE_STOREFRONT_KEY="));
    let body = serde_json::json!({
        "customer_id": customer, "lines": [{ "sku": "shirt-m", "quantity": 1 }],
    });
    let url = format!("http://{address}/v1/drops/demo/reservations");
    let call = reqwest::Client::new().post(url).bearer_auth(key.expect("a key")).json(&body);
    call.send().await.map_or(reqwest::StatusCode::GONE, |reply| reply.status())
}

fn pid(folder: &Path, name: &str) -> String {
    // Away for a moment while a server is started again.
    std::fs::read_to_string(folder.join(name)).unwrap_or_default().trim().to_owned()
}

fn signal(name: &str, pid: &str) {
    let status = std::process::Command::new("kill").args([name, pid]).status().expect("kill");
    assert!(status.success(), "{name} {pid}");
}

fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended; only its parent has not asked yet.
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

async fn stop(mut process: Child, name: &str) {
    signal(name, &process.id().expect("a process").to_string());
    let ended = tokio::time::timeout(PATIENCE, process.wait()).await.expect("it ends");
    assert!(ended.expect("a status").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_mends_its_servers_keeps_everything_and_leaves_no_process() {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("data");
    let address = free_address();
    let process = dev(&folder, &address);
    until_ready(&address).await;
    assert_eq!(hold(&address, &folder, "c-1").await, 201);

    // A second one on the same folder is refused, and says why.
    let second = dev(&folder, &free_address()).wait_with_output().await.expect("an end");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&process.id().expect("a pid").to_string()), "{said}");

    // A child that dies is started again.
    for server in ["redis.pid", "postgres.pid"] {
        let before = pid(&folder, server);
        signal("-KILL", &before);
        let since = Instant::now();
        let mut round = 0;
        while [before.as_str(), ""].contains(&pid(&folder, server).as_str())
            || hold(&address, &folder, &format!("{server}-{round}")).await != 201
        {
            round += 1;
            assert!(since.elapsed() < PATIENCE, "{server} did not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let servers = ["redis.pid", "postgres.pid"].map(|name| pid(&folder, name));
    stop(process, "-TERM").await;
    for server in &servers {
        assert!(!lives(server), "{server} is left behind");
    }

    // The next start finds everything again: same keys, same holds.
    let keys = std::fs::read_to_string(folder.join("keys.env")).expect("keys");
    let process = dev(&folder, &address);
    until_ready(&address).await;
    assert_eq!(std::fs::read_to_string(folder.join("keys.env")).expect("keys"), keys);
    assert_eq!(hold(&address, &folder, "c-2").await, 201);
    stop(process, "-INT").await;
}
