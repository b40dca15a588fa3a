//! Puts pseudonyms in the place of customers.

use rand::distr::{Alphanumeric, SampleString as _};

use super::{Ledger, LedgerError, read::parse};
use crate::domain::{CustomerId, DropId};

/// How long an erasure in one drop may take: it looks through all that the drop's ledger has.
const ERASE_WITHIN: &str = "SET LOCAL statement_timeout = '120s'";
/// Letters and digits of a pseudonym: some 190 bits.
const LETTERS: usize = 32;

/// What an erasure in one drop came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasedFrom {
    /// The customer is gone from so many reservations, and the drop has a new epoch.
    Erased {
        /// Reservations that have a pseudonym now.
        reservations: i64,
        /// The generation in which Redis must be for the id to be gone there too.
        epoch: i64,
    },
    /// The customer has an active hold; nothing was changed.
    HasHold,
}

/// A drop in which a customer has reservations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerDrop {
    /// Which.
    pub drop: DropId,
    /// Whether one of them is an active hold.
    pub has_hold: bool,
}

impl Ledger {
    /// The drops in which a customer has reservations: all, or `only` this one.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn drops_of_customer(
        &self,
        customer: &CustomerId,
        only: Option<&DropId>,
    ) -> Result<Vec<CustomerDrop>, LedgerError> {
        // Drop by drop, each through the index.
        let sql = "SELECT d.id, r.has_hold
            FROM drops d, LATERAL (SELECT bool_or(state = 'held') AS has_hold
                FROM reservations WHERE drop_id = d.id AND customer_id = $1) r
            WHERE r.has_hold IS NOT NULL AND ($2::text IS NULL OR d.id = $2) ORDER BY d.id";
        let only = only.map(DropId::as_str);
        let rows = self.reader().await?.query(sql, &[&customer.as_str(), &only]).await?;
        rows.iter()
            .map(|row| Ok(CustomerDrop { drop: parse(row, 0)?, has_hold: row.try_get(1)? }))
            .collect()
    }

    /// Replaces a customer in one drop by a random pseudonym, everywhere and in one transaction,
    /// which also raises the drop's epoch: what Redis has of the old one can't become durable any
    /// more.
    ///
    /// # Errors
    /// [`LedgerError`]; after [`LedgerError::Unavailable`] it may have happened, and may be asked
    /// for again.
    pub async fn erase(
        &self,
        drop: &DropId,
        customer: &CustomerId,
    ) -> Result<ErasedFrom, LedgerError> {
        let pseudonym = format!("erased-{}", Alphanumeric.sample_string(&mut rand::rng(), LETTERS));
        let mut connection = self.reader().await?;
        let transaction = connection.transaction().await?;
        transaction.batch_execute(ERASE_WITHIN).await?;
        let sql = "SELECT erased, new_epoch FROM dropgate_erase($1, $2, $3)";
        let erased =
            transaction.query_one(sql, &[&drop.as_str(), &customer.as_str(), &pseudonym]).await;
        match erased {
            Ok(row) => {
                let erased =
                    ErasedFrom::Erased { reservations: row.try_get(0)?, epoch: row.try_get(1)? };
                transaction.commit().await?;
                Ok(erased)
            }
            Err(error) if error.code().is_some_and(|code| code.code() == "DG003") => {
                Ok(ErasedFrom::HasHold)
            }
            Err(error) => Err(error.into()),
        }
    }
}
