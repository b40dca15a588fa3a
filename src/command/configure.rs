//! Set what a drop and its SKUs are: settings, open, pause, close.

use serde_json::{Map, Value, json};

use super::{Operation, Verb};
use crate::domain::{DropId, DropPatch, DropState, Millis, SkuId, SkuPatch};

/// What is done to a drop besides setting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropAction {
    /// Take holds from now on.
    Open,
    /// Take no new hold until opened.
    Pause,
    /// Take no new hold.
    Close,
    /// Write down what the opening and closing times say.
    Settle,
}

/// One change of settings.
#[derive(Clone, Debug)]
pub enum Configure {
    /// Create the drop or change its settings.
    Drop(DropPatch),
    /// Open, pause, close or settle it.
    Action(DropAction),
    /// Create a SKU or change its settings.
    Sku(SkuId, SkuPatch),
}

/// What a change of settings came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configured {
    /// Whether it created the drop or the SKU.
    pub created: bool,
}

/// One setting as the script takes it: '' keeps, '*' clears.
fn setting(value: Option<Option<i64>>) -> String {
    match value {
        None => String::new(),
        Some(None) => "*".to_owned(),
        Some(Some(value)) => value.to_string(),
    }
}

fn millis(value: Option<Option<Millis>>) -> Option<Option<i64>> {
    value.map(|at| at.map(|at| at.0))
}

fn drop_arguments(patch: &DropPatch) -> [String; 10] {
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    put("name", patch.name.as_ref().map(|name| json!(name)));
    put("opens_at", millis(patch.opens_at).map(|at| json!(at)));
    put("closes_at", millis(patch.closes_at).map(|at| json!(at)));
    put("hold_ttl_seconds", patch.hold_ttl_seconds.map(|s| json!(s)));
    put("max_hold_seconds", patch.max_hold_seconds.map(|s| json!(s)));
    put("limit_per_customer", patch.limit_per_customer.map(|limit| json!(limit)));
    put("expiring_soon_seconds", patch.expiring_soon_seconds.as_ref().map(|all| json!(all)));
    [
        "*".to_owned(),
        "put".to_owned(),
        without_braces(members),
        patch.state.map_or("", DropState::as_str).to_owned(),
        setting(millis(patch.opens_at)),
        setting(millis(patch.closes_at)),
        setting(patch.hold_ttl_seconds.map(|s| Some(s * 1000))),
        setting(patch.max_hold_seconds.map(|s| Some(s * 1000))),
        setting(patch.limit_per_customer),
        String::new(),
    ]
}

fn sku_arguments(sku: &SkuId, patch: &SkuPatch) -> [String; 10] {
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    put("name", patch.name.as_ref().map(|name| json!(name)));
    put("details", patch.details.clone().map(Value::Object));
    put("limit_per_customer", patch.limit_per_customer.map(|limit| json!(limit)));
    put("low_stock_threshold", patch.low_stock_threshold.map(|units| json!(units)));
    let mut arguments: [String; 10] = Default::default();
    arguments[0] = sku.to_string();
    arguments[1] = "put".to_owned();
    arguments[2] = without_braces(members);
    arguments[8] = setting(patch.limit_per_customer);
    arguments[9] = setting(patch.initial_stock.map(Some));
    arguments
}

fn without_braces(members: Map<String, Value>) -> String {
    let text = Value::Object(members).to_string();
    text[1..text.len() - 1].to_owned()
}

impl Operation for Configure {
    const VERB: Verb = Verb::Configure;
    const STATUSES: &'static [&'static str] =
        &["UNKNOWN_DROP", "CLOSED", "CLOSES_FIRST", "CONFIGURED"];
    type Answer = Configured;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.extend(match self {
            Configure::Drop(patch) => drop_arguments(patch),
            Configure::Sku(sku, patch) => sku_arguments(sku, patch),
            Configure::Action(action) => {
                let mut arguments: [String; 10] = Default::default();
                arguments[0] = "*".to_owned();
                arguments[1] = match action {
                    DropAction::Open => "open",
                    DropAction::Pause => "pause",
                    DropAction::Close => "close",
                    DropAction::Settle => "settle",
                }
                .to_owned();
                arguments
            }
        });
    }

    fn decode(&self, _: &DropId, status: &str, facts: &str) -> Option<Configured> {
        (status == "CONFIGURED").then(|| Configured { created: facts == "1" })
    }
}
