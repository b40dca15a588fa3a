//! One buyer's hands: makes calls, repeats those without an answer, and enters all in the
//! books.

use std::time::Duration;

use goose::goose::GooseUser;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::books::{Fate, Open, Wish};
use crate::mix::Kind;
use crate::wire::{Answer, Lines, Request, Reservation, Sent, Verb, lines_json, send};
use crate::world::World;

/// The longest wait before a call without an answer is repeated.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A buyer at the shop.
pub(crate) struct Shopper<'a> {
    pub(crate) world: &'a World,
    pub(crate) customer: String,
    pub(crate) rng: StdRng,
    user: &'a mut GooseUser,
    calls: u32,
}

impl<'a> Shopper<'a> {
    /// The buyer `number` of a kind.
    pub(crate) fn new(
        world: &'a World,
        user: &'a mut GooseUser,
        kind: Kind,
        number: usize,
    ) -> Shopper<'a> {
        // Each buyer has dice of its own: what it does hangs on the seed and on the answers,
        // not on who else is there.
        let dice = world.plan.seed ^ (((number as u64) << 8) | kind.index() as u64);
        let customer = format!("{}-{number}", kind.as_str());
        Shopper { world, customer, rng: StdRng::seed_from_u64(dice), user, calls: 0 }
    }

    /// A hold, with an idempotency key.
    pub(crate) async fn reserve(&mut self, lines: &Lines) -> Fate {
        let wish = self.reserve_wish(lines);
        self.settle(wish).await
    }

    /// A hold, without a key, sent once: what is not answered is not known.
    pub(crate) async fn reserve_carelessly(&mut self, lines: &Lines) -> Fate {
        let wish = Wish { key: None, ..self.reserve_wish(lines) };
        self.settle(wish).await
    }

    /// Other lines for a hold.
    pub(crate) async fn change(&mut self, held: &Reservation, lines: &Lines) -> Fate {
        let lines = Some(lines.clone());
        let wish = Wish { lines, ..self.wish_about(Verb::Change, held) };
        self.settle(wish).await
    }

    /// More time for a hold.
    pub(crate) async fn extend(&mut self, held: &Reservation) -> Fate {
        let wish = self.wish_about(Verb::Extend, held);
        self.settle(wish).await
    }

    /// Pays for a hold.
    pub(crate) async fn confirm(&mut self, held: &Reservation) -> Fate {
        let wish = self.confirm_wish(held);
        self.settle(wish).await
    }

    /// Gives a hold back.
    pub(crate) async fn release(&mut self, held: &Reservation) -> Fate {
        let wish = self.wish_about(Verb::Release, held);
        self.settle(wish).await
    }

    /// A wish for a hold, with a key of its own.
    pub(crate) fn reserve_wish(&mut self, lines: &Lines) -> Wish {
        Wish {
            verb: Verb::Reserve,
            customer: self.customer.clone(),
            reservation: None,
            lines: Some(lines.clone()),
            order: None,
            key: Some(self.new_key()),
        }
    }

    /// A wish to pay for a hold, with a key of its own. One hold has one order.
    pub(crate) fn confirm_wish(&mut self, held: &Reservation) -> Wish {
        let order = Some(format!("order-{}", held.id));
        Wish { order, ..self.wish_about(Verb::Confirm, held) }
    }

    fn wish_about(&mut self, verb: Verb, held: &Reservation) -> Wish {
        Wish {
            verb,
            customer: self.customer.clone(),
            reservation: Some(held.id.clone()),
            lines: None,
            order: None,
            key: Some(self.new_key()),
        }
    }

    fn new_key(&mut self) -> String {
        self.calls += 1;
        format!("{}-{}", self.customer, self.calls)
    }

    /// Sends a call until it is settled or the buyer's patience ends. Only a call that may be
    /// repeated without a second effect is.
    pub(crate) async fn settle(&mut self, wish: Wish) -> Fate {
        let request = self.request(&wish);
        let (verb, repeatable) = (wish.verb, wish.key.is_some() || wish.verb == Verb::Confirm);
        let mut open = Open::new(wish);
        self.persist(&mut open, verb, &request, repeatable).await;
        self.world.books.enter(open)
    }

    /// Sends one call `copies` times side by side, then, `later` times, once more after a
    /// while. All of it is one call in the books.
    pub(crate) async fn repeat(&mut self, wish: Wish, copies: usize, later: usize) -> Fate {
        let (verb, request) = (wish.verb, self.request(&wish));
        let mut open = Open::new(wish);
        let mut side_by_side = JoinSet::new();
        for _ in 0..copies {
            let (client, request) = (self.user.client.clone(), request.clone());
            let bearer = self.world.plan.storefront_key.clone();
            side_by_side.spawn(async move { send(&client, &bearer, &request).await });
        }
        while let Some(sent) = side_by_side.join_next().await {
            // A copy that panicked has no answer to enter.
            let Ok(sent) = sent else { continue };
            self.note(verb, &sent).await;
            // A copy that was refused before another one won says nothing about the call.
            if !matches!(sent.answer, Answer::Refused(_)) {
                open.take(&sent.answer);
            }
        }
        for _ in 0..later {
            self.think(20..150).await;
            self.persist(&mut open, verb, &request, true).await;
        }
        self.world.books.enter(open)
    }

    /// Sends different calls at the same time, then settles one after the other.
    pub(crate) async fn side_by_side(&mut self, wishes: Vec<Wish>) -> Vec<Fate> {
        let mut under_way = JoinSet::new();
        for (index, wish) in wishes.iter().enumerate() {
            let (client, request) = (self.user.client.clone(), self.request(wish));
            let bearer = self.world.plan.storefront_key.clone();
            under_way.spawn(async move { (index, send(&client, &bearer, &request).await) });
        }
        let mut calls: Vec<_> = wishes.iter().cloned().map(Open::new).collect();
        while let Some(sent) = under_way.join_next().await {
            let Ok((index, sent)) = sent else { continue };
            self.note(wishes[index].verb, &sent).await;
            calls[index].take(&sent.answer);
        }
        let mut fates = Vec::new();
        for (wish, mut open) in wishes.iter().zip(calls) {
            if !open.settled() {
                let request = self.request(wish);
                self.persist(&mut open, wish.verb, &request, wish.key.is_some()).await;
            }
            fates.push(self.world.books.enter(open));
        }
        fates
    }

    /// Sends until a success or a refusal comes, at least once.
    async fn persist(&mut self, open: &mut Open, verb: Verb, request: &Request, repeatable: bool) {
        let until = Instant::now() + self.world.plan.patience;
        loop {
            let sent = send(&self.user.client, &self.world.plan.storefront_key, request).await;
            self.note(verb, &sent).await;
            open.take(&sent.answer);
            let wait = match sent.answer {
                Answer::Done { .. } | Answer::Refused(_) => return,
                Answer::Nothing { retry_after, .. } | Answer::Unknown { retry_after, .. } => {
                    retry_after.min(LONGEST_WAIT)
                }
                Answer::Absurd(_) => Duration::from_secs(1),
            };
            if !repeatable || Instant::now() + wait >= until {
                return;
            }
            // Not all at the same moment.
            let spread = self.rng.random_range(0..400);
            sleep(wait + Duration::from_millis(spread)).await;
        }
    }

    /// Counts an answer in the books and in goose's metrics, where a refusal is a success:
    /// the engine did what it is there for.
    async fn note(&mut self, verb: Verb, sent: &Sent) {
        self.world.books.count(verb, sent);
        let failure = match &sent.answer {
            Answer::Done { .. } | Answer::Refused(_) => None,
            Answer::Nothing { why, .. } | Answer::Unknown { why, .. } => Some(why.as_str()),
            Answer::Absurd(_) => Some("not understood"),
        };
        let method = if verb == Verb::Change { "PUT" } else { "POST" };
        let recorded = self.user.record_custom_request_duration(
            method,
            verb.as_str(),
            sent.took,
            failure.is_none(),
            sent.status,
            failure,
        );
        // Goose's metrics are a view beside the books; losing one entry must not end a buyer.
        let _ = recorded.await;
    }

    fn request(&self, wish: &Wish) -> Request {
        let reservations =
            format!("{}/v1/drops/{}/reservations", self.world.plan.url, self.world.plan.drop);
        let lines = || wish.lines.as_ref().map_or(Value::Null, lines_json);
        let id = wish.reservation.as_deref().unwrap_or_default();
        let (method, url, body) = match wish.verb {
            Verb::Reserve => {
                let body = json!({ "customer_id": wish.customer, "lines": lines() });
                (Method::POST, reservations, body)
            }
            Verb::Change => {
                (Method::PUT, format!("{reservations}/{id}/lines"), json!({ "lines": lines() }))
            }
            Verb::Confirm => {
                let url = format!("{reservations}/{id}/confirm");
                (Method::POST, url, json!({ "order_id": wish.order }))
            }
            Verb::Extend | Verb::Release => {
                let url = format!("{reservations}/{id}/{}", wish.verb.as_str());
                (Method::POST, url, json!({}))
            }
        };
        Request { method, url, body, key: wish.key.clone() }
    }

    /// Waits as long as the dice say, in milliseconds.
    pub(crate) async fn think(&mut self, range: std::ops::Range<u64>) {
        let milliseconds = self.rng.random_range(range);
        sleep(Duration::from_millis(milliseconds)).await;
    }

    /// Waits for a part of the hold TTL, in percent.
    pub(crate) async fn wait_ttl(&mut self, percent: u32) {
        sleep(self.world.plan.ttl * percent / 100).await;
    }

    /// One SKU, the popular ones more often, that is not among `but`.
    pub(crate) fn pick(&mut self, but: &[String]) -> Option<String> {
        let skus = &self.world.plan.skus;
        let left: Vec<_> = skus.iter().filter(|sku| !but.contains(sku)).collect();
        if left.is_empty() {
            return None;
        }
        let (one, other) =
            (self.rng.random_range(0..left.len()), self.rng.random_range(0..left.len()));
        Some(left[one.min(other)].clone())
    }

    /// `quantity` units of one SKU.
    pub(crate) fn want(&mut self, quantity: i64) -> Lines {
        self.pick(&[]).map(|sku| (sku, quantity)).into_iter().collect()
    }
}
