//! A real browser, driven as a person would use it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use dropgate::local::spawn;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{PATIENCE, eventually};

/// What keeps Chromium to itself: it asks nobody for anything, and needs no display.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// A window of a browser of its own. What it writes to its console is looked at in the end.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    profile: TempDir,
}

/// Finds what keeps people from using a page. Version and licence stand in `tests/vendor/README.md`.
const AXE: &str = include_str!("../../vendor/axe.min.js");
/// Asks for what is wrong by WCAG 2.2 AA or by what is generally held to be good practice.
const AXE_RUN: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then(
        ({ violations }) => done(violations.map(({ id, help, nodes }) =>
            ({ id, help, nodes: nodes.map(({ html, failureSummary }) => html + failureSummary) }))),
        (error) => done([String(error)]));";

/// A chromedriver and its port. It wants one port for both kinds of addresses and gives up when the
/// one that it chose is taken by somebody: then another try finds another.
fn start_driver() -> (Child, u16) {
    for _ in 0..10 {
        let mut command = Command::new("chromedriver");
        command.args(["--port=0", "--log-level=SEVERE"]).stdout(Stdio::piped());
        let mut driver = spawn(command, Signal::SIGKILL).expect("chromedriver, as `make test` has");
        let out = BufReader::new(driver.stdout.take().expect("a pipe"));
        let port = out.lines().map(|line| line.expect("text")).find_map(|line| {
            let (_, rest) = line.split_once("started successfully on port ")?;
            rest.trim_end_matches('.').parse::<u16>().ok()
        });
        match port {
            Some(port) => return (driver, port),
            None => drop(driver.wait()),
        }
    }
    panic!("chromedriver finds no port");
}

impl Browser {
    /// Whether there is one, as `make test` installs; the reason for what is skipped is told.
    pub(crate) fn is_there() -> bool {
        let there = Command::new("chromedriver").arg("--version").output().is_ok();
        if !there {
            eprintln!("skipped: chromedriver is not installed");
        }
        there
    }

    /// Opens a window of this size.
    pub(crate) async fn open(width: u32, height: u32) -> Browser {
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().expect("a folder");
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        flags.push(format!("--window-size={width},{height}"));
        let downloads = json!({ "download.default_directory": profile.path() });
        let capabilities = json!({
            "goog:chromeOptions": { "args": flags, "prefs": downloads },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().expect("an object").clone());
        let url = format!("http://127.0.0.1:{port}");
        let client = builder.connect(&url).await.expect("a window");
        Browser { client, driver, profile }
    }

    /// Goes to a page.
    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.expect("a page");
    }

