//! A shopper: takes a hold, changes its mind, pays, gives back, asks again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt as _, rngs::StdRng};

use super::{field::Field, stall::Stall};
use crate::books::{Ask, Lines, Meaning, Told, Verb};

/// Customers of one moment in one drop: few enough to meet their limits.
const CUSTOMERS: u32 = 30;
/// So long the same customers come.
const MOMENT: Duration = Duration::from_secs(4);
/// Answers that a shopper asks for again some time.
const OLD: usize = 20;

/// One shopper.
#[derive(Debug)]
pub struct Shopper {
    name: String,
    field: Arc<Field>,
    stalls: Arc<Vec<Stall>>,
    rng: StdRng,
    since: Instant,
    /// Requests that succeeded, to be asked for again.
    old: Vec<Ask>,
    /// Between two steps, in milliseconds.
    think: std::ops::Range<u64>,
}

impl Shopper {
    /// A shopper of this name.
    #[must_use]
    pub fn new(name: String, field: Arc<Field>, stalls: Arc<Vec<Stall>>, rng: StdRng) -> Shopper {
        let since = Instant::now();
        Shopper { name, field, stalls, rng, since, old: Vec::new(), think: 10..70 }
    }

    /// Shops until told to stop.
    pub async fn run(mut self) {
        while !self.field.is_stopping() {
            self.journey().await;
            self.think().await;
        }
    }

    async fn think(&mut self) {
        let pause = self.rng.random_range(self.think.clone());
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn ask(&mut self, verb: Verb, drop: &str, keyed: bool) -> Ask {
        let request = self.field.request();
        Ask {
            request,
            client: self.name.clone(),
            verb,
            drop: drop.to_owned(),
            key: keyed.then(|| format!("k-{}-{request}", self.name)),
            ..Ask::default()
        }
    }

    async fn tell(&mut self, ask: &Ask) -> Option<Told> {
        let told = self.field.until_known(ask, &mut self.rng).await;
        if ask.key.is_some() && told.as_ref().is_some_and(|told| told.meaning() == Meaning::Done) {
            if self.old.len() >= OLD {
                self.old.remove(0);
            }
            self.old.push(ask.clone());
        }
        told
    }

    async fn journey(&mut self) {
        if self.chance(6) {
            return self.ask_again().await;
        }
        let stall = self.choose();
        let keyed = self.chance(85);
        let mut ask = self.ask(Verb::Reserve, &stall.drop, keyed);
        ask.lines = stall.cart(&mut self.rng);
        let moment = self.since.elapsed().as_secs() / MOMENT.as_secs();
        let number = self.rng.random_range(0..CUSTOMERS);
        // One without a key is told apart by its customer.
        ask.customer = Some(match keyed {
            true => format!("c-{moment}-{number}"),
            false => format!("once-{}", ask.request),
        });
        ask.ttl = self.chance(40).then(|| self.rng.random_range(1..=stall.ttl));
        let told = self.tell(&ask).await;
        if let Some(id) = id_of(told.as_ref()) {
            self.own(&stall, &id, ask.lines).await;
        }
    }

    fn choose(&mut self) -> Stall {
        let sum: u32 = self.stalls.iter().map(|stall| stall.weight).sum();
        let mut at = self.rng.random_range(0..sum);
        for stall in self.stalls.iter() {
            if at < stall.weight {
                return stall.clone();
            }
            at -= stall.weight;
        }
        self.stalls[0].clone()
    }

    /// What becomes of a hold.
    async fn own(&mut self, stall: &Stall, id: &str, mut lines: Lines) {
        for _ in 0..self.rng.random_range(0..3) {
            self.think().await;
            match self.rng.random_range(0..3) {
                0 => self.change(stall, id, &mut lines).await,
                1 => self.extend(stall, id).await,
                _ => self.read(&stall.drop, id).await,
            }
        }
        match self.rng.random_range(0..10) {
            0..5 => self.confirm(stall, id, &lines, false).await,
            5..8 => {
                let keyed = self.chance(50);
                let mut ask = self.ask(Verb::Release, &stall.drop, keyed);
                ask.reservation = Some(id.to_owned());
                self.tell(&ask).await;
            }
            8 => {}
            // Comes back too late, and wants it all the same.
            _ => {
                let late = Duration::from_millis(self.rng.random_range(500..4000));
                tokio::time::sleep(late).await;
                self.confirm(stall, id, &lines, true).await;
            }
        }
    }

    async fn change(&mut self, stall: &Stall, id: &str, lines: &mut Lines) {
        let mut ask = self.ask(Verb::Change, &stall.drop, true);
        ask.reservation = Some(id.to_owned());
        ask.lines = stall.cart(&mut self.rng);
        let told = self.tell(&ask).await;
        if id_of(told.as_ref()).is_some() {
            *lines = ask.lines;
        }
    }

    async fn extend(&mut self, stall: &Stall, id: &str) {
        let keyed = self.chance(60);
        let mut ask = self.ask(Verb::Extend, &stall.drop, keyed);
        ask.reservation = Some(id.to_owned());
        ask.ttl = self.chance(50).then(|| self.rng.random_range(1..=stall.ttl));
        self.tell(&ask).await;
    }

    async fn read(&mut self, drop: &str, id: &str) {
        let mut ask = self.ask(Verb::Read, drop, false);
        ask.reservation = Some(id.to_owned());
        let engine = self.rng.random_range(0..self.field.engines());
        self.field.try_at(engine, &ask).await;
    }

    async fn confirm(&mut self, stall: &Stall, id: &str, lines: &Lines, again: bool) {
        let keyed = self.chance(40);
        let mut ask = self.ask(Verb::Confirm, &stall.drop, keyed);
        ask.reservation = Some(id.to_owned());
        ask.order = Some(format!("o-{}", ask.request));
        ask.again = again;
        let told = self.tell(&ask).await;
        if id_of(told.as_ref()).is_none() {
            return;
        }
        self.read(&stall.drop, id).await;
        if self.chance(40) {
            self.think().await;
            self.give_back(stall, id, lines).await;
        }
    }

    async fn give_back(&mut self, stall: &Stall, id: &str, lines: &Lines) {
        let mut ask = self.ask(Verb::Return, &stall.drop, true);
        ask.reservation = Some(id.to_owned());
        ask.mark = Some(format!("back-{}", ask.request));
        // Damaged ones leave the total.
        ask.again = self.chance(80);
        if self.chance(50)
            && let Some((sku, quantity)) = lines.iter().next()
        {
            ask.lines = Lines::from([(sku.clone(), self.rng.random_range(1..=*quantity))]);
        }
        self.tell(&ask).await;
    }

    /// An old request again, as it was or with another body.
    async fn ask_again(&mut self) {
        if self.old.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.old.len());
        let mut ask = self.old[at].clone();
        if ask.verb == Verb::Reserve && self.chance(30) {
            ask.request = self.field.request();
            ask.customer = Some(format!("thief-{}", ask.request));
            ask.stolen_key = true;
        }
        self.field.until_known(&ask, &mut self.rng).await;
    }
}

/// The reservation in a success.
pub(super) fn id_of(told: Option<&Told>) -> Option<String> {
    let told = told.filter(|told| told.meaning() == Meaning::Done)?;
    told.body["id"].as_str().map(str::to_owned)
}
