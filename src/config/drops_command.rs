//! `dropgate drop` and `dropgate restock`, and what each of them takes.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, value_parser};

use super::error::SettingError;
use super::value::{
    Clearable, MAX_SECONDS, NewSku, Warnings, change, idempotency_key, name, optional_limit,
    optional_time, reason, warnings,
};
use super::{ClientArgs, ClientSettings};
use crate::domain::{DropId, DropPatch, DropState, Millis, Reference, SkuId};

/// The exit status of every command that speaks to an engine.
pub(super) const CLIENT_EXITS: &str = "\
Exit status: 0 when it is done; 1 when the engine refuses it; 2 for wrong use: a flag or setting \
that is missing, wrong or not known; 3 when the engine can't be reached or the outcome is unknown. \
What went wrong, and what to do next, is told on standard error.";

/// What `drop` takes.
#[derive(Debug, Args)]
pub struct Drops {
    #[command(subcommand)]
    command: DropsCommand,
}

/// What is done with drops.
#[derive(Debug, Subcommand)]
enum DropsCommand {
    /// Create a drop with its SKUs
    ///
    /// Without --opens-at and --state it is open at once. A drop that exists is left as it is,
    /// unless --update is given.
    #[command(after_help = CLIENT_EXITS)]
    Create(Box<Create>),
    /// List all drops with their units
    #[command(after_help = CLIENT_EXITS)]
    List(Box<List>),
    /// Show one drop, its settings and the counts of its SKUs
    #[command(after_help = CLIENT_EXITS)]
    Show(Box<One>),
    /// Open a drop now, also before its time
    #[command(after_help = CLIENT_EXITS)]
    Open(Box<One>),
    /// Take no new holds until it is opened again; confirms go on
    #[command(after_help = CLIENT_EXITS)]
    Pause(Box<One>),
    /// End the sale; confirms of what is held go on
    #[command(after_help = CLIENT_EXITS)]
    Close(Box<One>),
}

/// What all of them take.
#[derive(Debug, Args)]
struct Common {
    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// What `drop create` takes.
#[derive(Debug, Args)]
struct Create {
    /// The drop's id: letters, digits, `_` and `-`, at most 64
    #[arg(value_name = "DROP")]
    id: DropId,
    /// A SKU with the units it begins with, and the most units of it for one customer if there is
    /// such a limit; may be given several times
    #[arg(long = "sku", value_name = "ID=UNITS[/LIMIT]")]
    skus: Vec<NewSku>,
    /// What people call the drop
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Most units of the whole drop for one customer, or none
    #[arg(long, value_name = "UNITS", value_parser = optional_limit)]
    limit: Option<Clearable<i64>>,
    /// How long a hold lasts; 900 for a new drop
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(i64).range(1..=MAX_SECONDS))]
    hold_seconds: Option<i64>,
    /// How long a hold may last with all its extensions; 3600 for a new drop
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(i64).range(1..=MAX_SECONDS))]
    max_hold_seconds: Option<i64>,
    /// How many seconds before a hold's deadline whoever watches it is warned: up to 5 numbers with
    /// commas between, or none; 60,10 for a new drop
    #[arg(long, value_name = "SECONDS", value_parser = warnings)]
    expiring_soon: Option<Warnings>,
    /// When it opens by itself, like 2030-01-01T00:00:00Z, or none
    #[arg(long, value_name = "TIME", value_parser = optional_time)]
    opens_at: Option<Clearable<Millis>>,
    /// When it closes by itself, or none
    #[arg(long, value_name = "TIME", value_parser = optional_time)]
    closes_at: Option<Clearable<Millis>>,
    /// scheduled, open, paused or closed
    #[arg(long, value_name = "STATE")]
    state: Option<DropState>,
    /// Change a drop that exists: what is given is set, SKUs that it lacks are created, the stock
    /// of those it has stays (see `dropgate restock`)
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    common: Common,
}

/// What `drop list` takes.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    common: Common,
}

/// What those take that are about one drop.
#[derive(Debug, Args)]
struct One {
    /// The drop's id
    #[arg(value_name = "DROP")]
    id: DropId,
    #[command(flatten)]
    common: Common,
}

/// A drop that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDrop {
    /// Its id.
    pub id: DropId,
    /// What is set.
    pub patch: DropPatch,
    /// What it sells.
    pub skus: Vec<NewSku>,
    /// Whether it may be there already.
    pub update: bool,
}

/// What is to be done with drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropsAction {
    /// Make one.
    Create(Box<NewDrop>),
    /// List all.
    List,
    /// Show one.
    Show(DropId),
    /// Open one.
    Open(DropId),
    /// Pause one.
    Pause(DropId),
    /// Close one.
    Close(DropId),
}

/// The settings of `drop`.
#[derive(Clone, Debug)]
pub struct DropsSettings {
    /// What to do.
    pub action: DropsAction,
    /// Whether it is told as JSON.
    pub json: bool,
    /// Which engine does it.
    pub client: ClientSettings,
}

impl Drops {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<DropsSettings, SettingError> {
        let (action, common) = match self.command {
            DropsCommand::Create(create) => create.split()?,
            DropsCommand::List(list) => (DropsAction::List, list.common),
            DropsCommand::Show(one) => (DropsAction::Show(one.id), one.common),
            DropsCommand::Open(one) => (DropsAction::Open(one.id), one.common),
            DropsCommand::Pause(one) => (DropsAction::Pause(one.id), one.common),
            DropsCommand::Close(one) => (DropsAction::Close(one.id), one.common),
        };
        let Common { json, client } = common;
        Ok(DropsSettings { action, json, client: client.resolve()? })
    }
}

