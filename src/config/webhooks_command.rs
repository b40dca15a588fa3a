//! `dropgate webhooks` and what each of its commands takes.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, value_parser};

use super::drops_command::CLIENT_EXITS;
use super::error::SettingError;
use super::value::reason;
use super::{ClientArgs, ClientSettings};
use crate::domain::{
    Beginning, DeliveryId, DeliveryState, DropId, EventKind, MAX_BATCH, NewWebhook, WebhookId,
    WebhookPatch, WebhookState,
};

const TEST_EXITS: &str = "\
Exit status: 0 when the receiver took the event; 1 when it did not, or when the engine refuses; 2 for \
wrong use: a flag or setting that is missing, wrong or not known; 3 when the engine can't be reached.";

/// What `webhooks` takes.
#[derive(Debug, Args)]
pub struct Webhooks {
    #[command(subcommand)]
    command: WebhooksCommand,
}

/// What is done with webhooks.
#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List all webhooks, with what they lack and what they did not take
    #[command(after_help = CLIENT_EXITS)]
    List(Box<List>),
    /// Show one webhook
    #[command(after_help = CLIENT_EXITS)]
    Show(Box<One>),
    /// Have events sent to an address; the secret that signs them is printed this once
    #[command(after_help = CLIENT_EXITS)]
    Create(Box<Create>),
    /// Change what is given of a webhook
    #[command(after_help = CLIENT_EXITS)]
    Update(Box<Update>),
    /// Send nothing until it is resumed
    #[command(after_help = CLIENT_EXITS)]
    Pause(Box<One>),
    /// Send again, beginning with what happened meanwhile
    #[command(after_help = CLIENT_EXITS)]
    Resume(Box<One>),
    /// End a webhook, and forget what it did not take
    #[command(after_help = CLIENT_EXITS)]
    Delete(Box<One>),
    /// Give a webhook a new secret, printed this once; the old one signs for a day more
    #[command(after_help = CLIENT_EXITS)]
    Rotate(Box<One>),
    /// Send a test event now, and tell what came back
    #[command(after_help = TEST_EXITS)]
    Test(Box<One>),
    /// List what a webhook did not take at once, the newest first
    #[command(after_help = CLIENT_EXITS)]
    Deliveries(Box<Deliveries>),
    /// Send a delivery once more
    #[command(after_help = CLIENT_EXITS)]
    Resend(Box<Again>),
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

/// What `webhooks list` takes.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    common: Common,
}

/// What those take that are about one webhook.
#[derive(Debug, Args)]
struct One {
    /// The webhook's id
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    #[command(flatten)]
    common: Common,
}

/// What `webhooks create` takes.
#[derive(Debug, Args)]
struct Create {
    /// Where events go: https://…
    #[arg(value_name = "URL")]
    address: String,
    /// A drop of which it is told; may be given several times, every drop if left out
    #[arg(long = "drop", value_name = "ID")]
    drops: Vec<DropId>,
    /// An event of which it is told, like held or confirmed; may be given several times, all if
    /// left out
    #[arg(long = "type", value_name = "KIND")]
    types: Vec<EventKind>,
    /// What it is for
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    description: Option<String>,
    /// Where it begins: now, or start for everything that ever happened
    #[arg(long, value_name = "WHEN", default_value = "now")]
    from: Beginning,
    /// Most events of one request
    #[arg(long, value_name = "EVENTS", default_value_t = 1,
        value_parser = value_parser!(i32).range(1..=MAX_BATCH))]
    batch: i32,
    #[command(flatten)]
    common: Common,
}

/// What `webhooks update` takes.
#[derive(Debug, Args)]
struct Update {
    /// The webhook's id
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    /// Where events go from now on
    #[arg(long = "address", value_name = "URL")]
    address: Option<String>,
    /// A drop of which it is told instead; may be given several times
    #[arg(long = "drop", value_name = "ID")]
    drops: Vec<DropId>,
    /// It is told of every drop
    #[arg(long, conflicts_with = "drops")]
    all_drops: bool,
    /// An event of which it is told instead; may be given several times
    #[arg(long = "type", value_name = "KIND")]
    types: Vec<EventKind>,
    /// It is told of all events
    #[arg(long, conflicts_with = "types")]
    all_types: bool,
    /// What it is for
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    description: Option<String>,
    /// Most events of one request
    #[arg(long, value_name = "EVENTS", value_parser = value_parser!(i32).range(1..=MAX_BATCH))]
    batch: Option<i32>,
    #[command(flatten)]
    common: Common,
}

/// What `webhooks deliveries` takes.
#[derive(Debug, Args)]
struct Deliveries {
    /// The webhook's id
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    /// retrying, delivered or dead; all if left out
    #[arg(long, value_name = "STATE")]
    state: Option<DeliveryState>,
    /// Most deliveries that are shown
    #[arg(long, value_name = "COUNT", default_value_t = 50,
        value_parser = value_parser!(u16).range(1..=500))]
    limit: u16,
    #[command(flatten)]
    common: Common,
}

/// What `webhooks resend` takes.
#[derive(Debug, Args)]
struct Again {
    /// The webhook's id
    #[arg(value_name = "WEBHOOK")]
    id: WebhookId,
    /// The delivery's id
    #[arg(value_name = "DELIVERY")]
    delivery: DeliveryId,
    #[command(flatten)]
    common: Common,
}

/// What is to be done with webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhooksAction {
    /// List all.
    List,
    /// Show one.
    Show(WebhookId),
    /// Make one.
    Create(NewWebhook),
    /// Change one.
    Update(WebhookId, WebhookPatch),
    /// End one.
    Delete(WebhookId),
    /// Give one a new secret.
    Rotate(WebhookId),
    /// Try one.
    Test(WebhookId),
    /// List what one did not take at once.
    Deliveries {
        /// Which webhook.
        id: WebhookId,
        /// Only those in this state.
        state: Option<DeliveryState>,
        /// At most so many.
        limit: u16,
    },
    /// Send a delivery once more.
    Resend(WebhookId, DeliveryId),
}