    /// Runs a script on the page and returns what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// The text that a person sees of what a selector finds; empty when it finds nothing.
    pub(crate) async fn text(&self, css: &str) -> String {
        match self.client.find(Locator::Css(css)).await {
            // It may be replaced while it is looked at.
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until what a person sees of `css` has `part` in it.
    pub(crate) async fn sees(&self, css: &str, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text(css).await;
            if text.contains(part) {
                return;
            }
            if Instant::now() >= deadline {
                let whole = self.text("body").await;
                panic!("{css} shows {text:?} and not {part:?}, on a page with:\n{whole}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Clicks on what is there, or will be.
    pub(crate) async fn click(&self, css: &str) {
        self.has(css, true).await;
        let element = self.client.find(Locator::Css(css)).await.expect(css);
        element.click().await.expect(css);
    }

    /// Fills in a field, whatever stood there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.client.find(Locator::Css(css)).await.expect(css);
        element.clear().await.expect(css);
        if !text.is_empty() {
            element.send_keys(text).await.expect(css);
        }
    }

    /// Waits until there is something that `css` finds, or nothing any more.
    pub(crate) async fn has(&self, css: &str, there: bool) {
        let script = format!("return Boolean(document.querySelector({css:?}))");
        let what = format!("{css} is there: {there}");
        eventually(&what, || async { (self.run(&script).await == there).then_some(()) }).await;
    }

    /// What the browser has downloaded as a file of this name, once it is whole.
    pub(crate) async fn downloaded(&self, name: &str) -> String {
        let path = self.profile.path().join(name);
        // The browser first keeps the name with an empty file, and moves the whole one there.
        let read = || std::fs::read_to_string(&path).ok().filter(|text| !text.is_empty());
        eventually("the download", || async { read() }).await
    }

    /// Asserts that nothing of the page keeps anybody from using it, as far as axe-core finds.
    pub(crate) async fn is_accessible(&self, what: &str) {
        self.run(&format!("{AXE}; window.axe = axe;")).await;
        let found = self.client.execute_async(AXE_RUN, Vec::new()).await.expect("axe runs");
        assert_eq!(found, json!([]), "{what}: {found:#}");
    }

    /// Makes the window another size.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.expect("another size");
    }

    /// Asserts that nothing sticks out to the side.
    pub(crate) async fn fits(&self, what: &str) {
        let wide = "return document.documentElement.scrollWidth - innerWidth";
        let wide = self.run(wide).await.as_i64().expect("pixels");
        assert!(wide <= 0, "{what}: {wide} pixels too wide");
    }

    /// Keeps a picture of the window where `DROPGATE_PICTURES` names a folder, for whoever wants to see
    /// what the tests see.
    pub(crate) async fn keep_picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("DROPGATE_PICTURES") {
            let path = std::path::Path::new(&folder).join(format!("{name}.png"));
            std::fs::write(path, self.picture().await).expect("written");
        }
    }
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        let element = self.client.find(Locator::Css(css)).await.expect(css);
        element.select_by_value(value).await.expect(css);
    }

    /// Types keys, wherever the focus is.
    pub(crate) async fn type_keys(&self, keys: &str) {
        let element = self.client.active_element().await.expect("a focus");
        element.send_keys(keys).await.expect("typed");
    }

    /// A picture of the window, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a picture")
    }

    /// Ends it; its console must be empty but for what `fine` finds fine.
    pub(crate) async fn close(mut self, fine: impl Fn(&str) -> bool) {
        let log = self.client.issue_cmd(ConsoleLog).await.expect("the console");
        let lines = log.as_array().into_iter().flatten();
        let bad: Vec<&Value> = lines
            .filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING")
            .filter(|line| !fine(line["message"].as_str().unwrap_or_default()))
            .collect();
        assert!(bad.is_empty(), "{bad:#?}");
        self.client.clone().close().await.expect("the window closes");
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The window goes first: it would outlive its driver.
        for window in children(self.driver.id()) {
            let _ = kill(Pid::from_raw(window), Signal::SIGKILL);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The processes that a process has started.
fn children(of: u32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Asks Chromium's driver for what pages wrote to the console.
#[derive(Debug)]
struct ConsoleLog;

impl fantoccini::wd::WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// `dropgate dev` with a folder and servers of its own.
pub(crate) struct Dev {
    child: Child,
    folder: TempDir,
    pub(crate) url: String,
    // It says more later, and must not find the pipe closed.
    _out: BufReader<ChildStdout>,
}

impl Dev {
    /// Starts it and waits until it is ready.
    pub(crate) fn start() -> Dev {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = super::EngineProcess::command("dev");
        command
            .env("DROPGATE_LISTEN", "127.0.0.1:0")
            .env("DROPGATE_DATA_DIR", folder.path().join("data"))
            .env("DROPGATE_LOG", "warn")
            .stdout(Stdio::piped());
        let mut child = spawn(command, Signal::SIGKILL).expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let url = loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).expect("text") > 0, "it ended early");
            if let Some((_, rest)) = line.split_once("ready on ") {
                break rest.split(',').next().expect("an address").to_owned();
            }
        };
        Dev { child, folder, url, _out: out }
    }

    /// The admin key that it made.
    pub(crate) fn admin_key(&self) -> String {
        let kept = std::fs::read_to_string(self.folder.path().join("data/keys.env"));
        let kept = kept.expect("the keys");
        let line = kept.lines().find_map(|line| line.strip_prefix("DROPGATE_ADMIN_KEY="));
        line.expect("a key").to_owned()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Its servers end with it.
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
