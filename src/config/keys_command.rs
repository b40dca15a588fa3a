//! `dropgate keys` and what each of its commands takes.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};

use super::error::SettingError;
use super::value::{name, time};
use super::{LedgerArgs, LedgerSettings, LogArgs, LogSettings};
use crate::domain::{ApiKeyId, DropId, MAX_OVERLAP_SECONDS, Millis, NewApiKey, Scope};

const EXITS: &str = "\
Exit status: 0 when it is done; 1 when it is not, with one line that says why; 2 for a flag that is \
not known.";

/// What `keys` takes.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key; its secret is printed this once
    #[command(after_help = EXITS)]
    Create(Box<Create>),
    /// List all keys, without secrets
    #[command(after_help = EXITS)]
    List(Box<List>),
    /// Give a key a new secret, printed this once
    #[command(after_help = EXITS)]
    Rotate(Box<Rotate>),
    /// End a key, on every process within a second
    #[command(after_help = EXITS)]
    Revoke(Box<Revoke>),
}

/// What all of them take.
#[derive(Debug, Args)]
struct Common {
    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `keys create` takes.
#[derive(Debug, Args)]
struct Create {
    /// What people call the key, at most 200 characters
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// What it opens: storefront, admin or read; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// A drop that it is limited to; may be given several times, every drop if left out
    #[arg(long = "drop", value_name = "ID")]
    drops: Vec<DropId>,
    /// From when on it opens nothing any more, like 2030-01-01T00:00:00Z; never if left out
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_at: Option<Millis>,
    #[command(flatten)]
    common: Common,
}

/// What `keys list` takes.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    common: Common,
}

/// What `keys rotate` takes.
#[derive(Debug, Args)]
struct Rotate {
    /// The key's id
    #[arg(value_name = "ID")]
    id: ApiKeyId,
    /// For how many seconds the secret before works too
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
        value_parser = clap::value_parser!(i64).range(0..=MAX_OVERLAP_SECONDS))]
    overlap_seconds: i64,
    #[command(flatten)]
    common: Common,
}

/// What `keys revoke` takes.
#[derive(Debug, Args)]
struct Revoke {
    /// The key's id
    #[arg(value_name = "ID")]
    id: ApiKeyId,
    #[command(flatten)]
    common: Common,
}

/// What is to be done with keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysAction {
    /// Make one.
    Create(NewApiKey),
    /// List all.
    List,
    /// Give one a new secret.
    Rotate {
        /// Which.
        id: ApiKeyId,
        /// For so long the secret before works too.
        overlap_seconds: i64,
    },
    /// End one.
    Revoke(ApiKeyId),
}

/// The settings of `keys`.
#[derive(Clone, Debug)]
pub struct KeysSettings {
    /// What to do.
    pub action: KeysAction,
    /// Whether it is told as JSON.
    pub json: bool,
    /// Where Postgres is.
    pub ledger: LedgerSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

impl Keys {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<KeysSettings, SettingError> {
        let (action, common) = match self.command {
            KeysCommand::Create(create) => {
                let Create { name, scopes, drops, expires_at, common } = *create;
                let drops: BTreeSet<DropId> = drops.into_iter().collect();
                let drops = (!drops.is_empty()).then_some(drops);
                let scopes = scopes.into_iter().collect();
                (KeysAction::Create(NewApiKey { name, scopes, drops, expires_at }), common)
            }
            KeysCommand::List(list) => (KeysAction::List, list.common),
            KeysCommand::Rotate(rotate) => {
                let Rotate { id, overlap_seconds, common } = *rotate;
                (KeysAction::Rotate { id, overlap_seconds }, common)
            }
            KeysCommand::Revoke(revoke) => (KeysAction::Revoke(revoke.id), revoke.common),
        };
        let Common { json, ledger, log } = common;
        Ok(KeysSettings { action, json, ledger: ledger.resolve()?, log: log.resolve()? })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command};
    use super::*;

    fn action(arguments: &str) -> Result<KeysAction, String> {
        let words = ["dropgate", "keys"].into_iter().chain(arguments.split_whitespace());
        let url = ["--database-url", "postgres://h/d"];
        let cli = Cli::try_parse_from(words.chain(url)).map_err(|error| error.to_string())?;
        let Command::Keys(keys) = cli.command else { return Err("another command".to_owned()) };
        keys.resolve().map(|settings| settings.action).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_made_as_it_was_asked_for() {
        let made = action(
            "create --name shop --scope read --scope storefront --scope read --drop b --drop a \
             --expires-at 1970-01-01T01:00:00.005+01:00",
        );
        let drops = ["a", "b"].map(|id| id.parse().expect("an id"));
        let expected = NewApiKey {
            name: "shop".to_owned(),
            scopes: BTreeSet::from([Scope::Storefront, Scope::Read]),
            drops: Some(BTreeSet::from(drops)),
            expires_at: Some(Millis(5)),
        };
        assert_eq!(made, Ok(KeysAction::Create(expected)));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let id = ApiKeyId::generate();
        for bad in [
            "",
            "create --name n",
            "create --scope read",
            "create --name n --scope root",
            "create --name n --scope read --drop {}",
            "create --name n --scope read --expires-at tomorrow",
            "rotate",
            "rotate nonsense",
            &format!("rotate {id} --overlap-seconds -1"),
            &format!("rotate {id} --overlap-seconds 2592001"),
            "revoke 1",
        ] {
            assert!(action(bad).is_err(), "{bad}");
        }
        let rotate = KeysAction::Rotate { id, overlap_seconds: 9 };
        assert_eq!(action(&format!("rotate {id} --overlap-seconds 9")), Ok(rotate));
        assert_eq!(action("list --json"), Ok(KeysAction::List));
    }
}
