//! What members, parameters and calls mean, in a sentence each, for readers of the description and
//! of the clients that are made from it.

use serde_json::{Map, Value, json};

/// Members of shapes: under `Shape.member` what it means there, under `member` what it means
/// wherever nothing else is said.
const MEMBERS: &[(&str, &str)] = &[
    ("Attempt.delivered", "Whether the receiver took it: any 2xx within the time."),
    ("Attempt.error", "What went wrong, in words; null when it was delivered."),
    ("Attempt.milliseconds", "How long the receiver took."),
    ("Attempt.status", "The receiver's HTTP status; null when there was none."),
    ("AdminDrop.seq", "The last event that is durable."),
    ("ApiKey.drops", "The only drops that it opens; null: all."),
    ("last_used_at", "When it was used last, to within a minute; null: never."),
    ("overlap_ends_at", "Until when the secret before the last rotation works too."),
    ("ApiKeyWithSecret.drops", "The only drops that it opens; null: all."),
    ("Audit.durable_seq", "The last event that the ledger has."),
    ("Audit.seq", "The last event that Redis has; the journal carries what lies between."),
    ("AuditSku.ledger", "Its counts in the ledger; null where it is not."),
    ("AuditSku.redis", "Its counts in Redis; null where it is not."),
    ("Delivery.error", "What went wrong last, in words; null when it was delivered."),
    ("Delivery.status", "The last HTTP status that the receiver gave; null when there was none."),
    ("Delivery.type", "The kind of its first event, as in the ledger."),
    ("Erase.drop", "Only in this drop; null or left out: in all."),
    ("Erased.drops", "Where the customer was found."),
    ("Extend.ttl_seconds", "The new deadline, counted from now; left out: the drop's hold TTL."),
    ("InvalidField.detail", "What is wrong there, and what it should be."),
    ("LedgerRow.kind", "What happened."),
    ("LedgerRow.quantity", "Units that it was about; negative where a restock took some away."),
    ("LedgerRow.reference", "What a restock was known by elsewhere."),
    ("LedgerRow.settings", "What settings became, in an event that changed some; else null."),
    ("LedgerRow.seq", "Its number: rises by one an event, and never starts again."),
    ("Line.quantity", "Units of it."),
    ("NewApiKey.drops", "The only drops that it opens; null or left out: all."),
    ("NewApiKey.expires_at", "When it ends by itself; null or left out: never."),
    (
        "NewWebhook.from",
        "Where it begins: with what happens from now on, or at the start of each \
        ledger.",
    ),
    ("OwnKey.drops", "The only drops that it opens; null: all."),
    ("Problem.available", "`insufficient_available`: units that are free."),
    ("Problem.errors", "`invalid_request`: what is wrong, and where."),
    ("Problem.limit", "`limit_exceeded`: how many units the customer may have."),
    ("Problem.lines", "`sold_out`: the lines that fall short."),
    ("Problem.opens_at", "When the drop opens, if it opens by itself."),
    ("Problem.policy", "`rate_limited`: which of the limits."),
    ("Problem.requested", "`limit_exceeded`: how many were asked for."),
    ("Problem.sku", "`limit_exceeded`: whose limit; absent for the drop's own."),
    ("Problem.status", "The HTTP status."),
    ("Problem.title", "What happened, for people."),
    ("Problem.type", "Names the kind of problem, as `code` does."),
    ("Problem.unreachable", "`/readyz`: what can't be reached."),
    ("Problem.used", "`limit_exceeded`: how many the customer has."),
    ("Reserve.ttl_seconds", "A shorter life than the drop's hold TTL, which is the most."),
    (
        "Reservation.expires_at",
        "Its deadline: then the units are free again, unless it was \
        confirmed before.",
    ),
    ("Reservation.lines", "What it is about; of a return in part, what is still sold."),
    (
        "Reservation.state",
        "`held` becomes `confirmed`, `released` or `expired`; `confirmed` becomes \
        `returned` once all of it came back.",
    ),
    (
        "Return.lines",
        "The units that come back, at most those that are still sold; left out: all \
        of them.",
    ),
    (
        "Return.restock",
        "Whether they can be sold again; `false`: they are damaged, and leave the \
        total.",
    ),
    ("SaleExpiry.due", "Holds whose deadline has passed and that are not freed yet."),
    ("SaleExpiry.lag_seconds", "How long the oldest of them is due."),
    ("SaleExpiry.looked_at", "When was looked."),
    ("SaleFunnel.holds", "Reservations that were made."),
    ("SaleHoldsUnder.holds", "Holds with less time than that, and no less than the entry before."),
    ("SaleOutcome.calls", "How often."),
    ("SaleOutcome.verb", "What was asked for."),
    ("SalePerSecond.confirms", "Confirms in each second, the newest last."),
    ("SalePerSecond.holds", "New holds in each second, the newest last."),
    ("SalePerSecond.until", "The end of the newest second."),
    ("SaleRates.confirms", "Confirms a second."),
    ("SaleRates.holds", "New holds a second."),
    ("SaleRates.over_seconds", "Over the last so many seconds."),
    ("SaleRates.refusals", "Refused new holds a second; null while Redis can't be read."),
    ("SaleToConfirm.confirms", "How many confirms that is of: the newest."),
    ("SaleToConfirm.median_ms", "Half of them took no longer, from hold to confirm."),
    ("SaleToConfirm.p95_ms", "95 of 100 took no longer."),
    ("SaleUnheld.outcomes", "How such calls ended."),
    ("SaleWriteBehind.events", "How many."),
    ("SaleWriteBehind.lag_seconds", "The age of the oldest of them."),
    (
        "Shortage.available",
        "How many could be had; for a change, with those that the reservation \
        has.",
    ),
    ("Shortage.requested", "How many were asked for; for a change, the new quantity."),
    (
        "SkuSettings.initial_stock",
        "Units to begin with; ignored once the SKU exists: restock then.",
    ),
    ("Status.status", "`ok`."),
    ("Webhook.drops", "The only drops of which it is told; null: all."),
    (
        "Webhook.state",
        "`disabled`: the receiver said that it is gone (410); make it `active` to go on.",
    ),
    ("Webhook.types", "The only kinds of events of which it is told; null: all."),
    ("WebhookPatch.state", "`paused` sends nothing and forgets nothing."),
    ("at", "When the figures were read."),
    ("attempts", "How often it was sent."),
    ("available", "Units that can be held."),
    (
        "balanced",
        "Whether Redis, with the journal's rest, and the ledger agree, and both with \
        themselves.",
    ),
    ("batch", "Events that one request carries at most."),
    ("closes_at", "When the drop closes by itself; null: never."),
    ("confirms", "Reservations that were confirmed."),
    ("counts", "Of all SKUs together."),
    ("created_at", "When it was made."),
    ("customer_id", "The shop's own id of the customer: best one that names nobody."),
    ("dead", "Deliveries that were given up, and wait for somebody to send them again."),
    ("description", "A note for people."),
    ("details", "Whatever a page needs to show of it: description, price, picture."),
    ("drop", "The drop's id."),
    ("drops", "The only drops that count; null or left out: all."),
    ("epoch", "The drop's generation: rises when Redis is rebuilt from the ledger."),
    ("events", "How many of each kind the ledger has."),
    ("expires_at", "When it ends by itself; null: never."),
    (
        "expiring_soon_seconds",
        "So long before a deadline the hold's watchers are told; empty: not \
        at all.",
    ),
    ("expiry", "How well due holds are freed."),
    ("failing_since", "Since when nothing gets through; null while it does."),
    ("first_at", "When it was sent first."),
    ("funnel", "From attempt to hold to confirm."),
    ("held", "Units in reservations that are held."),
    ("hold_to_confirm", "How long customers took to pay."),
    ("hold_ttl_seconds", "How long a new hold lives."),
    ("holds", "How many holds."),
    ("id", "Its id."),
    ("items", "The entries of this page."),
    ("last_at", "When it was sent last."),
    ("last_delivered_at", "When something last got through; null: never."),
    ("last_error", "What went wrong last; null: nothing yet."),
    (
        "limit_per_customer",
        "The most units that one customer may have, held or sold; null: no \
        limit.",
    ),
    ("lines", "What is wanted, all or nothing."),
    ("low_stock_threshold", "From so many available units on the status is `low`."),
    (
        "max_hold_seconds",
        "How long a hold may live with all extensions, counted from when it was \
        made.",
    ),
    ("message", "What a page may say when few are left; else null."),
    ("name", "A name for people."),
    ("next_at", "When it is sent next; null: not again."),
    ("next_cursor", "What to give as `cursor` for the next page; null on the last."),
    ("occurred_at", "When, by Redis' clock."),
    ("opens_at", "When the drop opens by itself; null: not by itself."),
    ("order_id", "The shop's own id of the order that it was confirmed for; else null."),
    ("overlap_seconds", "For so long the secret before works too."),
    ("pending", "Events of its drops that it has not got past yet, those of other types included."),
    ("per_second", "The last seconds, one by one."),
    ("quantity", "Units; negative takes free ones away."),
    ("rates", "What happens in a second, on average."),
    ("reacquire", "Whether a hold that had expired is taken again, if units and limits allow."),
    ("reason", "Why, for people; it stands in the ledger."),
    ("reference", "What it is known by elsewhere: a delivery note."),
    ("remaining", "Holds by the time that they have left."),
    ("reservation_id", "The reservation that it was about, if it was about one."),
    ("reservations", "In how many reservations."),
    ("revoked_at", "When it was revoked; null: it was not."),
    ("rotated_at", "When it got its present secret; null: it has the first."),
    (
        "scopes",
        "What it opens: `admin` everything, `storefront` the storefront's calls, `read` \
        every GET.",
    ),
    ("seq", "The number of the last event."),
    ("sku", "The SKU's id."),
    ("skus", "What the drop sells."),
    ("sold", "Units in reservations that are confirmed."),
    ("state", "Where it stands."),
    ("status", "Whether there are many, few or none."),
    ("total", "All units: available, held and sold."),
    ("types", "The only kinds of events that count; null or left out: all."),
    ("unheld", "Calls that left nothing in the ledger."),
    ("version", "The number of the SKU's last event: it only rises."),
    ("watch_token", "Lets the customer's browser follow this reservation, with no key."),
    ("violations", "What does not agree, a sentence each."),
];

