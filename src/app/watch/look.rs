//! Looks at the engine again and again.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::client::{Client, Drop, Failure, Figures, Rates};
use crate::config::WatchSettings;
use crate::domain::DropId;

/// How long a look may take: an engine answers within 5 seconds.
const LIMIT: Duration = Duration::from_secs(5);

/// What one look found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// The drop, as the ledger has it.
    pub(super) drop: Drop,
    /// What the process that answered says of it; `None` where it says nothing.
    pub(super) figures: Option<Figures>,
    /// What happened through that process since the look before.
    pub(super) rates: Option<Rates>,
}

/// What the looks find, one after the other.
pub(super) type Looks = mpsc::Receiver<Result<Seen, Failure>>;

/// Starts to look; ends when nobody listens any more.
pub(super) fn start(settings: &WatchSettings) -> Result<Looks, Failure> {
    let client = Client::with_limit(&settings.client, LIMIT)?;
    let mut looker = Looker { client, drop: settings.drop.clone(), before: None };
    let every = settings.every;
    let (found, looks) = mpsc::channel(1);
    tokio::spawn(async move {
        while found.send(looker.look().await).await.is_ok() {
            tokio::time::sleep(every).await;
        }
    });
    Ok(looks)
}

struct Looker {
    client: Client,
    drop: DropId,
    before: Option<(Instant, Figures)>,
}

impl Looker {
    async fn look(&mut self) -> Result<Seen, Failure> {
        let (drop, metrics) = tokio::join!(self.client.drop(&self.drop), self.client.metrics());
        // Whoever is silent in between may be another process afterwards.
        let before = self.before.take();
        let drop = drop?.read;
        // Metrics are often kept from whoever is not Prometheus; the stock is shown without.
        let Ok(metrics) = metrics else { return Ok(Seen { drop, figures: None, rates: None }) };
        let now = Instant::now();
        let figures = Figures::read(&metrics, self.drop.as_str());
        let counted = figures.clone().unwrap_or_default();
        let rates = before.map(|(then, before)| counted.rates_since(&before, now - then));
        self.before = Some((now, counted));
        Ok(Seen { drop, figures, rates })
    }
}
