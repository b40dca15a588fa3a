//! `dropgate keys`: made, listed, rotated and revoked in the database; engines hear of it.

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::connect_ledger;
use crate::{
    clock,
    config::{KeysAction, KeysSettings},
    domain::{ApiKey, ApiKeyId, ApiSecret, KeyChange, Millis, NewApiKey, Page, ShownApiKey},
    ledger::Ledger,
};

/// How many keys are read at a time.
const PAGE: i64 = 500;

pub(super) async fn run(settings: KeysSettings) -> anyhow::Result<()> {
    let KeysSettings { action, json, ledger, log: _ } = settings;
    let ledger = connect_ledger(&ledger)?;
    let doing = "the keys can't be reached; `dropgate migrate` brings the database up to date";
    match action {
        KeysAction::Create(key) => {
            if key.expires_at.is_some_and(|at| at <= clock::now()) {
                bail!("--expires-at is a time that has passed: give one to come");
            }
            show(&create(&ledger, &key).await.context(doing)?, json)
        }
        KeysAction::List => {
            let keys = list(&ledger).await.context(doing)?;
            if json {
                return print_json(&Page { items: keys, next_cursor: None });
            }
            keys.iter().for_each(print);
            if keys.is_empty() {
                println!("There is no key but the two from the settings.");
            }
            Ok(())
        }
        KeysAction::Rotate { id, overlap_seconds } => {
            let secret = ApiSecret::generate();
            let change = ledger.rotate_key(id, &secret.digest(), overlap_seconds).await;
            let key = done(id, change.context(doing)?)?;
            show(&ShownApiKey::of(key, clock::now()).with(&secret), json)
        }
        KeysAction::Revoke(id) => {
            let key = done(id, ledger.revoke_key(id).await.context(doing)?)?;
            show(&ShownApiKey::of(key, clock::now()), json)
        }
    }
}

async fn create(ledger: &Ledger, key: &NewApiKey) -> anyhow::Result<ShownApiKey> {
    let secret = ApiSecret::generate();
    let made = ledger.create_key(key, &secret.digest()).await?;
    Ok(ShownApiKey::of(made, clock::now()).with(&secret))
}

async fn list(ledger: &Ledger) -> anyhow::Result<Vec<ShownApiKey>> {
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = ledger.keys(cursor.as_deref(), PAGE).await?;
        keys.extend(page.items.into_iter().map(|key| ShownApiKey::of(key, clock::now())));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(keys);
        }
    }
}

fn done(id: ApiKeyId, change: KeyChange) -> anyhow::Result<ApiKey> {
    match change {
        KeyChange::Done(key) => Ok(key),
        KeyChange::Unknown => bail!("there is no key {id}: `dropgate keys list` shows them"),
        KeyChange::Ended(state) => bail!("the key {id} is {}: make a new one", state.as_str()),
    }
}

fn show(key: &ShownApiKey, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(key);
    }
    print(key);
    if let Some(secret) = key.secret() {
        println!("\n  {secret}\n\nThis is the only time that the secret is shown.");
    }
    Ok(())
}

fn print_json(shown: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(shown)?);
    Ok(())
}

fn print(shown: &ShownApiKey) {
    let key = shown.key();
    let or = |at: Option<Millis>, none: &str| at.map_or(none.to_owned(), |at| at.to_string());
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let drops = key.drops.as_ref().map(|drops| {
        let ids: Vec<&str> = drops.iter().map(|id| id.as_str()).collect();
        ids.join(",")
    });
    println!(
        "{}  {:<8} {:<24} {:<22} drops {:<16} expires {:<24} used {}",
        key.id,
        shown.state().as_str(),
        key.name,
        scopes.join(","),
        drops.as_deref().unwrap_or("all"),
        or(key.expires_at, "never"),
        or(key.last_used_at, "never"),
    );
}