/// Parameters of queries, likewise under `operation.parameter` and `parameter`.
const PARAMETERS: &[(&str, &str)] = &[
    ("after_seq", "Only events behind this number; `next_cursor` of the page before."),
    ("before_seq", "Only events before this number."),
    ("cursor", "`next_cursor` of the page before."),
    ("customer_id", "Only those of this customer."),
    ("kind", "Only events of these kinds, with commas between."),
    (
        "last_event_id",
        "The id of the last message seen, for clients that can't send `Last-Event-ID`.",
    ),
    ("limit", "The most entries of a page."),
    ("listCart.customer_id", "Whose."),
    ("order", "Which end comes first."),
    ("reservation_id", "Only those of this reservation."),
    ("since", "Only what happened then or later."),
    ("sku", "Only those about this SKU."),
    ("state", "Only those in this state."),
    ("until", "Only what happened before."),
    (
        "watch",
        "`watch_token` of a reservation, or several with commas between: its holder is told \
        of each change and warned before its deadline.",
    ),
];

/// Parts of paths.
const PARTS: &[(&str, &str)] = &[
    ("delivery", "The delivery's id."),
    ("drop", "The drop's id, chosen by the merchant."),
    ("id", "The reservation's id, as its answer gave it."),
    ("sku", "The SKU's id, chosen by the merchant."),
    ("webhook", "The webhook's id."),
];

