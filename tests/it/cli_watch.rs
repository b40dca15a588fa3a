//! `dropgate watch`: on a real terminal, and as JSON lines.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::cli::{ask, engine, run};
use crate::support::{EngineProcess, Sale, Terminal, World};

fn watching(words: &[&str], url: &str) -> Command {
    let mut command = EngineProcess::command("watch");
    command.args(["--every", "0.1"]).args(words).envs(engine(url));
    command
}

/// The counts that stand behind a SKU: available, held, sold, total.
fn counts(screen: &str, sku: &str) -> Option<Vec<String>> {
    let line = screen.lines().find(|line| line.starts_with(&format!("{sku} ")))?;
    Some(line.split_whitespace().skip(1).take(4).map(str::to_owned).collect())
}

#[tokio::test]
async fn a_sale_is_seen_as_it_goes() {
    let sale = Sale::open(&[("shoe", 1200), ("hat", 3)]).await;
    let mut terminal = Terminal::start(watching(&[sale.id()], sale.world().url(0)), 24, 120);
    let has = |sku: &'static str, wanted: [&'static str; 4]| {
        move |screen: &str| counts(screen, sku).is_some_and(|counts| counts == wanted)
    };
    let first = terminal.until("the stock", has("shoe", ["1,200", "0", "0", "1,200"])).await;
    assert!(first.contains(sale.id()) && first.contains("open"), "{first}");
    assert!(terminal.is_raw());
    sale.held("c", &[("shoe", 200)]).await;
    sale.confirmed("d", &[("hat", 2)]).await;
    let seen = terminal.until("a hold", has("shoe", ["1,000", "200", "0", "1,200"])).await;
    let held = seen.lines().find(|line| line.starts_with("shoe ")).expect("a line");
    assert!(held.contains('▓') && held.contains('░') && !held.contains('█'), "{seen}");
    let seen = terminal.until("a sold unit", has("hat", ["1", "0", "2", "3"])).await;
    let sold = seen.lines().find(|line| line.starts_with("hat ")).expect("a line");
    assert!(sold.contains('█') && sold.contains('░') && !sold.contains('▓'), "{seen}");

    // Calls that go through the engine that is watched show as rates, until there are no more.
    let rate = |screen: &str, name: &str| {
        let (_, rest) = screen.split_once(&format!("{name} "))?;
        rest.split_whitespace().next()?.replace(',', "").parse::<f64>().ok()
    };
    let calls = async {
        loop {
            sale.reserve("e", &[("hat", 9)]).send().await.problem(409, "sold_out");
        }
    };
    let refused = terminal.until("refusals", |s| rate(s, "refusals/s").is_some_and(|r| r > 0.0));
    tokio::select! { () = calls => {}, seen = refused => assert!(seen.contains("ledger behind")) }
    let still = |s: &str| rate(s, "refusals/s") == Some(0.0) && rate(s, "holds/s") == Some(0.0);
    terminal.until("a pause", still).await;
    sale.act("close").await.ok(200);
    terminal.until("the end of the sale", |screen| screen.contains("closed")).await;

    terminal.press("q");
    assert_eq!(terminal.restored().await, 0);
}

#[tokio::test]
async fn the_terminal_is_given_back_however_it_ends() {
    let sale = Sale::open(&[("a", 9)]).await;
    let start = || Terminal::start(watching(&[sale.id()], sale.world().url(0)), 24, 80);
    let (mut by_key, mut by_signal) = (start(), start());
    for terminal in [&by_key, &by_signal] {
        terminal.until("the stock", |screen| counts(screen, "a").is_some()).await;
        assert!(terminal.is_raw());
    }
    // Ctrl-C is a key here; SIGTERM comes from outside.
    by_key.press("\u{3}");
    assert_eq!(by_key.restored().await, 0);
    by_signal.signal(Signal::SIGTERM);
    assert_eq!(by_signal.restored().await, 0);
    // What the engine refuses can be read afterwards, on the usual screen.
    let unborn = Sale::unborn().await;
    let url = sale.world().url(0);
    let mut refused = Terminal::start(watching(&[unborn.id()], url), 24, 120);
    assert_eq!(refused.restored().await, 1);
    assert!(refused.contents().contains("unknown_drop"), "{}", refused.contents());
}

#[tokio::test]
async fn it_fits_the_window() {
    let skus: Vec<String> = (0..40).map(|n| format!("sku-{n:02}")).collect();
    let stock: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 7)).collect();
    let sale = Sale::open(&stock).await;
    let mut terminal = Terminal::start(watching(&[sale.id()], sale.world().url(0)), 60, 120);
    let all = terminal.until("everything", |screen| counts(screen, "sku-39").is_some()).await;
    let bar = |screen: &str| {
        let line = screen.lines().find(|line| line.starts_with("sku-00 ")).unwrap_or_default();
        line.chars().filter(|c| *c == '░').count()
    };
    assert_eq!(bar(&all), 120 - "sku-00".len() - 4 * 11 - 2);
    terminal.resize(20, 55);
    let seen = terminal
        .until("the list's beginning", |screen| {
            counts(screen, "sku-00").is_some() && counts(screen, "sku-39").is_none()
        })
        .await;
    assert_eq!(bar(&seen), 0, "there is no room for bars: {seen}");
    assert!(seen.contains("0 above") && seen.contains("q quits"), "{seen}");
    for _ in 0..5 {
        terminal.press("\u{1b}[6~");
    }
    let seen = terminal.until("the list's end", |screen| counts(screen, "sku-39").is_some()).await;
    assert!(counts(&seen, "sku-00").is_none() && seen.contains("0 below"), "{seen}");
    // Not a place where anything can be seen; it must only not fall over.
    terminal.resize(1, 1);
    terminal.resize(50, 100);
    terminal.until("a larger window", |screen| counts(screen, "sku-39").is_some()).await;
    terminal.press("q");
    assert_eq!(terminal.restored().await, 0);
}