/// The settings of `webhooks`.
#[derive(Clone, Debug)]
pub struct WebhooksSettings {
    /// What to do.
    pub action: WebhooksAction,
    /// Whether it is told as JSON.
    pub json: bool,
    /// Which engine does it.
    pub client: ClientSettings,
}

impl Webhooks {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<WebhooksSettings, SettingError> {
        let (action, common) = self.command.split();
        let Common { json, client } = common;
        Ok(WebhooksSettings { action, json, client: client.resolve()? })
    }
}

impl WebhooksCommand {
    fn split(self) -> (WebhooksAction, Common) {
        let state = |one: One, state| {
            let patch = WebhookPatch { state: Some(state), ..WebhookPatch::default() };
            (WebhooksAction::Update(one.id, patch), one.common)
        };
        match self {
            WebhooksCommand::List(list) => (WebhooksAction::List, list.common),
            WebhooksCommand::Show(one) => (WebhooksAction::Show(one.id), one.common),
            WebhooksCommand::Create(create) => create.split(),
            WebhooksCommand::Update(update) => update.split(),
            WebhooksCommand::Pause(one) => state(*one, WebhookState::Paused),
            WebhooksCommand::Resume(one) => state(*one, WebhookState::Active),
            WebhooksCommand::Delete(one) => (WebhooksAction::Delete(one.id), one.common),
            WebhooksCommand::Rotate(one) => (WebhooksAction::Rotate(one.id), one.common),
            WebhooksCommand::Test(one) => (WebhooksAction::Test(one.id), one.common),
            WebhooksCommand::Deliveries(deliveries) => {
                let Deliveries { id, state, limit, common } = *deliveries;
                (WebhooksAction::Deliveries { id, state, limit }, common)
            }
            WebhooksCommand::Resend(again) => {
                (WebhooksAction::Resend(again.id, again.delivery), again.common)
            }
        }
    }
}

/// Those that are given, if any.
fn some<T: Ord>(given: Vec<T>) -> Option<BTreeSet<T>> {
    let given: BTreeSet<T> = given.into_iter().collect();
    (!given.is_empty()).then_some(given)
}

impl Create {
    fn split(self) -> (WebhooksAction, Common) {
        let new = NewWebhook {
            url: self.address,
            drops: some(self.drops),
            types: some(self.types),
            description: self.description.unwrap_or_default(),
            batch: self.batch,
            from: self.from,
        };
        (WebhooksAction::Create(new), self.common)
    }
}

impl Update {
    fn split(self) -> (WebhooksAction, Common) {
        // None of them: as it is; all of them: no list any more.
        fn changed<T: Ord>(given: Vec<T>, all: bool) -> Option<Option<BTreeSet<T>>> {
            let given = some(given);
            (given.is_some() || all).then_some(given)
        }
        let patch = WebhookPatch {
            url: self.address,
            drops: changed(self.drops, self.all_drops),
            types: changed(self.types, self.all_types),
            description: self.description,
            batch: self.batch,
            state: None,
        };
        (WebhooksAction::Update(self.id, patch), self.common)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command};
    use super::*;

    fn action(arguments: &str) -> Result<WebhooksAction, String> {
        let words = ["dropgate", "webhooks"].into_iter().chain(arguments.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        let Command::Webhooks(webhooks) = cli.command else {
            return Err("another command".to_owned());
        };
        Ok(webhooks.command.split().0)
    }

    #[test]
    fn a_webhook_is_made_and_changed_as_it_was_asked_for() {
        let made = action(
            "create https://h/ --drop b --drop a --type held --description erp --from start \
             --batch 9",
        );
        let drops: BTreeSet<DropId> = ["a", "b"].map(|id| id.parse().expect("an id")).into();
        let held: EventKind = "held".parse().expect("a kind");
        let expected = NewWebhook {
            url: "https://h/".to_owned(),
            drops: Some(drops),
            types: Some(BTreeSet::from([held])),
            description: "erp".to_owned(),
            batch: 9,
            from: Beginning::Start,
        };
        assert_eq!(made, Ok(WebhooksAction::Create(expected)));
        let id = WebhookId::generate();
        let patch = |arguments: &str| match action(&format!("{arguments} {id}")) {
            Ok(WebhooksAction::Update(_, patch)) => patch,
            other => panic!("{other:?}"),
        };
        assert_eq!(patch("update"), WebhookPatch::default());
        let all = WebhookPatch { drops: Some(None), batch: Some(3), ..WebhookPatch::default() };
        assert_eq!(patch("update --all-drops --batch 3"), all);
        let of_held = Some(Some(BTreeSet::from([held])));
        assert_eq!(patch("update --type held").types, of_held);
        assert_eq!(patch("pause").state, Some(WebhookState::Paused));
        assert_eq!(patch("resume").state, Some(WebhookState::Active));
    }

    #[test]
    fn wrong_use_is_refused() {
        let id = WebhookId::generate();
        for bad in [
            "",
            "create",
            "create https://h --type sold",
            "create https://h --batch 0",
            "create https://h --batch 101",
            "create https://h --from later",
            "create https://h --drop {}",
            "show",
            "show 1",
            "resend",
            &format!("resend {id}"),
            &format!("deliveries {id} --state lost"),
            &format!("deliveries {id} --limit 501"),
            &format!("update {id} --drop a --all-drops"),
        ] {
            assert!(action(bad).is_err(), "{bad}");
        }
    }
}
