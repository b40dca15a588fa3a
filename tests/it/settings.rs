//! Where settings come from, and what is shown of them.

use std::fs;
use std::path::Path;
use std::process::Output;

use reqwest::Method;
use serde_json::Value;

use crate::support::{ADMIN_KEY, Call, EngineProcess, STOREFRONT_KEY, Sale};

const REDIS: &str = "redis://:redis-pa55@127.0.0.1:1";
const DATABASE: &str = "postgres://u:database-pa55@127.0.0.1:1/d";

/// Writes a file with this text, and names it.
fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let (verb, more) = arguments.split_first().expect("a command");
    let mut command = EngineProcess::command(verb);
    command.args(more).envs(settings.iter().copied()).output().expect("it runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Every setting in its place, for a test to leave out or to replace.
fn good() -> Vec<(&'static str, &'static str)> {
    vec![
        ("DROPGATE_REDIS_URL", REDIS),
        ("DROPGATE_DATABASE_URL", DATABASE),
        ("DROPGATE_ADMIN_KEY", ADMIN_KEY),
        ("DROPGATE_STOREFRONT_KEY", STOREFRONT_KEY),
    ]
}

#[tokio::test]
async fn an_engine_runs_with_everything_secret_in_files() {
    let sale = Sale::open(&[("a", 5)]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = EngineProcess::command("serve");
    command.env("DROPGATE_LISTEN", "127.0.0.1:0").env("DROPGATE_LOG", "warn");
    // One line's end is the editor's, whichever way it is written.
    for (name, value, end) in [
        ("REDIS_URL", sale.world().redis_url(), "\n"),
        ("DATABASE_URL", sale.world().database_url(), ""),
        ("ADMIN_KEY", ADMIN_KEY, "\r\n"),
        ("STOREFRONT_KEY", STOREFRONT_KEY, "\n"),
    ] {
        let path = file(folder.path(), name, &format!("{value}{end}"));
        // A variable that is there and empty is none, as everywhere.
        command.env(format!("DROPGATE_{name}"), "").env(format!("DROPGATE_{name}_FILE"), path);
    }
    let engine = EngineProcess::start(command);
    let url = format!("{}/v1/admin/drops/{}", engine.url(), sale.id());
    let call = Call::new(&reqwest::Client::new(), Method::GET, url).bearer(ADMIN_KEY);
    assert_eq!(call.send().await.ok(200)["skus"][0]["available"], 5);
}

#[test]
fn a_file_that_is_no_good_is_named_with_a_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    let (missing, empty) = (folder.path().join("none"), file(folder.path(), "empty", "\n"));
    let binary = folder.path().join("binary");
    fs::write(&binary, b"\xff\xfe").expect("a file");
    let fine = file(folder.path(), "fine", ADMIN_KEY);
    let paths = [missing.to_str().expect("UTF-8"), &empty, binary.to_str().expect("UTF-8")];
    for (command, status) in [("serve", 1), ("config", 2)] {
        for path in paths {
            let mut settings = good();
            settings.retain(|(name, _)| *name != "DROPGATE_ADMIN_KEY");
            settings.push(("DROPGATE_ADMIN_KEY_FILE", path));
            let output = run(&[command], &settings);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{said}");
            assert_eq!(said.trim_end().lines().count(), 1, "{said}");
            assert!(said.contains("DROPGATE_ADMIN_KEY_FILE names ") && said.contains(path));
        }
        let mut both = good();
        both.push(("DROPGATE_ADMIN_KEY_FILE", &fine));
        let output = run(&[command], &both);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains("DROPGATE_ADMIN_KEY and DROPGATE_ADMIN_KEY_FILE"), "{said}");
        assert!(!said.contains(ADMIN_KEY), "{said}");
    }
    // A file of a setting that the command does not have is none of its business.
    let output = run(&["migrate", "--help"], &[("DROPGATE_ADMIN_KEY_FILE", paths[0])]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_is_in_force_is_shown_with_its_source_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = file(folder.path(), "key", &format!("{ADMIN_KEY}\n"));
    let headers = file(folder.path(), "headers", "authorization=Bearer%20header-pa55\n");
    let mut settings = good();
    settings.retain(|(name, _)| *name != "DROPGATE_ADMIN_KEY");
    settings.extend([
        ("DROPGATE_ADMIN_KEY", ""),
        ("DROPGATE_ADMIN_KEY_FILE", key.as_str()),
        ("DROPGATE_CONNECTIONS", "77"),
        ("DROPGATE_HOLD_ACK", ""),
        ("DROPGATE_LOG", "warn"),
        ("TOKIO_WORKER_THREADS", "3"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS_FILE", headers.as_str()),
    ]);
    let flags = ["config", "--log", "debug", "--json"];
    let output = run(&flags, &settings);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let shown = shown["settings"].as_array().expect("settings");
    let find = |name: &str| shown.iter().find(|setting| setting["name"] == name).expect(name);
    for (name, value, source) in [
        ("DROPGATE_LISTEN", "127.0.0.1:8080", "default"),
        ("DROPGATE_CONNECTIONS", "77", "environment"),
        // What is empty is not given.
        ("DROPGATE_HOLD_ACK", "ledger", "default"),
        ("DROPGATE_LOG", "debug", "flag"),
        ("DROPGATE_ADMIN_KEY", "(hidden)", "file"),
        ("DROPGATE_STOREFRONT_KEY", "(hidden)", "environment"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "environment"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "(hidden)", "file"),
        ("OTEL_SERVICE_NAME", "dropgate", "default"),
        ("TOKIO_WORKER_THREADS", "3", "environment"),
        ("DROPGATE_REDIS_URL", "redis://:(hidden)@127.0.0.1:1", "environment"),
        ("DROPGATE_DATABASE_URL", "postgres://u:(hidden)@127.0.0.1:1/d", "environment"),
    ] {
        assert_eq!((&find(name)["value"], &find(name)["source"]), (&value.into(), &source.into()));
    }
    assert_eq!(find("DROPGATE_ADMIN_KEY")["file"], key);
    let output = run(&flags[..3], &settings);
    let table = text(&output.stdout);
    assert_eq!(table.lines().count(), shown.len(), "{table}");
    for line in table.lines() {
        let name = line.split_whitespace().next().expect("a name");
        assert!(line.contains(find(name)["value"].as_str().expect("a value")), "{line}");
    }
    for said in [table, &Value::from(shown.clone()).to_string()] {
        for secret in [ADMIN_KEY, STOREFRONT_KEY, "pa55"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

#[test]
fn a_setting_that_is_wrong_or_missing_is_the_answer() {
    for (name, value) in [
        ("DROPGATE_ADMIN_KEY", "short"),
        ("DROPGATE_REDIS_URL", ""),
        ("DROPGATE_CONNECTIONS", "0"),
        ("DROPGATE_CORS_ORIGINS", "https://a.example/"),
    ] {
        let mut settings = good();
        settings.retain(|(known, _)| *known != name);
        settings.push((name, value));
        let output = run(&["config"], &settings);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("dropgate: {name} ")) && said.contains(": "), "{said}");
        assert_eq!((said.lines().count(), text(&output.stdout)), (1, ""));
    }
}

#[test]
fn a_variable_that_no_setting_has_is_told() {
    let mut settings = good();
    settings.extend([
        ("DROPGATE_CONECTIONS", "77"),
        ("DROPGATE_CONNECTIONS", "78"),
        // Somebody else's command has these.
        ("DROPGATE_URL", "http://127.0.0.1:1"),
        ("DROPGATE_DATA_DIR", "/nowhere"),
    ]);
    let output = run(&["config"], &settings);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("DROPGATE_CONECTIONS is no setting") && said.contains("--help"),
        "{said}"
    );
}

#[test]
fn a_wrong_number_of_threads_stops_the_start() {
    for wrong in ["0", "many", "-1", "1025"] {
        for (command, status) in [("serve", 1), ("config", 2)] {
            let settings = [good(), vec![("TOKIO_WORKER_THREADS", wrong)]].concat();
            let output = run(&[command], &settings);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{said}");
            assert!(said.contains("TOKIO_WORKER_THREADS is ") && said.contains("from 1 to 1024"));
        }
    }
}
