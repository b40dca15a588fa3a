//! Where settings come from: a flag, the environment, a file that the environment names, or the
//! default, in this order.
//!
//! What must not be seen (a key, an address with a password) may stand in a file:
//! `DROPGATE_X_FILE`, or `OTEL_X_FILE`, names it. Such a setting is known by hiding its value from `--help`.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use super::Cli;
use super::error::SettingError;
use super::show::Setting;

/// What else has such a name, all of it for tests: places at which they stop, another version to stand
/// for, where their servers have their files.
const NO_SETTINGS: &[&str] = &["DROPGATE_FAILPOINTS", "DROPGATE_LOCAL_FOLDER", "DROPGATE_PROTOCOL"];

/// A setting of the command line or the environment that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unreadable {
    error: SettingError,
    /// The status with which the command ends.
    pub status: u8,
}

impl Cli {
    /// Reads the command line with everything that stands in the environment and in files. What is
    /// wrong with the command line itself, and `--help`, ends the process here.
    ///
    /// # Errors
    /// [`Unreadable`] for a file that can't be read, or that is given besides the value itself.
    pub fn read() -> Result<Cli, Unreadable> {
        let command = Cli::command();
        let first = command.clone().get_matches();
        // What serves or repairs ends with 1 whatever stopped it; the others tell a wrong setting
        // from a no.
        let status = match first.subcommand_name() {
            Some("config" | "drop" | "restock" | "ledger" | "watch" | "webhooks") => 2,
            _ => 1,
        };
        let from_files = with_files(command, &first);
        let command = from_files.map_err(|error| Unreadable { error, status })?;
        let matches = command.get_matches();
        let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        cli.command.note_sources(|| settings(&Cli::command(), &matches));
        Ok(cli)
    }
}

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Flag,
    Environment,
    /// With its path.
    File(String),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag => f.write_str("flag"),
            Source::Environment => f.write_str("environment"),
            Source::File(path) => write!(f, "file {path}"),
            Source::Default => f.write_str("default"),
        }
    }
}

/// The variable of a setting; `None` for what is none.
fn variable(argument: &Arg) -> Option<&str> {
    let ours = |name: &&str| {
        ["DROPGATE_", "OTEL_", "TOKIO_"].iter().any(|prefix| name.starts_with(prefix))
    };
    argument.get_env()?.to_str().filter(ours)
}

/// Variables whose names begin like those of settings, and that no command knows: most likely
/// somebody meant another one, which is then not in force.
#[must_use]
pub fn unknown_variables() -> Vec<String> {
    let mut known = known_variables(&Cli::command());
    known.extend(NO_SETTINGS.iter().map(|name| (*name).to_owned()));
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let unknown = |name: &String| name.starts_with("DROPGATE_") && !known.contains(name);
    let mut found: Vec<String> = names.filter(unknown).collect();
    found.sort_unstable();
    found
}

fn known_variables(command: &Command) -> HashSet<String> {
    let mut known = HashSet::new();
    for argument in command.get_arguments() {
        let Some(name) = variable(argument) else { continue };
        if argument.is_hide_env_values_set() {
            known.insert(format!("{name}_FILE"));
        }
        known.insert(name.to_owned());
    }
    known.extend(command.get_subcommands().flat_map(known_variables));
    known
}

/// What the environment says; an empty text is none, as everywhere.
fn given(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The command with the contents of files as defaults of what is not given in another way, down to
/// the subcommand that was chosen.
fn with_files(mut command: Command, chosen: &ArgMatches) -> Result<Command, SettingError> {
    let mut found = Vec::new();
    for argument in command.get_arguments().filter(|argument| argument.is_hide_env_values_set()) {
        let Some(name) = variable(argument) else { continue };
        let id = argument.get_id();
        if chosen.value_source(id.as_str()) == Some(ValueSource::CommandLine) {
            continue;
        }
        if let Some(value) = from_file(name)? {
            found.push((id.clone(), value));
        }
    }
    for (id, value) in found {
        // A variable that is there and empty would come before the default.
        let instead = |argument: Arg| argument.env(Resettable::Reset).default_value(value);
        command = command.mut_arg(id, instead);
    }
    let Some((name, chosen)) = chosen.subcommand() else { return Ok(command) };
    let mut wrong = None;
    let command = command.mut_subcommand(name, |below| {
        with_files(below.clone(), chosen).unwrap_or_else(|error| {
            wrong = Some(error);
            below
        })
    });
    wrong.map_or(Ok(command), Err)
}

/// What the file has that the variable with `_FILE` behind it names; `None` when it names none.
fn from_file(name: &str) -> Result<Option<String>, SettingError> {
    let file = format!("{name}_FILE");
    let Some(path) = given(&file) else { return Ok(None) };
    if given(name).is_some() {
        let remedy = format!("leave one of the two out, {name} or {file}");
        let problem = format!("and {file} are both set");
        return Err(SettingError::wrong(name.to_owned(), problem, remedy));
    }
    read(file, &path).map(Some)
}

/// A setting that no flag gives, because everybody on the machine can read command lines: the
/// variable's text, or that of the file it names.
pub(super) fn secret(name: &'static str) -> Result<Option<String>, SettingError> {
    match from_file(name)? {
        Some(value) => Ok(Some(value)),
        None => super::error::text(name, given(name)),
    }
}

/// A file's text without the line's end that an editor leaves there.
fn read(name: String, path: &OsString) -> Result<String, SettingError> {
    let text = fs::read_to_string(path).map_err(|error| {
        let problem = format!("names {}, which can't be read: {error}", path.display());
        let remedy = "give the path of a text file that this process' user may read";
        SettingError::wrong(name.clone(), problem, remedy)
    })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        let problem = format!("names {}, which is empty", path.display());
        return Err(SettingError::wrong(name, problem, "write the value into it"));
    }
    Ok(text.to_owned())
}

/// Every setting of the chosen subcommand, as it is in force.
fn settings(command: &Command, matches: &ArgMatches) -> Vec<Setting> {
    let Some((name, chosen)) = matches.subcommand() else { return Vec::new() };
    let Some(command) = command.find_subcommand(name) else { return Vec::new() };
    let setting = |argument: &Arg| {
        let name = variable(argument)?;
        let id = argument.get_id().as_str();
        let text = || {
            let value = chosen.get_raw(id)?.next()?.to_string_lossy().trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let source = match chosen.value_source(id).filter(|_| text().is_some()) {
            Some(ValueSource::CommandLine) => Source::Flag,
            Some(ValueSource::EnvVariable) => Source::Environment,
            // Nothing has a default but what a file gave it.
            Some(_) => Source::File(env::var(format!("{name}_FILE")).unwrap_or_default()),
            None => Source::Default,
        };
        Some(Setting::new(name, source, text(), argument))
    };
    command.get_arguments().filter_map(setting).collect()
}
