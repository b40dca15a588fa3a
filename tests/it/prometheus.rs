//! The alerts and the dashboard of `ops/` in a real Prometheus, which scrapes a real engine.
//!
//! Where there is no Prometheus, nothing of this is tested: `make test` installs one if it can.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dropgate::local::{TestServers, spawn};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Call, EngineProcess, STOREFRONT_KEY, eventually, lines};

fn ops() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ops")
}

/// Whether a program can be run; the reason for what is skipped is told.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// The text behind each `key: ` of a file.
fn each(text: &str, key: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(key))
        .map(|value| value.trim().to_owned())
        .collect()
}

#[test]
fn each_alert_is_tested_to_fire_and_to_be_quiet() {
    let rules = std::fs::read_to_string(ops().join("alerts.yml")).expect("the rules");
    let tests = std::fs::read_to_string(ops().join("alerts_test.yml")).expect("their tests");
    let (quiet, firing) = tests.split_once("each of them fires").expect("two tests");
    let alerts = each(&rules, "alert:");
    assert!(alerts.len() >= 12, "{alerts:?}");
    for alert in alerts {
        assert!(quiet.contains(&format!("alertname: {alert}")), "{alert} is never quiet");
        let fires = firing.split("eval_time").any(|test| {
            test.contains(&format!("alertname: {alert}\n")) && test.contains("exp_annotations")
        });
        assert!(fires, "{alert} never fires");
    }
    if has("promtool") {
        let output = Command::new("promtool")
            .args(["test", "rules", "alerts_test.yml"])
            .current_dir(ops())
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
    }
}

/// A Prometheus of a test. It ends with this process, or when it is dropped.
struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts one with the settings of `ops/`, but for the address of the engine and the pace.
    fn start(engine: &str) -> Prometheus {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = std::fs::read_to_string(ops().join("prometheus.yml")).expect("settings");
        let rules = ops().join("alerts.yml");
        let settings = settings
            .replace("engine:8080", engine.trim_start_matches("http://"))
            .replace("- alerts.yml", &format!("- {}", rules.display()))
            .replace("interval: 5s", "interval: 1s");
        std::fs::write(folder.path().join("prometheus.yml"), settings).expect("a file");
        // Taken and let go: nobody else asks for a port that the system has just given out.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = port.expect("a free port").to_string();
        let mut command = Command::new("prometheus");
        command
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = spawn(command, Signal::SIGKILL).expect("it starts");
        Prometheus { child, url: format!("http://{address}"), _folder: folder }
    }

    /// What it answers, once it does.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.url)).expect("an address");
        url.query_pairs_mut().extend_pairs(query);
        let answer: Value = reqwest::get(url).await.ok()?.json().await.ok()?;
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        Some(answer["data"].clone())
    }
}

/// Every query of the dashboard, as Grafana would send it.
fn queries() -> Vec<String> {
    let text = std::fs::read_to_string(ops().join("grafana/dropgate.json")).expect("a dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let written = targets.map(|target| target["expr"].as_str().expect("a query").to_owned());
    written
        .map(|query| query.replace("$__rate_interval", "10s").replace("$drop", ".*"))
        .inspect(|query| assert!(!query.contains('$'), "{query}"))
        .collect()
}

#[tokio::test]
async fn every_query_of_the_dashboard_has_an_answer_and_every_alert_is_evaluated() {
    if !has("prometheus") {
        return;
    }
    // With a ledger of its own, so that no other engine writes what this one holds.
    let servers = TestServers::shared().await.expect("servers");
    let database = servers.new_database("ops").await.expect("a database");
    let engine = EngineProcess::serve(&servers.redis().url(), database.url(), &[]);
    let drop = format!("ops-{}", uuid::Uuid::now_v7().simple());
    let http = reqwest::Client::new();
    let admin = format!("{}/v1/admin/drops/{drop}", engine.url());
    for (url, body) in [
        (admin.clone(), json!({})),
        (format!("{admin}/skus/a"), json!({ "initial_stock": 10_000 })),
    ] {
        let call = Call::new(&http, Method::PUT, url).bearer(ADMIN_KEY).json(&body);
        call.send().await.ok(201);
    }
    let prometheus = Prometheus::start(engine.url());
    let url = format!("{}/v1/drops/{drop}/reservations", engine.url());
    let queries = queries();
    assert!(queries.len() > 25, "{}", queries.len());
    for query in &queries {
        // A rate is a number only while something happens, and after two looks at it.
        eventually(query, || async {
            let body = json!({ "customer_id": "c", "lines": lines(&[("a", 1)]) });
            let hold = Call::new(&http, Method::POST, url.clone()).bearer(STOREFRONT_KEY);
            hold.json(&body).send().await.ok(201);
            let data = prometheus.get("/api/v1/query", &[("query", query)]).await?;
            let result = data["result"].as_array().expect("a result");
            let is_number = |series: &Value| series["value"][1] != "NaN";
            (!result.is_empty() && result.iter().any(is_number)).then_some(())
        })
        .await;
    }
    let rules = eventually("every alert was evaluated", || async {
        let data = prometheus.get("/api/v1/rules", &[]).await?;
        let rules = data["groups"][0]["rules"].as_array()?.clone();
        rules.iter().all(|rule| rule["health"] == "ok").then_some(rules)
    })
    .await;
    assert!(rules.len() >= 12, "{rules:?}");
    // And nothing is raised of an engine that is well.
    for rule in &rules {
        assert_eq!(rule["state"], "inactive", "{rule}");
    }
}
