//! Holds the map of `docs/ARCHITECTURE.md` and the code together: who may import whom, and who
//! may know which library.

use std::{collections::BTreeMap, fs, path::Path};

/// Each module with the modules of this crate that it may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain", "failpoint"]),
    ("command", &["domain"]),
    ("home", &[]),
    ("crew", &[]),
    ("queue", &[]),
    ("store", &["domain", "failpoint", "home", "measure"]),
    ("ledger", &["caller", "domain", "failpoint", "home", "measure", "tls"]),
    ("progress", &["domain", "failpoint", "measure", "trace"]),
    ("failpoint", &[]),
    ("guard", &["domain", "measure"]),
    ("measure", &["domain"]),
    (
        "lane",
        &[
            "caller",
            "clock",
            "command",
            "crew",
            "domain",
            "failpoint",
            "guard",
            "measure",
            "progress",
            "queue",
            "store",
            "trace",
        ],
    ),
    (
        "engine",
        &[
            "caller",
            "clock",
            "command",
            "crew",
            "domain",
            "failpoint",
            "guard",
            "lane",
            "ledger",
            "measure",
            "progress",
            "store",
            "trace",
        ],
    ),
    (
        "task",
        &[
            "clock",
            "command",
            "domain",
            "engine",
            "failpoint",
            "guard",
            "lane",
            "ledger",
            "measure",
            "progress",
            "store",
            "trace",
        ],
    ),
    ("sink", &["clock", "config", "domain", "engine", "failpoint", "ledger", "measure", "tls"]),
    ("config", &["domain", "engine"]),
    ("caller", &["trace"]),
    ("trace", &["clock", "domain", "measure", "tls"]),
    ("tls", &[]),
    ("telemetry", &["caller", "config", "measure"]),
    (
        "api",
        &[
            "caller",
            "command",
            "config",
            "domain",
            "engine",
            "measure",
            "sink",
            "telemetry",
            "trace",
        ],
    ),
    ("client", &["config", "domain", "tls"]),
    ("local", &[]),
    (
        "app",
        &[
            "api",
            "client",
            "clock",
            "config",
            "domain",
            "engine",
            "ledger",
            "local",
            "sink",
            "store",
            "task",
            "telemetry",
            "trace",
        ],
    ),
];

/// Libraries that only these modules may name.
const ONLY: &[(&str, &[&str])] = &[
    // `local` has a file of its own called redis.
    ("redis", &["store", "local"]),
    ("tokio_postgres", &["ledger", "local"]),
    ("deadpool_postgres", &["ledger"]),
    ("tokio_postgres_rustls", &["ledger"]),
    ("axum", &["api"]),
    ("hyper", &["api", "client", "sink", "tls", "trace"]),
    ("opentelemetry", &["trace"]),
    ("opentelemetry_sdk", &["trace"]),
    ("opentelemetry_otlp", &["trace"]),
    ("rustls", &["store", "tls"]),
    ("tower_http", &["api"]),
    ("tokio_io_timeout", &["api"]),
    ("clap", &["config"]),
    ("comfy_table", &["app"]),
    ("csv", &["api"]),
    ("indicatif", &["app", "telemetry"]),
    ("ratatui", &["app"]),
    ("governor", &["api"]),
    ("ipnet", &["api", "config"]),
    ("tokio_cron_scheduler", &["task"]),
    ("lapin", &["sink"]),
    ("rskafka", &["sink"]),
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>, root: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found, root);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let below = path.strip_prefix(root).expect("below src");
            let first = below.components().next().expect("a name").as_os_str();
            let module = first.to_string_lossy().trim_end_matches(".rs").to_owned();
            found.push((module, fs::read_to_string(&path).expect("text")));
        }
    }
}

fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found, &root);
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    for (module, text) in found {
        modules.entry(module).or_default().push_str(&without_comments(&text));
    }
    modules.retain(|module, _| module != "lib" && module != "main");
    modules
}

fn without_comments(text: &str) -> String {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(code).map(|line| format!("{line}\n")).collect()
}

/// The names that stand behind `crate::`, also those in a `use crate::{…}` list.
fn crate_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for behind in text.split("crate::").skip(1) {
        let word = |text: &str| {
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
            text[..end].to_owned()
        };
        let Some(list) = behind.strip_prefix('{') else {
            names.push(word(behind));
            continue;
        };
        let mut depth = 1;
        let mut item = String::new();
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => names.push(word(std::mem::take(&mut item).trim())),
                _ if depth == 1 => item.push(c),
                _ => {}
            }
            if depth == 0 {
                names.push(word(item.trim()));
                break;
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn imports_go_one_way() {
    let modules = modules();
    let known: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    for (module, text) in &modules {
        let rule = MAY_USE.iter().find(|(name, _)| name == module);
        let (_, allowed) = rule.unwrap_or_else(|| panic!("src/{module} has no rule here"));
        for name in crate_names(text) {
            let fine = name == *module || allowed.contains(&name.as_str());
            assert!(fine || !known.contains(&name.as_str()), "{module} may not use {name}");
        }
    }
}

#[test]
fn each_library_has_one_user() {
    for (module, text) in modules() {
        for (library, users) in ONLY {
            let names = [format!("{library}::"), format!("use {library}")];
            // `sub_redis::` is another name; a path begins behind something that is no word.
            let used = names.iter().any(|name| {
                text.match_indices(name.as_str()).any(|(at, _)| {
                    !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                })
            });
            assert!(!used || users.contains(&module.as_str()), "{module} may not use {library}");
        }
    }
}

#[test]
fn the_check_can_fail() {
    let text = "use crate::{api, domain::{DropId, SkuId}, store};\nlet x = crate::task::run();";
    assert_eq!(crate_names(text), ["api", "domain", "store", "task"]);
}