/// What a call does beyond its summary.
const CALLS: &[(&str, &str)] = &[
    (
        "reserve",
        "All lines or none: units are taken at once and free again at `expires_at`, unless \
        the reservation is confirmed before. Send an `Idempotency-Key`: a repeat with the same key \
        gets the first answer again, marked `Idempotency-Replayed`, even if the reservation has \
        changed since.",
    ),
    (
        "change",
        "`lines` is the new whole. The deadline stays. What only gives back is allowed over \
        a limit, and while the drop is paused or closed.",
    ),
    (
        "extend",
        "The deadline becomes now plus the TTL, but no later than `created_at` plus the \
        drop's `max_hold_seconds`, and never earlier than it is. 409 `max_hold_reached` when that \
        changes nothing.",
    ),
    (
        "confirm",
        "Call it before the payment is captured: a 200 means that the units are the \
        customer's. Confirming twice for one order is confirming once.",
    ),
    ("release", "Releasing twice is releasing once."),
    (
        "returnUnits",
        "Partly returned, a reservation stays `confirmed` with its quantities lowered; \
        wholly, it is `returned`.",
    ),
    (
        "restock",
        "A negative quantity takes units away, never held or sold ones. The idempotency \
        key is required: no delivery is booked twice.",
    ),
    (
        "putDrop",
        "Members that are left out keep their value. A new drop opens at `opens_at`, or at \
        once if there is none.",
    ),
    (
        "putSku",
        "Members that are left out keep their value; `initial_stock` counts only when the \
        SKU is made.",
    ),
    ("open", "Before `opens_at` it opens now; behind `closes_at` the drop is closed for good."),
    ("pause", "Holds can still be confirmed, extended and released."),
    (
        "close",
        "Holds can still be confirmed, extended and released; new ones are refused for good.",
    ),
    (
        "audit",
        "`balanced` compares Redis with the ledger plus what is on its way, so it holds \
        under load too.",
    ),
    (
        "followDrop",
        "A snapshot first, then changes, then heartbeats; at most ten messages a second \
        for each SKU. After a break send the last id as `Last-Event-ID`.",
    ),
    ("eraseCustomer", "Refused with `hold_active` while the customer holds something."),
];

