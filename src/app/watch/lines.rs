//! A line of JSON whenever something has changed.

use std::io::{self, Write as _};

use serde_json::Value;

use super::End;
use super::look::Looks;
use super::picture::Picture;
use crate::clock;

/// Writes until nobody reads.
pub(super) async fn write(mut picture: Picture, mut looks: Looks) -> End {
    let mut last = Value::Null;
    while let Some(found) = looks.recv().await {
        if let Err(refused) = picture.take(found, clock::now()) {
            return End::Refused(refused);
        }
        let document = picture.document();
        if document == last {
            continue;
        }
        if let Err(error) = line(&document, picture.why()) {
            return End::Output(error);
        }
        last = document;
    }
    End::Enough
}

fn line(document: &Value, why: Option<&str>) -> io::Result<()> {
    let mut document = document.clone();
    document["at"] = serde_json::json!(clock::now());
    if let Some(why) = why {
        document["why"] = why.into();
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{document}")?;
    out.flush()
}
