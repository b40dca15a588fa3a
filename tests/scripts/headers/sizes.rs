//! Files and sizes: every file is embedded and used, every include is one function of its
//! file's name, and nothing outgrows a reader's eye.

use std::{collections::BTreeSet, fs, path::PathBuf};

use dropgate::store::script_names;

const LONGEST_FUNCTION: usize = 70;
const WIDEST_LINE: usize = 100;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The Lua files of a folder, by name without the ending.
fn on_disk(name: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(folder(name))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "lua"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a text"))
        })
        .collect();
    found.sort();
    found
}

/// What a line includes, at once or when it is needed.
fn included(line: &str) -> Option<&str> {
    line.strip_prefix("-- include ").map(|rest| rest.strip_suffix(" when needed").unwrap_or(rest))
}

fn names(files: &[(String, String)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_file_is_embedded() {
    let (scripts, library) = script_names();
    assert_eq!(names(&on_disk("lua")), scripts);
    assert_eq!(names(&on_disk("lua/lib")), library);
}

#[test]
fn every_include_is_used_and_there() {
    let files: Vec<_> = on_disk("lua").into_iter().chain(on_disk("lua/lib")).collect();
    let included: BTreeSet<&str> =
        files.iter().flat_map(|(_, text)| text.lines().filter_map(included)).collect();
    let library = on_disk("lua/lib");
    assert_eq!(names(&library).into_iter().collect::<BTreeSet<_>>(), included);
}

#[test]
fn what_a_file_calls_it_includes() {
    let library = on_disk("lua/lib");
    for (name, text) in on_disk("lua").iter().chain(&library) {
        for called in names(&library).into_iter().filter(|called| called != name) {
            let code = text.lines().filter(|line| !line.trim().starts_with("--"));
            let calls = code.clone().any(|line| calls(line, called));
            let own = text.contains(&format!("local function {called}("));
            if calls && !own {
                let reached = reached(&library, text);
                assert!(reached.contains(called), "{name} calls {called} without including it");
            }
        }
    }
}

fn calls(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}(")).any(|(at, _)| {
        let before = line[..at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && !matches!(before, '_' | '.')
    })
}

/// What a file includes, directly or not.
fn reached<'a>(library: &'a [(String, String)], text: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![text];
    while let Some(text) = open.pop() {
        for name in text.lines().filter_map(included) {
            if found.insert(name) {
                let file = library.iter().find(|(known, _)| known == name);
                open.push(&file.expect("an included file").1);
            }
        }
    }
    found
}

#[test]
fn an_include_is_one_function_of_its_name() {
    for (name, text) in on_disk("lua/lib") {
        let functions: Vec<&str> =
            text.lines().filter(|line| line.starts_with("local function ")).collect();
        assert_eq!(functions.len(), 1, "{name}: {functions:?}");
        assert!(functions[0].starts_with(&format!("local function {name}(")), "{name}");
        let loose = text.lines().filter(|line| {
            let constant = line.strip_prefix("local ").is_some_and(|rest| {
                rest.starts_with(|c: char| c.is_ascii_uppercase()) || rest.starts_with("function ")
            });
            let inside = line.is_empty() || line.starts_with(' ') || *line == "end";
            !(constant || inside || line.starts_with("-- "))
        });
        assert_eq!(loose.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}: outside its function");
    }
}

#[test]
fn nothing_outgrows_the_eye() {
    for (name, text) in on_disk("lua").into_iter().chain(on_disk("lua/lib")) {
        for line in text.lines() {
            assert!(line.chars().count() <= WIDEST_LINE, "{name}: {line}");
        }
        let mut length = 0;
        for line in text.lines() {
            length = if line.starts_with("local function ") { 1 } else { length + 1 };
            let body = line == "end" && length > LONGEST_FUNCTION;
            assert!(!body, "{name}: a function of {length} lines");
        }
    }
    for (name, text) in on_disk("lua/lib") {
        assert!(text.lines().count() <= LONGEST_FUNCTION, "{name} is too long for an include");
    }
}
