//! `dropgate restock`: units join a SKU's total or leave it, once however often it is sent.

use uuid::Uuid;

use super::drops::told;
use super::failed::failed;
use super::output::{DONE, UNKNOWN, print, print_json};
use crate::client::{Client, Counts, Failure, Repeat, RestockCall, Shown, patiently};
use crate::config::RestockSettings;

/// The status is the program's: see the help of `restock`.
pub(super) async fn run(settings: RestockSettings) -> anyhow::Result<u8> {
    let client = match Client::new(&settings.client) {
        Ok(client) => client,
        Err(failure) => return Ok(failed(&failure, &settings.client.url, "")),
    };
    let made = || format!("restock-{}", Uuid::now_v7());
    let key = settings.idempotency_key.clone().unwrap_or_else(made);
    let again = format!(
        "The units may have been moved, or may be yet. The same command with --idempotency-key {} \
         tells, and moves them once.",
        quoted(&key)
    );
    let call = RestockCall {
        drop: &settings.drop,
        sku: &settings.sku,
        quantity: settings.quantity,
        reason: settings.reason.as_deref(),
        reference: settings.reference.as_ref(),
        key: &key,
    };
    let note = |failure: &Failure| {
        told(failure);
        eprintln!("dropgate: with the same idempotency key, {key}");
    };
    let restock = patiently(Repeat::Safe, note, async || client.restock(&call).await);
    let restocked = tokio::select! {
        restocked = restock => restocked,
        // Whoever stops waiting must still be able to learn what came of it.
        _ = tokio::signal::ctrl_c() => {
            let why = "stopped before there was an answer";
            eprintln!("dropgate: the outcome is unknown: {why}\n{again}");
            return Ok(UNKNOWN);
        }
    };
    match restocked {
        Ok(shown) => show(&settings, &key, shown),
        Err(failure) => Ok(failed(&failure, client.url(), &again)),
    }
}

fn show(settings: &RestockSettings, key: &str, shown: Shown<Counts>) -> anyhow::Result<u8> {
    let Shown { mut document, read: Counts { stock }, replayed } = shown;
    if settings.json {
        document["idempotency_key"] = key.into();
        document["replayed"] = replayed.into();
        return print_json(&document).map(|()| DONE);
    }
    let RestockSettings { drop, sku, quantity, .. } = settings;
    let done = if replayed {
        format!("{quantity:+} units, moved once, with this key: this is the first answer again")
    } else {
        format!("{quantity:+} units")
    };
    print(&format!(
        "{drop} {sku}: {done}\ntotal {}, available {}, held {}, sold {}\nidempotency key {key}\n",
        stock.total, stock.available, stock.held, stock.sold
    ))?;
    Ok(DONE)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:@-".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("delivery-1"), "delivery-1");
        assert_eq!(quoted("it's $1"), r"'it'\''s $1'");
    }
}
