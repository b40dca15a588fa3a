//! The whole way from servers to page with tiny sizes, so that it can't rot. Nothing here looks
//! at speed.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// Runs the program and expects it to succeed.
fn bench(arguments: &[&str], page: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_dropgate-bench"))
        .args(arguments)
        .args(["--rounds", "2", "--seconds", "0.2", "--scale", "0.001", "--seed", "7"])
        .arg("--write")
        .arg(page)
        .status();
    assert!(status.expect("it runs").success(), "{arguments:?}");
}

fn figures<'a>(results: &'a Value, part: &str) -> Vec<&'a Value> {
    let figures = results[part]["outcome"]["figures"].as_array();
    figures.unwrap_or_else(|| panic!("no figures of {part}")).iter().collect()
}

#[test]
fn parts_run_and_make_a_page() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = dir.path().join("BENCHMARKS.md");
    bench(&["start", "holds", "limits"], &page);
    bench(&["backlog"], &page);
    let json = fs::read_to_string(dir.path().join("bench/results.json")).expect("results");
    let results: Value = serde_json::from_str(&json).expect("JSON");

    // How many figures there are, and how many of them have a goal.
    for (part, count, goals) in
        [("holds", 3, 1), ("start", 1, 1), ("backlog", 2, 2), ("limits", 4, 4)]
    {
        let figures = figures(&results, part);
        assert_eq!(figures.len(), count, "{part}");
        let judged = figures.iter().filter(|figure| figure["met"].is_boolean());
        assert_eq!(judged.count(), goals, "{part}");
        for figure in figures {
            let [min, median, max] =
                ["min", "median", "max"].map(|name| figure[name].as_f64().expect(name));
            assert!(min <= median && median <= max, "{figure}");
            assert_eq!(figure["met"].is_boolean(), !figure["goal"].is_null(), "{figure}");
        }
        let record = &results[part];
        assert_eq!((&record["rounds"], &record["seed"]), (&2.into(), &7.into()));
        assert!(record["machine"]["cores"].as_u64() > Some(0), "{record}");
    }
    let sides = figures(&results, "holds")[0]["sides"].as_array().map(Vec::len);
    assert_eq!(sides, Some(2), "a ratio names both sides");

    let text = fs::read_to_string(&page).expect("the page");
    for expected in [
        "## Goals",
        "| [`holds`](#holds) | durable holds over no work | ≥ 0.5 |",
        "## start",
        "![Backlog of the write-behind under full load](bench/backlog.svg)",
        "only 0.001 of it",
    ] {
        assert!(text.contains(expected), "no {expected} in\n{text}");
    }
    let svg = fs::read_to_string(dir.path().join("bench/backlog.svg")).expect("the plot");
    assert!(svg.contains("<polyline") && svg.contains("backlog, s of work"));
}

#[test]
fn the_parts_can_be_listed() {
    let output = Command::new(env!("CARGO_BIN_EXE_dropgate-bench")).arg("--list").output();
    let listed = String::from_utf8(output.expect("it runs").stdout).expect("text");
    for part in ["holds-redis", "rivals", "start"] {
        assert!(listed.lines().any(|line| line.starts_with(part)), "{listed}");
    }
}
