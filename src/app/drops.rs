//! `dropgate drop`: drops through a running engine.

use serde_json::Value;

use super::failed::failed;
use super::output::{Columns, DONE, REFUSED, or_dash, print, print_json};
use crate::client::{Client, Drop, DropChange, Failure, Repeat, Shown, patiently};
use crate::config::{DropsAction, DropsSettings, NewDrop};
use crate::domain::{DropId, Page};

/// The status is the program's: see the help of `drop`.
pub(super) async fn run(settings: DropsSettings) -> anyhow::Result<u8> {
    let DropsSettings { action, json, client: at } = settings;
    let client = match Client::new(&at) {
        Ok(client) => client,
        Err(failure) => return Ok(failed(&failure, &at.url, "")),
    };
    match action {
        DropsAction::Create(new) => create(&client, &new, json).await,
        DropsAction::List => list(&client, json).await,
        DropsAction::Show(drop) => match read(&client, &drop).await {
            Ok(shown) => show(&shown, json),
            Err(failure) => Ok(failed(&failure, client.url(), "")),
        },
        DropsAction::Open(drop) => act(&client, &drop, DropChange::Open, json).await,
        DropsAction::Pause(drop) => act(&client, &drop, DropChange::Pause, json).await,
        DropsAction::Close(drop) => act(&client, &drop, DropChange::Close, json).await,
    }
}

async fn read(client: &Client, drop: &DropId) -> Result<Shown<Drop>, Failure> {
    patiently(Repeat::Safe, told, async || client.drop(drop).await).await
}

/// Tells whoever waits why.
pub(super) fn told(failure: &Failure) {
    eprintln!("dropgate: {failure}; trying again");
}

async fn create(client: &Client, new: &NewDrop, json: bool) -> anyhow::Result<u8> {
    let NewDrop { id, patch, skus, update } = new;
    let unknown = format!(
        "`dropgate drop show {id}` tells how far it came; the same command with --update goes on."
    );
    if !update {
        match read(client, id).await {
            Err(failure) if failure.code() == Some("unknown_drop") => {}
            Err(failure) => return Ok(failed(&failure, client.url(), "")),
            Ok(_) => {
                eprintln!(
                    "dropgate: there is a drop {id} already; nothing was changed.\nThe same \
                     command with --update changes what is given, and creates the SKUs that it \
                     lacks."
                );
                return Ok(REFUSED);
            }
        }
    }
    // Each step sets what is set, so a second time changes nothing; the first stock of a SKU counts
    // only when the SKU is new.
    let put = patiently(Repeat::Safe, told, async || client.put_drop(id, patch).await).await;
    if let Err(failure) = put {
        return Ok(failed(&failure, client.url(), &unknown));
    }
    for sku in skus {
        let put = patiently(Repeat::Safe, told, async || client.put_sku(id, sku).await).await;
        if let Err(failure) = put {
            let status = failed(&failure, client.url(), "");
            eprintln!("The drop {id} is there, its SKU {} may lack. {unknown}", sku.id);
            return Ok(status);
        }
    }
    match read(client, id).await {
        Ok(shown) => show(&shown, json),
        Err(failure) => {
            let status = failed(&failure, client.url(), "");
            eprintln!("The drop {id} is there with all its SKUs; it just can't be shown.");
            Ok(status)
        }
    }
}

async fn act(client: &Client, drop: &DropId, change: DropChange, json: bool) -> anyhow::Result<u8> {
    // Somebody may have closed in between what a second `open` would open again.
    match patiently(Repeat::Unsafe, told, async || client.act(drop, change).await).await {
        Ok(shown) if json => print_json(&shown.document).map(|()| DONE),
        Ok(shown) => {
            let Drop { id, state, .. } = &shown.read;
            print(&format!("{id} is {}.\n", state.as_str()))?;
            Ok(DONE)
        }
        Err(failure) => {
            let unknown = format!("`dropgate drop show {drop}` tells whether it happened.");
            Ok(failed(&failure, client.url(), &unknown))
        }
    }
}

async fn list(client: &Client, json: bool) -> anyhow::Result<u8> {
    let (mut drops, mut cursor) = (Vec::new(), None);
    loop {
        let page = patiently(Repeat::Safe, told, async || client.drops(cursor.as_deref()).await);
        match page.await {
            Err(failure) => return Ok(failed(&failure, client.url(), "")),
            Ok((items, next)) => {
                drops.extend(items);
                cursor = next;
            }
        }
        if cursor.is_none() {
            break;
        }
    }
    if json {
        let items: Vec<Value> = drops.into_iter().map(|drop| drop.document).collect();
        return print_json(&Page { items, next_cursor: None }).map(|()| DONE);
    }
    let titles =
        ["DROP", "STATE", "SKUS", "TOTAL", "AVAILABLE", "HELD", "SOLD", "OPENS", "CLOSES", "NAME"];
    let rows = drops.iter().map(|Shown { read: drop, .. }| {
        let sum = drop.sum();
        [
            drop.id.clone(),
            drop.state.as_str().to_owned(),
            drop.skus.len().to_string(),
            sum.total.to_string(),
            sum.available.to_string(),
            sum.held.to_string(),
            sum.sold.to_string(),
            or_dash(drop.opens_at),
            or_dash(drop.closes_at),
            drop.name.clone(),
        ]
    });
    print(&Columns::new(titles, &[2, 3, 4, 5, 6]).draw(rows))?;
    Ok(DONE)
}

/// When holders are warned, in the order in which they are.
fn warned(seconds: &[i64]) -> String {
    let mut seconds = seconds.to_vec();
    seconds.sort_unstable_by(|one, other| other.cmp(one));
    let words: Vec<String> = seconds.iter().map(|seconds| format!("{seconds} s")).collect();
    if words.is_empty() { "-".to_owned() } else { format!("{} before", words.join(", ")) }
}

fn show(shown: &Shown<Drop>, json: bool) -> anyhow::Result<u8> {
    if json {
        return print_json(&shown.document).map(|()| DONE);
    }
    let drop = &shown.read;
    let lines = [
        ("drop", drop.id.clone()),
        ("name", drop.name.clone()),
        ("state", drop.state.as_str().to_owned()),
        ("opens at", or_dash(drop.opens_at)),
        ("closes at", or_dash(drop.closes_at)),
        (
            "a hold lasts",
            format!("{} s, at most {} s", drop.hold_ttl_seconds, drop.max_hold_seconds),
        ),
        ("warned", warned(&drop.expiring_soon_seconds)),
        (
            "limit",
            drop.limit_per_customer
                .map_or_else(|| "-".to_owned(), |limit| format!("{limit} units a customer")),
        ),
        ("epoch, seq", format!("{}, {}", drop.epoch, drop.seq)),
    ];
    let mut text: String =
        lines.into_iter().map(|(name, value)| format!("{name:<12}  {value}\n")).collect();
    let rows = drop.skus.iter().map(|sku| {
        [
            sku.sku.clone(),
            sku.stock.total.to_string(),
            sku.stock.available.to_string(),
            sku.stock.held.to_string(),
            sku.stock.sold.to_string(),
            or_dash(sku.limit_per_customer),
            sku.name.clone(),
        ]
    });
    let titles = ["SKU", "TOTAL", "AVAILABLE", "HELD", "SOLD", "LIMIT", "NAME"];
    text.push('\n');
    text.push_str(&Columns::new(titles, &[1, 2, 3, 4, 5]).draw(rows));
    print(&text)?;
    Ok(DONE)
}
