//! `dropgate webhooks`: webhooks through a running engine.

use serde_json::Value;

use super::drops::told;
use super::failed::failed;
use super::output::{Columns, DONE, REFUSED, or_dash, print, print_json};
use crate::client::{Client, Failure, Repeat, Shown, Webhook, patiently};
use crate::config::{WebhooksAction, WebhooksSettings};
use crate::domain::{DeliveryState, Page, WebhookId};

/// The status is the program's: see the help of `webhooks`.
pub(super) async fn run(settings: WebhooksSettings) -> anyhow::Result<u8> {
    let WebhooksSettings { action, json, client: at } = settings;
    let client = match Client::new(&at) {
        Ok(client) => client,
        Err(failure) => return Ok(failed(&failure, &at.url, "")),
    };
    let client = &client;
    let look = "`dropgate webhooks list` tells whether it happened.";
    match action {
        WebhooksAction::List => list(client, json).await,
        WebhooksAction::Show(id) => {
            let shown = patiently(Repeat::Safe, told, async || client.webhook(id).await).await;
            show(client, shown, json, look)
        }
        WebhooksAction::Create(new) => {
            // A second one would be a second webhook.
            let made = async || client.create_webhook(&new).await;
            show(client, patiently(Repeat::Unsafe, told, made).await, json, look)
        }
        WebhooksAction::Update(id, patch) => {
            let changed = async || client.change_webhook(id, &patch).await;
            show(client, patiently(Repeat::Safe, told, changed).await, json, look)
        }
        WebhooksAction::Delete(id) => {
            let deleted = async || client.delete_webhook(id).await;
            match patiently(Repeat::Unsafe, told, deleted).await {
                Ok(shown) if json => print_json(&shown.document).map(|()| DONE),
                Ok(_) => Ok(print(&format!("{id} is no more.\n")).map(|()| DONE)?),
                Err(failure) => Ok(failed(&failure, client.url(), look)),
            }
        }
        WebhooksAction::Rotate(id) => {
            // A second one would end the secret that the first has made.
            let rotated = async || client.rotate_webhook(id).await;
            show(client, patiently(Repeat::Unsafe, told, rotated).await, json, look)
        }
        WebhooksAction::Test(id) => test(client, id, json).await,
        WebhooksAction::Deliveries { id, state, limit } => {
            deliveries(client, id, state, limit, json).await
        }
        WebhooksAction::Resend(id, delivery) => {
            let wanted = async || client.resend(id, delivery).await;
            match patiently(Repeat::Safe, told, wanted).await {
                Ok(shown) if json => print_json(&shown.document).map(|()| DONE),
                Ok(_) => {
                    print(&format!(
                        "{delivery} will be sent once more; `dropgate webhooks deliveries {id}` \
                         tells what comes of it.\n"
                    ))?;
                    Ok(DONE)
                }
                Err(failure) => Ok(failed(&failure, client.url(), look)),
            }
        }
    }
}

async fn list(client: &Client, json: bool) -> anyhow::Result<u8> {
    let (mut webhooks, mut documents, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = async || client.webhooks(cursor.as_deref()).await;
        match patiently(Repeat::Safe, told, page).await {
            Err(failure) => return Ok(failed(&failure, client.url(), "")),
            Ok((mut page, next)) => {
                webhooks.extend(page.read.items);
                if let Value::Array(items) = page.document["items"].take() {
                    documents.extend(items);
                }
                cursor = next;
            }
        }
        if cursor.is_none() {
            break;
        }
    }
    if json {
        return print_json(&Page { items: documents, next_cursor: None }).map(|()| DONE);
    }
    let titles = ["WEBHOOK", "STATE", "PENDING", "DEAD", "FAILING SINCE", "DELIVERED", "URL"];
    let rows = webhooks.into_iter().map(|webhook| {
        [
            webhook.id,
            webhook.state,
            webhook.pending.to_string(),
            webhook.dead.to_string(),
            or_dash(webhook.failing_since),
            or_dash(webhook.last_delivered_at),
            webhook.url,
        ]
    });
    print(&Columns::new(titles, &[2, 3]).draw(rows))?;
    Ok(DONE)
}

fn show(
    client: &Client,
    shown: Result<Shown<Webhook>, Failure>,
    json: bool,
    unknown: &str,
) -> anyhow::Result<u8> {
    let webhook = match shown {
        Err(failure) => return Ok(failed(&failure, client.url(), unknown)),
        Ok(shown) if json => return print_json(&shown.document).map(|()| DONE),
        Ok(shown) => shown.read,
    };
    let all = |list: Option<Vec<String>>| list.map_or("all".to_owned(), |list| list.join(", "));
    let lines = [
        ("webhook", webhook.id),
        ("url", webhook.url),
        ("state", webhook.state),
        ("drops", all(webhook.drops)),
        ("events", all(webhook.types)),
        ("a request has", format!("{} events at most", webhook.batch)),
        ("for", webhook.description),
        ("made at", webhook.created_at.to_string()),
        ("delivered at", or_dash(webhook.last_delivered_at)),
        ("failing since", or_dash(webhook.failing_since)),
        ("last error", or_dash(webhook.last_error)),
        ("pending", webhook.pending.to_string()),
        ("dead", webhook.dead.to_string()),
    ];
    let mut text: String = lines
        .into_iter()
        .map(|(name, value)| format!("{name:<14} {value}").trim_end().to_owned() + "\n")
        .collect();
    if let Some(secret) = webhook.secret {
        text += &format!("\n  {secret}\n\nThis is the only time that the secret is shown.\n");
    }
    print(&text)?;
    Ok(DONE)
}

async fn test(client: &Client, id: WebhookId, json: bool) -> anyhow::Result<u8> {
    let tried = async || client.test_webhook(id).await;
    let shown = match patiently(Repeat::Safe, told, tried).await {
        Ok(shown) => shown,
        Err(failure) => return Ok(failed(&failure, client.url(), "Try again.")),
    };
    let attempt = &shown.read;
    if json {
        print_json(&shown.document)?;
    } else {
        let status = or_dash(attempt.status);
        let took = attempt.milliseconds;
        let error = attempt.error.as_deref().unwrap_or_default();
        match attempt.delivered {
            true => print(&format!("The receiver took it: {status}, after {took} ms.\n"))?,
            false => print(&format!("The receiver did not take it: {error}, after {took} ms.\n"))?,
        }
    }
    Ok(if attempt.delivered { DONE } else { REFUSED })
}

async fn deliveries(
    client: &Client,
    id: WebhookId,
    state: Option<DeliveryState>,
    limit: u16,
    json: bool,
) -> anyhow::Result<u8> {
    let page = async || client.deliveries(id, state, limit).await;
    let shown = match patiently(Repeat::Safe, told, page).await {
        Ok(shown) if json => return print_json(&shown.document).map(|()| DONE),
        Ok(shown) => shown,
        Err(failure) => return Ok(failed(&failure, client.url(), "")),
    };
    let titles = ["DELIVERY", "STATE", "DROP", "EVENT", "TYPE", "TRIES", "LAST", "NEXT", "ERROR"];
    let rows = shown.read.items.into_iter().map(|delivery| {
        [
            delivery.id,
            delivery.state.as_str().to_owned(),
            delivery.drop,
            delivery.event,
            delivery.event_type,
            delivery.attempts.to_string(),
            delivery.last_at.to_string(),
            or_dash(delivery.next_at),
            or_dash(delivery.error),
        ]
    });
    print(&Columns::new(titles, &[5]).draw(rows))?;
    Ok(DONE)
}
