//! The guides, tried as they are written: their blocks marked `bash run` are run in their order,
//! and print what the block `text out` behind them says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Receiver, STOREFRONT_KEY, Sale, World, eventually};

/// Stands between the outputs of two blocks.
const MARK: &str = "---- end of a block ----";

/// A block that is run, and what it prints.
#[derive(Debug, Default)]
struct Step {
    script: String,
    printed: Option<String>,
}

fn guide(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides").join(name)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of a guide that are run.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect();
        match kind {
            "bash run" => steps.push(Step { script: block, printed: None }),
            "text out" => steps.last_mut().expect("a block before it").printed = Some(block),
            _ => {}
        }
    }
    steps
}

/// Whether a printed line is the one that was promised; `…` stands for anything.
fn fits(promised: &str, printed: &str) -> bool {
    let mut parts = promised.split('…');
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    rest.is_empty() || last == Some("")
}

/// Runs a guide in a folder of its own against an engine.
async fn follow(name: &str) {
    let world = World::shared().await;
    let url = world.url(0).to_owned();
    let steps = steps(&read(&guide(name)));
    assert!(!steps.is_empty(), "{name}: nothing to run");
    let script: String =
        steps.iter().map(|step| format!("{}echo; echo '{MARK}'\n", step.script)).collect();
    let run = move || {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("bash");
        command.args(["-eu", "-o", "pipefail", "-c", &script]).current_dir(folder.path());
        command
            .env("DROPGATE_URL", url)
            .env("DROPGATE_ADMIN_KEY", ADMIN_KEY)
            .env("DROPGATE_STOREFRONT_KEY", STOREFRONT_KEY)
            .env("LC_ALL", "C.UTF-8");
        command.output().expect("bash and curl are there")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}\n{failed}");
    let blocks: Vec<&str> = said.split(MARK).collect();
    assert_eq!(blocks.len(), steps.len() + 1, "{name}: {said}");
    for (step, printed) in steps.iter().zip(blocks) {
        let Some(promised) = &step.printed else { continue };
        let lines = |text: &str| -> Vec<String> {
            let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
            lines.map(str::to_owned).collect()
        };
        let (promised, printed) = (lines(promised), lines(printed));
        let same = promised.len() == printed.len()
            && promised.iter().zip(&printed).all(|(promised, printed)| fits(promised, printed));
        let script = &step.script;
        assert!(same, "{name}:\n{script}\nprints {printed:#?}\nand not {promised:#?}\n{failed}");
    }
}

#[tokio::test]
async fn checkout() {
    follow("checkout.md").await;
}

#[tokio::test]
async fn events_to_other_systems() {
    follow("events.md").await;
}

/// What the guide's Python says of a request that an engine has sent, and of one that it has not.
#[tokio::test]
async fn the_guides_receiver_knows_what_is_genuine() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is not installed");
        return;
    }
    let sale = Sale::open(&[("a", 5)]).await;
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url(), "drops": [sale.id()], "from": "start" });
    let call = sale.anonymous(Method::POST, "/v1/admin/webhooks").bearer(ADMIN_KEY);
    let webhook = call.json(&body).send().await.ok(201);
    let request =
        eventually("a request", || async { receiver.received().into_iter().next() }).await;
    let text = read(&guide("events.md"));
    let (_, rest) = text.split_once("```python\n").expect("a block");
    let (code, _) = rest.split_once("```").expect("its end");
    let headers: serde_json::Map<String, Value> =
        ["webhook-id", "webhook-timestamp", "webhook-signature"]
            .map(|name| (name.to_owned(), json!(request.header(name))))
            .into_iter()
            .collect();
    let given = json!({
        "secret": webhook["secret"],
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
    });
    let script = format!(
        "{code}\nimport json, sys\n\
         given = json.loads(sys.argv[1])\n\
         body = given['body'].encode()\n\
         def says(headers, body, secret=given['secret']):\n\
         \x20   try: verify(secret, headers, body)\n\
         \x20   except ValueError: return False\n\
         \x20   return True\n\
         good = given['headers']\n\
         old = good | {{'webhook-timestamp': str(int(good['webhook-timestamp']) - 3600)}}\n\
         print(says(good, body), says(good, body + b' '), says(old, body), \
         says(good, body, 'whsec_' + 'A' * 43 + '='))\n"
    );
    let output = Command::new("python3").args(["-c", &script, &given.to_string()]).output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "True False False False", "{failed}");
    let path = format!("/v1/admin/webhooks/{}", webhook["id"].as_str().expect("an id"));
    sale.anonymous(Method::DELETE, &path).bearer(ADMIN_KEY).send().await.ok(200);
}

#[tokio::test]
async fn a_scheduled_drop() {
    follow("scheduled-drop.md").await;
}

#[tokio::test]
async fn running_in_production() {
    follow("production.md").await;
}

#[tokio::test]
async fn moving_over() {
    follow("moving-over.md").await;
}

#[test]
fn every_guide_is_followed_and_listed() {
    let folder = guide("");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("guides")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["checkout.md", "events.md", "moving-over.md", "production.md", "scheduled-drop.md"]
    );
    let list = read(&guide("README.md"));
    assert!(names.iter().all(|name| list.contains(&format!("({name})"))), "{list}");
}

#[test]
fn the_production_guide_has_every_alert_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let alerts = read(&root.join("ops/alerts.yml"));
    let known: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let text = read(&guide("production.md"));
    let listed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `Dropgate")?.split('`').next())
        .collect();
    let listed: Vec<String> = listed.iter().map(|name| format!("Dropgate{name}")).collect();
    assert!(known.len() > 10);
    assert_eq!(listed, known);
}

#[test]
fn the_comparison_can_fail() {
    for (promised, printed, expected) in [
        ("held", "held", true),
        ("held", "held ", false),
        ("held", "sold", false),
        ("a … c", "a b c", true),
        ("a … c", "a b d", false),
        ("a …", "a b d", true),
        ("… c", "a b c", true),
        ("… c", "a b c d", false),
    ] {
        assert_eq!(fits(promised, printed), expected, "{promised} {printed}");
    }
    let text = "x\n```bash run\na\nb\n```\n\n```text out\nc\n```\n```sh\nd\n```\n";
    let steps = steps(text);
    assert_eq!(steps.len(), 1);
    assert_eq!((steps[0].script.as_str(), steps[0].printed.as_deref()), ("a\nb\n", Some("c\n")));
}
