//! `dropgate erase`: a customer leaves the ledger and Redis, with running engines or without.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::bail;
use serde_json::json;

use super::{bare_engine, refuse_beside_strangers};
use crate::{
    config::EraseSettings,
    domain::DropId,
    engine::{CallError, Engine, Erasure},
    ledger::Decision,
    task,
};

/// 0 when the id is gone; 1 when it is not, for an active hold or because nobody said yes.
pub(super) async fn run(settings: EraseSettings) -> anyhow::Result<u8> {
    let EraseSettings { customer, only, yes, json, store, ledger, log: _ } = settings;
    if !yes && !confirmed(&customer.to_string())? {
        println!("Nothing was erased.");
        return Ok(1);
    }
    let engine = bare_engine(&store, &ledger)?;
    refuse_beside_strangers(&engine).await?;
    let erasure = match engine.erase_from_ledger(&customer, only.as_ref()).await {
        Err(CallError::UnknownDrop) => bail!("there is no such drop"),
        erasure => erasure?,
    };
    let drops = match erasure {
        Erasure::HasHolds(drops) => {
            let drops: Vec<&str> = drops.iter().map(|drop| drop.as_str()).collect();
            bail!(
                "the customer has an active hold in {}: release or confirm it, or ask again once \
                 it has ended",
                drops.join(", ")
            );
        }
        Erasure::Done(drops) => drops,
    };
    for behind in engine.behind_ledger(only.as_ref()).await? {
        let seen = behind.progress.durable();
        let rebuilt = task::rebuild(&engine, &behind, &seen, Decision::Protocol, &|_| {}).await?;
        if let Some(overdue) = rebuilt {
            engine.write_grace(&behind.id, &overdue).await;
        }
    }
    wait_for_others(&engine, only.as_ref()).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&json!({ "drops": drops }))?);
        return Ok(0);
    }
    for erased in &drops {
        println!("{}: {} reservations have a pseudonym now.", erased.drop, erased.reservations);
    }
    if drops.is_empty() {
        println!("Nothing in the ledger has this id.");
    }
    Ok(0)
}

/// A drop that somebody else rebuilds is waited for: only then is the id gone.
async fn wait_for_others(engine: &Engine, only: Option<&DropId>) -> anyhow::Result<()> {
    for _ in 0..600 {
        if engine.behind_ledger(only).await?.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    bail!("the ledger has forgotten the id, but a drop is not rebuilt in Redis yet: ask again")
}

fn confirmed(customer: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("this can't be undone: give --yes where there is nobody to ask");
    }
    print!("This can't be undone. Write the customer's id again to erase it: ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == customer)
}
