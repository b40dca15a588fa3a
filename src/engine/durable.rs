//! What became durable, told to everybody in this process and in others.

use serde::{Deserialize, Serialize};

use super::DropHandle;
use crate::{
    domain::SkuStock,
    ledger::{Ledger, LedgerError},
    progress::{Halt, Position},
    trace::Took,
};

/// What one commit made durable, in the words in which engines tell each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableNews {
    /// The engine that committed it. It stands first, so that an engine knows its own words.
    #[serde(default)]
    pub by: String,
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
    /// How this process committed it, where calls are traced.
    #[serde(skip)]
    pub took: Option<Took>,
}

impl DurableNews {
    /// How words of an engine of this name begin.
    #[must_use]
    pub fn words_of(engine: &str) -> String {
        format!("{{\"by\":\"{engine}\",")
    }

    /// The last `seq` of it.
    #[must_use]
    pub fn last_seq(&self) -> i64 {
        self.chains.last().map_or(self.from, |(seq, _)| *seq)
    }

    /// Takes in what was committed right behind it. What does not fit takes its place: whoever
    /// hears of it notices the gap and asks the ledger.
    pub(super) fn join(&mut self, later: DurableNews) {
        if later.epoch != self.epoch || later.from != self.last_seq() {
            *self = later;
            return;
        }
        self.chains.extend(later.chains);
        self.stock.retain(|old| later.stock.iter().all(|new| new.sku != old.sku));
        self.stock.extend(later.stock);
        self.configures |= later.configures;
    }
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
        if let Some(took) = news.took {
            self.commits.note(&self.id, took, &self.progress.traced_up_to(seq));
        }
        self.progress.advance(Position { epoch: news.epoch, seq, chain }, &news.chains);
        self.tell_change();
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

    /// Asks the ledger where the drop stands, and notes that. A ledger below what was known
    /// *before* it was asked has gone back in time.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn refresh(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let known = self.progress.durable();
        let Some(head) = ledger.head(&self.id).await? else {
            self.halt(Some(Halt::Lost("the ledger doesn't have the drop any more".to_owned())));
            return Ok(());
        };
        self.note_lost(head.lost);
        if head.evicted {
            self.progress.note_evicted(head.epoch);
        }
        let reached = (head.epoch, head.seq);
        let position = Position { epoch: head.epoch, seq: head.seq, chain: head.chain };
        if reached < (known.epoch, known.seq) {
            tracing::error!(drop = %self.id, known = ?(known.epoch, known.seq), now = ?reached,
                "the ledger has gone back in time");
            self.forget_view();
            self.progress.went_back(position);
            return Ok(());
        }
        if reached == (known.epoch, known.seq) {
            return Ok(());
        }
        if self.known_view().is_some() {
            self.follow(ledger).await?;
        }
        let chains = ledger.chains(&self.id, known.seq, head.seq).await?;
        self.progress.advance(position, &chains);
        self.tell_change();
        Ok(())
    }

    /// Stops the drop if the ledger says that a person must decide, or lets it go on.
    pub(super) fn note_lost(&self, lost: Option<(i64, i64)>) {
        if let Some((epoch, seq)) = lost {
            self.halt(Some(Halt::Lost(format!(
                "the ledger has gone back in time: it lacks what was durable up to seq {seq} of \
                 epoch {epoch}"
            ))));
        } else if matches!(self.progress.halted(), Some(Halt::Lost(_))) {
            self.halt(None);
        }
    }

    /// Stops the drop until a person has looked, or lets it go on.
    pub fn halt(&self, why: Option<Halt>) {
        let known = self.progress.halted();
        if known == why {
            return;
        }
        // One that stands still is told by its name, also where nothing else has happened to it.
        self.counted.label(&self.id);
        match &why {
            Some(Halt::Refused(what)) => tracing::error!(drop = %self.id, what,
                "the ledger refuses an event: the drop stands still, and no event is skipped. \
                 Mend what the ledger misses, or give up what is not in it with `dropgate rebuild`"),
            Some(Halt::Lost(what)) => tracing::error!(drop = %self.id, what,
                "the drop stands still until a person has decided: bring the ledger back, or \
                 accept it as it is with `dropgate rebuild`"),
            Some(Halt::Newer(what)) => tracing::error!(drop = %self.id, what,
                "the drop stands still in this engine, whose version is too old for it: end this \
                 engine, and start the later version"),
            None => tracing::info!(drop = %self.id, "the drop goes on"),
        }
        self.progress.halt(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_knows_its_own_words_and_reads_those_of_earlier_versions() {
        let news = DurableNews {
            by: "one".to_owned(),
            epoch: 1,
            from: 4,
            chains: vec![(5, "c".to_owned())],
            stock: Vec::new(),
            configures: false,
            took: None,
        };
        let words = serde_json::to_string(&news).expect("numbers and texts");
        assert!(words.starts_with(&DurableNews::words_of("one")), "{words}");
        assert!(!words.starts_with(&DurableNews::words_of("on")), "{words}");
        let earlier = words.replace(&DurableNews::words_of("one"), "{");
        let read: DurableNews = serde_json::from_str(&earlier).expect("news");
        assert_eq!(read, DurableNews { by: String::new(), ..news });
    }
}
