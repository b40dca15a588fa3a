//! What became durable, told to everybody in this process and in others.

use serde::{Deserialize, Serialize};

use super::DropHandle;
use crate::{
    domain::SkuStock,
    ledger::{Ledger, LedgerError},
    progress::Position,
};

/// What one commit made durable, in the words in which engines tell each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableNews {
    /// The drop's generation.
    pub epoch: i64,
    /// The last `seq` before it.
    pub from: i64,
    /// Each entry's last `seq` and chain, in order.
    pub chains: Vec<(i64, String)>,
    /// The counts that it left.
    pub stock: Vec<SkuStock>,
    /// Whether settings changed.
    pub configures: bool,
}

impl DropHandle {
    /// Notes a commit: first what reads show, then the calls that wait for it.
    ///
    /// # Errors
    /// [`LedgerError`] when settings changed and can't be read; nobody is told then.
    pub async fn committed(&self, ledger: &Ledger, news: &DurableNews) -> Result<(), LedgerError> {
        let Some((seq, chain)) = news.chains.last().cloned() else { return Ok(()) };
        let known = self.progress.durable();
        if (news.epoch, news.from) > (known.epoch, known.seq) {
            // Some news was lost on the way.
            return self.refresh(ledger).await;
        }
        if news.configures {
            self.follow(ledger).await?;
        } else {
            self.apply(news.epoch, seq, &news.stock);
        }
        self.progress.advance(Position { epoch: news.epoch, seq, chain }, &news.chains);
        Ok(())
    }

    /// Reads the picture again. One that can't be read is forgotten: it must hold up the reads
    /// that want it, not the drop's write-behind.
    async fn follow(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        match self.reload(ledger).await {
            Ok(_) => Ok(()),
            Err(LedgerError::Unreadable(what)) => {
                tracing::error!(drop = %self.id, what, "the drop can't be shown");
                self.forget_view();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Asks the ledger where the drop stands, and notes that.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn refresh(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let Some(head) = ledger.head(&self.id).await? else { return Ok(()) };
        let known = self.progress.durable();
        if (head.epoch, head.seq) <= (known.epoch, known.seq) {
            return Ok(());
        }
        if self.known_view().is_some() {
            self.follow(ledger).await?;
        }
        let chains = ledger.chains(&self.id, known.seq, head.seq).await?;
        let position = Position { epoch: head.epoch, seq: head.seq, chain: head.chain };
        self.progress.advance(position, &chains);
        Ok(())
    }
}