/// Gives every member of every shape that has none a description.
pub(super) fn add_to(schemas: &mut Map<String, Value>) {
    for (shape, schema) in schemas {
        add_to_members(shape, schema);
    }
}

fn add_to_members(shape: &str, schema: &mut Value) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (member, schema) in members.into_iter().flatten() {
        if let Some(about) = look_up(MEMBERS, shape, member)
            && let Some(schema) = schema.as_object_mut()
            && !schema.contains_key("description")
        {
            schema.insert("description".to_owned(), json!(about));
        }
        if schema.get("items").is_some_and(|items| items.get("properties").is_some()) {
            add_to_members(shape, &mut schema["items"]);
        }
    }
}

/// What a parameter of a call's query means.
pub(super) fn of_parameter(operation: &str, name: &str) -> Option<&'static str> {
    look_up(PARAMETERS, operation, name)
}

/// What a part of a path means.
pub(super) fn of_part(name: &str, of_keys: bool) -> Option<&'static str> {
    if of_keys && name == "id" { Some("The key's id.") } else { look_up(PARTS, "", name) }
}

/// What a call does beyond its summary, if there is more to say.
pub(super) fn of_call(operation: &str) -> Option<&'static str> {
    CALLS.iter().find(|(name, _)| *name == operation).map(|(_, about)| *about)
}

fn look_up(table: &[(&str, &'static str)], of: &str, name: &str) -> Option<&'static str> {
    let here = |key: &str| key.split_once('.') == Some((of, name));
    let found = table.iter().find(|(key, _)| here(key));
    found.or_else(|| table.iter().find(|(key, _)| *key == name)).map(|(_, about)| *about)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::operations::OPERATIONS;
    use super::super::schemas;
    use super::*;

    /// Every member with its shape, also those of shapes in lists.
    fn members(shape: &str, schema: &Value, found: &mut Vec<(String, String, Value)>) {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            found.push((shape.to_owned(), member.clone(), schema.clone()));
            members(shape, &schema["items"], found);
        }
    }

    #[test]
    fn every_member_and_every_parameter_has_a_meaning_and_every_meaning_somebody() {
        let all = schemas::all();
        let mut found = Vec::new();
        for (shape, schema) in all.as_object().expect("shapes") {
            members(shape, schema, &mut found);
        }
        // The events' own names say it.
        let events = |schema: &Value| {
            schema
                == &json!({ "type": "integer", "minimum": 0,
            "maximum": i64::MAX })
        };
        let lacking: Vec<_> = found
            .iter()
            .filter(|(.., schema)| !schema["description"].is_string() && !events(schema))
            .map(|(shape, member, _)| format!("{shape}.{member}"))
            .collect();
        assert!(lacking.is_empty(), "{lacking:?}");
        let used: BTreeSet<String> = found
            .iter()
            .flat_map(|(shape, member, _)| [format!("{shape}.{member}"), member.clone()])
            .collect();
        let idle: Vec<_> = MEMBERS.iter().filter(|(key, _)| !used.contains(*key)).collect();
        assert!(idle.is_empty(), "{idle:?}");

        for operation in OPERATIONS {
            for (name, ..) in operation.query {
                assert!(of_parameter(operation.id, name).is_some(), "{}: {name}", operation.id);
            }
        }
        for (name, _) in CALLS {
            assert!(OPERATIONS.iter().any(|operation| operation.id == *name), "{name}");
        }
    }
}
