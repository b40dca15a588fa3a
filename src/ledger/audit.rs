//! What the ledger says about itself: its counts, and whether its own parts agree.

use super::{
    Head, Ledger, LedgerError,
    read::{HEAD, sku_stock},
};
use crate::domain::{DropId, SkuStock};

/// One row a violation: what the facts come to, against what is kept.
const VIOLATIONS: &str = "
WITH facts AS (
    SELECT sku, seq, line,
        CASE kind WHEN 'restocked' THEN quantity ELSE 0 END AS total,
        CASE kind WHEN 'held' THEN quantity WHEN 'changed' THEN quantity
            WHEN 'confirmed' THEN -quantity WHEN 'released' THEN -quantity
            WHEN 'expired' THEN -quantity ELSE 0 END AS held,
        CASE kind WHEN 'confirmed' THEN quantity WHEN 'returned' THEN -quantity ELSE 0 END AS sold
    FROM ledger WHERE drop_id = $1 AND sku IS NOT NULL
), prefixes AS (
    SELECT sku, seq, sum(total) OVER w AS total, sum(held) OVER w AS held, sum(sold) OVER w AS sold
    FROM facts WINDOW w AS (PARTITION BY sku ORDER BY seq, line)
), sums AS (
    SELECT sku, sum(total) AS total, sum(held) AS held, sum(sold) AS sold FROM facts GROUP BY sku
), lines AS (
    SELECT l.sku, sum(l.quantity) FILTER (WHERE r.state = 'held') AS held,
        sum(l.quantity) FILTER (WHERE r.state = 'confirmed') AS sold
    FROM reservations r JOIN reservation_lines l
        ON l.drop_id = r.drop_id AND l.reservation_id = r.id
    WHERE r.drop_id = $1 AND r.state IN ('held', 'confirmed') GROUP BY l.sku
)
SELECT format('sku %s at seq %s: held %s + sold %s is not between 0 and total %s',
    sku, seq, held, sold, total)
FROM prefixes WHERE held < 0 OR sold < 0 OR held + sold > total
UNION ALL
SELECT format('sku %s: the ledger sums up to total %s, held %s, sold %s; stock says %s, %s, %s',
    s.sku, COALESCE(f.total, 0), COALESCE(f.held, 0), COALESCE(f.sold, 0), s.total, s.held, s.sold)
FROM stock s LEFT JOIN sums f USING (sku) WHERE s.drop_id = $1
    AND (s.total, s.held, s.sold)
        <> (COALESCE(f.total, 0), COALESCE(f.held, 0), COALESCE(f.sold, 0))
UNION ALL
SELECT format('sku %s: its reservations hold %s and own %s; stock says %s and %s',
    s.sku, COALESCE(l.held, 0), COALESCE(l.sold, 0), s.held, s.sold)
FROM stock s LEFT JOIN lines l USING (sku) WHERE s.drop_id = $1
    AND (s.held, s.sold) <> (COALESCE(l.held, 0), COALESCE(l.sold, 0))
UNION ALL
SELECT format('%s of %s events are missing', n.missing, d.last_seq)
FROM drops d, LATERAL (SELECT d.last_seq - count(DISTINCT seq) AS missing FROM ledger
    WHERE drop_id = $1) n
WHERE d.id = $1 AND n.missing <> 0
LIMIT 20";

impl Ledger {
    /// A drop's head and counts, as of one instant; `None` for a drop it doesn't know.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn counts(
        &self,
        drop: &DropId,
    ) -> Result<Option<(Head, Vec<SkuStock>)>, LedgerError> {
        let sql = format!(
            "SELECT s.sku, s.total, s.available, s.held, s.sold, s.version, {HEAD}
            FROM drops d LEFT JOIN stock s ON s.drop_id = d.id WHERE d.id = $1
            ORDER BY s.created_seq, s.sku"
        );
        let connection = self.reader().await?;
        let statement = connection.prepare_cached(&sql).await?;
        let rows = connection.query(&statement, &[&drop.as_str()]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let head = Head::read(first, 6)?;
        let mut counts = Vec::new();
        for row in &rows {
            if row.try_get::<_, Option<&str>>(0)?.is_some() {
                counts.push(sku_stock(row)?);
            }
        }
        Ok(Some((head, counts)))
    }

    /// What the ledger's own parts disagree about, at most 20 findings: at every prefix
    /// `0 <= held + sold <= total`, facts against stock, reservations against stock, no gap.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn violations(&self, drop: &DropId) -> Result<Vec<String>, LedgerError> {
        let rows = self.reader().await?.query(VIOLATIONS, &[&drop.as_str()]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
