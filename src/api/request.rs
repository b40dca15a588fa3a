//! The bodies of the calls, read into the types of the domain.

use serde_json::Value;

use super::body::{Fields, Wrong};
use super::problem::Problem;
use super::value::{
    address, boolean, details, integer, lines, list, name, parsed, reason, seconds, time,
};
use crate::domain::{
    CustomerId, DropId, DropPatch, KINDS, Lines, MAX_BATCH, MAX_KEY_DROPS, MAX_OVERLAP_SECONDS,
    MAX_STOCK, MAX_WARNINGS, MAX_WEBHOOK_DROPS, Millis, NewApiKey, NewWebhook, OrderId, Reference,
    SkuPatch, WebhookPatch, WebhookState,
};

/// Who reserves what, and for how long.
pub(super) struct Reserve {
    pub(super) customer_id: CustomerId,
    pub(super) lines: Lines,
    pub(super) ttl_seconds: Option<i64>,
}

impl Reserve {
    pub(super) fn read(body: &Value) -> Result<Reserve, Problem> {
        let mut fields = Fields::of(body);
        let customer_id = fields.required("customer_id", parsed);
        fields.require("lines");
        let lines = fields.nested("lines", lines);
        let ttl_seconds = fields.optional("ttl_seconds", seconds);
        fields
            .finish(|| Some(Reserve { customer_id: customer_id?, lines: lines?, ttl_seconds }))
            .map_err(Problem::invalid)
    }
}

/// Lines and nothing else: the new ones of a reservation.
pub(super) fn lines_only(body: &Value) -> Result<Lines, Problem> {
    let mut fields = Fields::of(body);
    fields.require("lines");
    let lines = fields.nested("lines", lines);
    fields.finish(|| lines).map_err(Problem::invalid)
}

/// How long an extension lasts.
pub(super) fn extend(body: &Value) -> Result<Option<i64>, Problem> {
    let mut fields = Fields::of(body);
    let ttl_seconds = fields.optional("ttl_seconds", seconds);
    fields.finish(|| Some(ttl_seconds)).map_err(Problem::invalid)
}

/// For which order, and whether an expired hold is taken again.
pub(super) struct Confirm {
    pub(super) order_id: OrderId,
    pub(super) reacquire: bool,
}

impl Confirm {
    pub(super) fn read(body: &Value) -> Result<Confirm, Problem> {
        let mut fields = Fields::of(body);
        let order_id = fields.required("order_id", parsed);
        let reacquire = fields.optional("reacquire", boolean).unwrap_or(false);
        fields.finish(|| Some(Confirm { order_id: order_id?, reacquire })).map_err(Problem::invalid)
    }
}

/// A body without any members.
pub(super) fn nothing(body: &Value) -> Result<(), Problem> {
    Fields::of(body).finish(|| Some(())).map_err(Problem::invalid)
}

/// What comes back, why, and whether it can be sold again.
pub(super) struct Return {
    pub(super) lines: Option<Lines>,
    pub(super) reason: Option<String>,
    pub(super) restock: bool,
}

impl Return {
    pub(super) fn read(body: &Value) -> Result<Return, Problem> {
        let mut fields = Fields::of(body);
        let lines = fields.nested("lines", lines);
        let reason = fields.optional("reason", reason);
        let restock = fields.optional("restock", boolean).unwrap_or(true);
        fields.finish(|| Some(Return { lines, reason, restock })).map_err(Problem::invalid)
    }
}

/// How many units join or leave a total, and why.
pub(super) struct Restock {
    pub(super) quantity: i64,
    pub(super) reason: Option<String>,
    pub(super) reference: Option<Reference>,
}

impl Restock {
    pub(super) fn read(body: &Value) -> Result<Restock, Problem> {
        let mut fields = Fields::of(body);
        let quantity =
            fields.required("quantity", |value| match integer(-MAX_STOCK..=MAX_STOCK)(value)? {
                0 => Err("must not be 0".to_owned()),
                quantity => Ok(quantity),
            });
        let reason = fields.optional("reason", reason);
        let reference = fields.optional("reference", parsed);
        fields
            .finish(|| Some(Restock { quantity: quantity?, reason, reference }))
            .map_err(Problem::invalid)
    }
}

/// How long before its deadline the holder of a hold is warned, in seconds.
fn warnings(value: &Value) -> Result<Vec<i64>, Wrong> {
    let items = value.as_array().filter(|items| items.len() <= MAX_WARNINGS);
    let items = items.ok_or_else(|| format!("must be a list of at most {MAX_WARNINGS} numbers"))?;
    items.iter().map(seconds).collect()
}

