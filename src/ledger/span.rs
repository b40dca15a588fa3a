//! Reading a whole ledger, a span of events at a time.

use chrono::{DateTime, Utc};

use super::{
    Ledger, LedgerError,
    read::{LEDGER_ROW, ledger_row},
};
use crate::domain::{
    CustomerId, DropId, LedgerFilter, LedgerRange, LedgerRow, Millis, Page, ReservationId, SkuId,
};

/// The most events of one span: some megabytes in memory, some milliseconds in Postgres.
pub const SPAN: i64 = 2_000;

/// The most spans that are looked through for one page.
const LOOKS: usize = 25;
/// The events of the first of them; each has four times as many as the one before.
const FIRST: i64 = 125;

impl Ledger {
    /// A page of the rows within `range` that fit `filter`, whole events only, `limit` of them or a
    /// few more. `head` is how far the ledger goes.
    ///
    /// So many events are looked at for one page and no more: one that is not full, or empty, is the
    /// last only if there is no `next_cursor`, which is the bound of the next one.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn fitting(
        &self,
        drop: &DropId,
        filter: &LedgerFilter,
        range: &LedgerRange,
        limit: i64,
        head: i64,
    ) -> Result<Page<LedgerRow>, LedgerError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let LedgerRange { after, before, newest_first } = *range;
        let (mut low, mut high) = (after, before.map_or(head, |before| head.min(before - 1)));
        let (mut items, mut size) = (Vec::new(), FIRST);
        for _ in 0..LOOKS {
            if low >= high || items.len() >= limit {
                break;
            }
            let span = match newest_first {
                true => (low.max(high - size), high),
                false => (low, high.min(low + size)),
            };
            let mut rows = self.span(drop, filter, span.0, span.1).await?;
            if newest_first {
                // The lines of an event stay in their order.
                rows.sort_by_key(|row| std::cmp::Reverse(row.seq));
                high = span.0;
            } else {
                low = span.1;
            }
            items.append(&mut rows);
            size = SPAN.min(size * 4);
        }
        let mut next = (low < high).then_some(if newest_first { high + 1 } else { low });
        if let Some(cut) = end_of_page(&items, limit) {
            items.truncate(cut);
            next = items.last().map(|row| row.seq);
        }
        Ok(Page { items, next_cursor: next.map(|seq| seq.to_string()) })
    }

    /// The rows of a drop's ledger that fit `filter`, behind `after` and up to `upto`, in order.
    ///
    /// A span is bounded by `seq` and not by the number of rows that fit, so that also a filter
    /// that hardly anything fits costs each statement the same. What a ledger once has doesn't
    /// change, so spans that are read one after another show it as of one moment.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn span(
        &self,
        drop: &DropId,
        filter: &LedgerFilter,
        after: i64,
        upto: i64,
    ) -> Result<Vec<LedgerRow>, LedgerError> {
        let sql = format!(
            "SELECT {LEDGER_ROW} FROM ledger WHERE drop_id = $1 AND seq > $2 AND seq <= $3
             AND ($4::text IS NULL OR customer_id = $4)
             AND ($5::uuid IS NULL OR reservation_id = $5)
             AND ($6::text IS NULL OR sku = $6)
             AND ($7::text[] IS NULL OR kind = ANY($7))
             AND ($8::timestamptz IS NULL OR occurred_at >= $8)
             AND ($9::timestamptz IS NULL OR occurred_at < $9)
             ORDER BY seq, line"
        );
        let LedgerFilter { customer, reservation, sku, kinds, since, until } = filter;
        let customer = customer.as_ref().map(CustomerId::as_str);
        let reservation = reservation.map(ReservationId::uuid);
        let sku = sku.as_ref().map(SkuId::as_str);
        let kinds = (!kinds.is_empty()).then_some(kinds);
        let [since, until]: [Option<DateTime<Utc>>; 2] =
            [since, until].map(|at| at.map(Millis::to_datetime));
        let connection = self.reader().await?;
        let statement = connection.prepare_cached(&sql).await?;
        let rows = connection
            .query(
                &statement,
                &[
                    &drop.as_str(),
                    &after,
                    &upto,
                    &customer,
                    &reservation,
                    &sku,
                    &kinds,
                    &since,
                    &until,
                ],
            )
            .await?;
        rows.iter().map(ledger_row).collect()
    }
}

/// Where a page of `limit` rows ends, behind the event to which the last of them belongs; `None` when
/// that is the end of `rows`.
fn end_of_page(rows: &[LedgerRow], limit: usize) -> Option<usize> {
    let last = rows.get(limit.checked_sub(1)?)?.seq;
    let more = rows[limit..].iter().take_while(|row| row.seq == last).count();
    (limit + more < rows.len()).then_some(limit + more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[i64]) -> Vec<LedgerRow> {
        let row = |seq: &i64| LedgerRow {
            epoch: 1,
            seq: *seq,
            kind: "held".to_owned(),
            reservation_id: None,
            customer_id: None,
            sku: None,
            quantity: 1,
            order_id: None,
            occurred_at: Millis(0),
            reference: None,
            reason: None,
            settings: None,
        };
        of.iter().map(row).collect()
    }

    #[test]
    fn a_page_ends_behind_an_event() {
        for (of, limit, end) in [
            (&[][..], 2, None),
            (&[1], 2, None),
            (&[1, 2], 2, None),
            (&[1, 2, 3], 2, Some(2)),
            (&[1, 2, 2, 2, 3], 2, Some(4)),
            (&[1, 2, 2, 2], 2, None),
            (&[3, 3, 2], 1, Some(2)),
        ] {
            assert_eq!(end_of_page(&rows(of), limit), end, "{of:?}");
        }
    }
}