#[tokio::test]
async fn an_engine_that_is_gone_is_said_to_be_and_comes_back() {
    let sale = Sale::open(&[("a", 9)]).await;
    let world = World::shared().await;
    let process = EngineProcess::serve(world.redis_url(), world.database_url(), &[]);
    let url = process.url().to_owned();
    let mut terminal = Terminal::start(watching(&[sale.id()], &url), 24, 100);
    let shown = |screen: &str| counts(screen, "a").is_some();
    let gone = |screen: &str| screen.contains("no answer since ") && !shown(screen);
    terminal.until("the stock", shown).await;
    // One that hangs: connections are made, and nothing comes.
    process.signal(Signal::SIGSTOP);
    terminal.until("silence", gone).await;
    process.signal(Signal::SIGCONT);
    let seen = terminal.until("it heals", shown).await;
    assert!(!seen.contains("no answer"), "{seen}");
    // One that is dead, and another at its place.
    let listen = url.trim_start_matches("http://").to_owned();
    drop(process);
    let seen = terminal.until("silence", gone).await;
    let seconds = |screen: &str| {
        let (_, rest) = screen.split_once("no answer since ")?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let first = seconds(&seen).expect("seconds");
    let counted = |screen: &str| seconds(screen).is_some_and(|later| later > first);
    let seen = terminal.until("seconds go by", counted).await;
    assert!(seen.contains("refused"), "{seen}");
    let settings = [("DROPGATE_LISTEN", listen.as_str())];
    let again = EngineProcess::serve(world.redis_url(), world.database_url(), &settings);
    assert_eq!(again.url(), url);
    terminal.until("it heals", shown).await;
    terminal.press("q");
    assert_eq!(terminal.restored().await, 0);
}

/// A watch without a terminal, and the lines that it prints.
struct Lines {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
}

impl Lines {
    fn start(sale: &Sale, url: &str) -> Lines {
        let mut command = watching(&[sale.id()], url);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let out = child.stdout.take().map(BufReader::new);
        Lines { child, out }
    }

    /// The next line.
    async fn next(&mut self) -> Value {
        let mut out = self.out.take().expect("a reader");
        let (line, out) = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.read_line(&mut line).expect("a line");
            (line, out)
        })
        .await
        .expect("a line");
        self.out = Some(out);
        serde_json::from_str(&line).expect("a JSON line")
    }

    /// The next line that is as wanted, and those before it.
    async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.next().await);
            if lines.last().is_some_and(&wanted) {
                return lines;
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn without_a_terminal_there_is_a_line_for_each_change() {
    let sale = Sale::open(&[("a", 9)]).await;
    let world = World::shared().await;
    let process = EngineProcess::serve(world.redis_url(), world.database_url(), &[]);
    let mut lines = Lines::start(&sale, process.url());
    let first = lines.next().await;
    assert_eq!((&first["drop"], &first["answering"]), (&json!(sale.id()), &json!(true)));
    let stock = |available: i64, held: i64| json!([{ "sku": "a", "total": 9, "available": available, "held": held, "sold": 0 }]);
    assert_eq!((&first["state"], &first["skus"]), (&json!("open"), &stock(9, 0)));
    sale.held("c", &[("a", 4)]).await;
    let mut seen = lines.until(|line| line["skus"] == stock(5, 4)).await;
    seen.insert(0, first);
    drop(process);
    seen.extend(lines.until(|line| line["answering"] == false).await);
    // Each line says something that the one before didn't.
    let without_time = |line: &Value| {
        let mut line = line.clone();
        line.as_object_mut().expect("an object").remove("at").expect("a time");
        line
    };
    for pair in seen.windows(2) {
        assert_ne!(without_time(&pair[0]), without_time(&pair[1]));
    }
    let gone = seen.last().expect("a line");
    assert!(gone["last_answer"].is_string() && gone["why"].is_string(), "{gone}");

    // A reader that goes away ends it.
    let other = Sale::open(&[("a", 9)]).await;
    let mut lines = Lines::start(&other, world.url(0));
    lines.next().await;
    drop(lines.out.take());
    other.held("c", &[("a", 1)]).await;
    let status = tokio::task::spawn_blocking(move || lines.child.wait()).await.expect("it ends");
    assert_eq!(status.expect("a status").code(), Some(0));
}

#[tokio::test]
async fn json_on_a_terminal_is_plain_lines() {
    let sale = Sale::open(&[("a", 9)]).await;
    let mut terminal =
        Terminal::start(watching(&[sale.id(), "--json"], sale.world().url(0)), 24, 200);
    let seen = terminal.until("a line", |screen| screen.contains("\"answering\":true")).await;
    assert!(seen.starts_with('{') && !terminal.is_raw(), "{seen}");
    terminal.signal(Signal::SIGINT);
    assert_eq!(terminal.restored().await, 0);
}

#[tokio::test]
async fn there_must_be_something_to_watch() {
    let unborn = Sale::unborn().await;
    let said = ask(&format!("watch {}", unborn.id())).await.failed(1);
    assert!(said.contains("unknown_drop") && said.contains("drop list"), "{said}");
    let wrong =
        [("DROPGATE_URL", unborn.world().url(0)), ("DROPGATE_ADMIN_KEY", "0123456789abcdef-x")];
    let said = run(&format!("watch {}", unborn.id()), &wrong).await.failed(1);
    assert!(said.contains("unauthenticated"), "{said}");
    for words in ["watch", "watch {}", "watch d --every 0", "watch d --every x"] {
        ask(words).await.failed(2);
    }
}