/// The settings of a drop that are given.
pub(super) fn drop_patch(body: &Value) -> Result<DropPatch, Problem> {
    let mut fields = Fields::of(body);
    let patch = DropPatch {
        name: fields.optional("name", name),
        state: fields.optional("state", parsed),
        opens_at: fields.nullable("opens_at", time),
        closes_at: fields.nullable("closes_at", time),
        hold_ttl_seconds: fields.optional("hold_ttl_seconds", seconds),
        max_hold_seconds: fields.optional("max_hold_seconds", seconds),
        limit_per_customer: fields.nullable("limit_per_customer", integer(1..=MAX_STOCK)),
        expiring_soon_seconds: fields.optional("expiring_soon_seconds", warnings),
    };
    fields.finish(|| Some(patch)).map_err(Problem::invalid)
}

/// The settings of a SKU that are given.
pub(super) fn sku_patch(body: &Value) -> Result<SkuPatch, Problem> {
    let mut fields = Fields::of(body);
    let patch = SkuPatch {
        name: fields.optional("name", name),
        details: fields.optional("details", details),
        limit_per_customer: fields.nullable("limit_per_customer", integer(1..=MAX_STOCK)),
        low_stock_threshold: fields.optional("low_stock_threshold", integer(0..=MAX_STOCK)),
        initial_stock: fields.optional("initial_stock", integer(0..=MAX_STOCK)),
    };
    fields.finish(|| Some(patch)).map_err(Problem::invalid)
}

/// Who is erased, and whether from one drop only.
pub(super) struct Erase {
    pub(super) customer_id: CustomerId,
    pub(super) drop: Option<DropId>,
}

impl Erase {
    pub(super) fn read(body: &Value) -> Result<Erase, Problem> {
        let mut fields = Fields::of(body);
        let customer_id = fields.required("customer_id", parsed);
        let drop = fields.nullable("drop", parsed).flatten();
        fields.finish(|| Some(Erase { customer_id: customer_id?, drop })).map_err(Problem::invalid)
    }
}

/// The key that is wanted.
pub(super) fn new_key(body: &Value, now: Millis) -> Result<NewApiKey, Problem> {
    let mut fields = Fields::of(body);
    let name = fields.required("name", name);
    let scopes = fields.required("scopes", list(3));
    let drops = fields.nullable("drops", list(MAX_KEY_DROPS)).flatten();
    let expires_at = fields.nullable("expires_at", |value| {
        let at = time(value)?;
        if at > now { Ok(at) } else { Err("must be a time to come".to_owned()) }
    });
    fields
        .finish(|| {
            let expires_at = expires_at.flatten();
            Some(NewApiKey { name: name?, scopes: scopes?, drops, expires_at })
        })
        .map_err(Problem::invalid)
}

/// For how many seconds the secret before a rotation works too.
pub(super) fn rotate(body: &Value) -> Result<i64, Problem> {
    let mut fields = Fields::of(body);
    let overlap = fields.optional("overlap_seconds", integer(0..=MAX_OVERLAP_SECONDS));
    fields.finish(|| Some(overlap.unwrap_or(0))).map_err(Problem::invalid)
}

/// The webhook that is wanted.
pub(super) fn new_webhook(body: &Value) -> Result<NewWebhook, Problem> {
    let mut fields = Fields::of(body);
    let url = fields.required("url", address);
    let drops = fields.nullable("drops", list(MAX_WEBHOOK_DROPS)).flatten();
    let types = fields.nullable("types", list(KINDS.len())).flatten();
    let description = fields.optional("description", reason).unwrap_or_default();
    let batch = fields.optional("batch", batch).unwrap_or(1);
    let from = fields.optional("from", parsed).unwrap_or_default();
    fields
        .finish(|| Some(NewWebhook { url: url?, drops, types, description, batch, from }))
        .map_err(Problem::invalid)
}

/// What is to be changed of a webhook.
pub(super) fn webhook_patch(body: &Value) -> Result<WebhookPatch, Problem> {
    let mut fields = Fields::of(body);
    let patch = WebhookPatch {
        url: fields.optional("url", address),
        drops: fields.nullable("drops", list(MAX_WEBHOOK_DROPS)),
        types: fields.nullable("types", list(KINDS.len())),
        description: fields.optional("description", reason),
        batch: fields.optional("batch", batch),
        state: fields.optional("state", |value| match parsed(value)? {
            state @ (WebhookState::Active | WebhookState::Paused) => Ok(state),
            WebhookState::Disabled => Err("must be active or paused".to_owned()),
        }),
    };
    fields.finish(|| Some(patch)).map_err(Problem::invalid)
}

/// How many events one request may have.
fn batch(value: &Value) -> Result<i32, Wrong> {
    let wanted = integer(1..=MAX_BATCH)(value)?;
    i32::try_from(wanted).map_err(|error| error.to_string())
}
