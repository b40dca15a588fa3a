//! The ledger for whoever looks into it: page by page, or a whole one as CSV.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::extract::DropPath;
use super::ledger_csv::ledger_csv;
use super::problem::{Problem, Refused};
use super::query::Query;
use super::storefront::parsed;
use super::value;
use super::{Api, body::Wrong};
use crate::domain::{DropId, KINDS, LedgerFilter, LedgerRange, LedgerRow, Millis, Page};
use crate::engine::CallError;

/// The most events of one piece of CSV: a few hundred kilobytes.
const PIECE: i64 = 500;

/// `GET …/ledger`
pub(super) async fn page(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    mut query: Query,
) -> Result<Json<Page<LedgerRow>>, Problem> {
    let (filter, mut range) = asked(&mut query);
    range.newest_first = query.optional("order", newest_first).unwrap_or_default();
    let limit = query.limit(1000, 100);
    query.finish()?;
    let plain = LedgerRange { after: range.after, ..LedgerRange::default() };
    let page = if filter == LedgerFilter::default() && range == plain {
        // Whoever follows a ledger needs no look at where it ends.
        api.read(api.engine.ledger(&drop, range.after, limit)).await
    } else {
        api.read(api.engine.ledger_fitting(&drop, &filter, &range, limit)).await
    };
    page.map(Json).map_err(problem)
}

/// `GET …/ledger.csv`: everything that fits, as of one moment, read a span at a time as its client
/// takes it.
pub(super) async fn whole(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    mut query: Query,
) -> Result<Response, Problem> {
    let (filter, LedgerRange { after, before, .. }) = asked(&mut query);
    query.finish()?;
    let head = api.read(api.engine.ledger_head(&drop)).await.map_err(problem)?;
    let upto = before.map_or(head, |before| head.min(before - 1));
    let name = format!("attachment; filename=\"{drop}-ledger.csv\"");
    let mut writing = Writing { api, drop, filter, after, upto, begun: false };
    // What can't even begin is a problem; what ends in between is an answer that is cut off.
    let first = writing.piece().await.map_err(problem)?.unwrap_or_default();
    let begin = stream::once(std::future::ready(Ok::<_, io::Error>(first)));
    let rest = stream::try_unfold(writing, |mut writing| async move {
        let piece = writing.piece().await.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(piece.map(|piece| (piece, writing)))
    });
    let body = Body::from_stream(begin.chain(rest));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, body).into_response())
}

/// A ledger that is being written out.
struct Writing {
    api: Arc<Api>,
    drop: DropId,
    filter: LedgerFilter,
    after: i64,
    upto: i64,
    begun: bool,
}

impl Writing {
    /// The next lines; `None` behind the last.
    async fn piece(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            let begins = !std::mem::replace(&mut self.begun, true);
            if !begins && self.after >= self.upto {
                return Ok(None);
            }
            let end = self.upto.min(self.after.saturating_add(PIECE)).max(self.after);
            let span = self.api.engine.ledger_span(&self.drop, &self.filter, (self.after, end));
            let rows = self.api.read(span).await?;
            self.after = end;
            // A span without a row that fits is no piece.
            if begins || !rows.is_empty() {
                let lines = ledger_csv(&rows, begins);
                let lines = lines.map_err(|error| CallError::none(error.to_string()))?;
                return Ok(Some(lines.into()));
            }
        }
    }
}

/// Which rows are asked for, and of which part of the ledger.
fn asked(query: &mut Query) -> (LedgerFilter, LedgerRange) {
    let filter = LedgerFilter {
        customer: query.optional("customer_id", parsed),
        reservation: query.optional("reservation_id", parsed),
        sku: query.optional("sku", parsed),
        kinds: query.optional("kind", kinds).unwrap_or_default(),
        since: query.optional("since", time),
        until: query.optional("until", time),
    };
    let range = LedgerRange {
        after: query.optional("after_seq", seq).unwrap_or_default(),
        before: query.optional("before_seq", seq),
        newest_first: false,
    };
    (filter, range)
}

fn time(text: &str) -> Result<Millis, Wrong> {
    value::time(&Value::from(text))
}

fn seq(text: &str) -> Result<i64, Wrong> {
    let number = text.parse().ok().filter(|seq| *seq >= 0);
    number.ok_or_else(|| "must be a whole number from 0".to_owned())
}

/// Kinds with commas between.
fn kinds(text: &str) -> Result<Vec<String>, Wrong> {
    let kind = |word: &str| KINDS.contains(&word).then(|| word.to_owned());
    let kinds: Option<Vec<String>> = text.split(',').map(kind).collect();
    kinds.ok_or_else(|| format!("must be of {}, with commas between", KINDS.join(", ")))
}

fn newest_first(text: &str) -> Result<bool, Wrong> {
    match text {
        "oldest" => Ok(false),
        "newest" => Ok(true),
        _ => Err("must be oldest or newest".to_owned()),
    }
}

fn problem(error: CallError) -> Problem {
    Refused::Call.problem(error)
}