impl Create {
    fn split(self) -> Result<(DropsAction, Common), SettingError> {
        let Create { id, skus, name, limit, hold_seconds, .. } = self;
        let mut known = BTreeSet::new();
        if let Some(twice) = skus.iter().find(|sku| !known.insert(sku.id.clone())) {
            let problem = format!("names {} twice", twice.id);
            return Err(SettingError::wrong("--sku", problem, "give each SKU once"));
        }
        let patch = DropPatch {
            name,
            state: self.state,
            opens_at: self.opens_at.map(Clearable::into_option),
            closes_at: self.closes_at.map(Clearable::into_option),
            hold_ttl_seconds: hold_seconds,
            max_hold_seconds: self.max_hold_seconds,
            limit_per_customer: limit.map(Clearable::into_option),
            expiring_soon_seconds: self.expiring_soon.map(|Warnings(seconds)| seconds),
        };
        let new = NewDrop { id, patch, skus, update: self.update };
        Ok((DropsAction::Create(Box::new(new)), self.common))
    }
}

/// What `restock` takes.
#[derive(Debug, Args)]
pub struct Restock {
    /// The drop's id
    #[arg(value_name = "DROP")]
    drop: DropId,
    /// The SKU's id
    #[arg(value_name = "SKU")]
    sku: SkuId,
    /// How many units join the total; a negative number takes away, never what is held or sold
    #[arg(value_name = "UNITS", allow_negative_numbers = true, value_parser = change)]
    quantity: i64,
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// A reference of your own, for the ledger: a delivery, an order
    #[arg(long, value_name = "REFERENCE")]
    reference: Option<Reference>,
    /// What makes it safe to repeat: the same key restocks once, however often it is sent within 24
    /// hours; a new one is made if left out, and told
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    idempotency_key: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// The settings of `restock`.
#[derive(Clone, Debug)]
pub struct RestockSettings {
    /// In which drop.
    pub drop: DropId,
    /// Which SKU.
    pub sku: SkuId,
    /// How many units join its total, or leave it.
    pub quantity: i64,
    /// Why.
    pub reason: Option<String>,
    /// The merchant's own reference.
    pub reference: Option<Reference>,
    /// The idempotency key; `None` for a new one.
    pub idempotency_key: Option<String>,
    /// Whether it is told as JSON.
    pub json: bool,
    /// Which engine does it.
    pub client: ClientSettings,
}

impl Restock {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<RestockSettings, SettingError> {
        let Restock { drop, sku, quantity, reason, reference, idempotency_key, common } = self;
        let Common { json, client } = common;
        let client = client.resolve()?;
        Ok(RestockSettings {
            drop,
            sku,
            quantity,
            reason,
            reference,
            idempotency_key,
            json,
            client,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command};
    use super::*;

    fn parse(arguments: &str) -> Result<Command, String> {
        let words = ["dropgate"].into_iter().chain(arguments.split_whitespace());
        Ok(Cli::try_parse_from(words).map_err(|error| error.to_string())?.command)
    }

    fn create(arguments: &str) -> Result<NewDrop, String> {
        let Command::Drop(Drops { command: DropsCommand::Create(create) }) =
            parse(&format!("drop create {arguments}"))?
        else {
            return Err("another command".to_owned());
        };
        let (action, _) = create.split().map_err(|error| error.to_string())?;
        let DropsAction::Create(new) = action else { return Err("another action".to_owned()) };
        Ok(*new)
    }

    #[test]
    fn a_drop_is_made_as_it_was_asked_for() {
        let new = create(
            "summer --sku a=5/2 --sku b=7 --name Sale --limit 4 --hold-seconds 60 \
             --max-hold-seconds 120 --opens-at 1970-01-01T00:00:01Z --closes-at none \
             --state paused --expiring-soon 120,30,5",
        )
        .expect("fine");
        let expected = DropPatch {
            name: Some("Sale".to_owned()),
            state: Some(DropState::Paused),
            opens_at: Some(Some(Millis(1000))),
            closes_at: Some(None),
            hold_ttl_seconds: Some(60),
            max_hold_seconds: Some(120),
            limit_per_customer: Some(Some(4)),
            expiring_soon_seconds: Some(vec![120, 30, 5]),
        };
        assert_eq!((new.id.as_str(), new.patch, new.update), ("summer", expected, false));
        let skus: Vec<&str> = new.skus.iter().map(|sku| sku.id.as_str()).collect();
        assert_eq!(skus, ["a", "b"]);
        assert_eq!(create("x --update").expect("fine").patch, DropPatch::default());
    }

    #[test]
    fn wrong_use_is_refused() {
        for bad in [
            "",
            "{}",
            "x --sku a",
            "x --sku a=1 --sku a=2",
            "x --limit 0",
            "x --hold-seconds 0",
            "x --hold-seconds 2592001",
            "x --expiring-soon 0",
            "x --expiring-soon 60,,10",
            "x --opens-at tomorrow",
            "x --state shut",
            "x --admin-key 0123456789abcdef-a",
        ] {
            assert!(create(bad).is_err(), "{bad}");
        }
        for bad in ["drop", "drop show", "drop open", "restock x a", "restock x a 0", "restock x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("restock x a -5").is_ok());
    }
}
