//! What this process shows of a drop: the durable picture, and the answers made of it.
//!
//! Most public reads ask for what somebody has just been shown. So an answer is made once, on
//! the first read behind a change, and given out as it is until the picture changes.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::Engine;
use crate::domain::{DropState, DropView, Millis, SkuId, SkuStock};

/// An answer as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The entity tag of its version, in quotes.
    pub tag: Bytes,
    /// The body.
    pub body: Bytes,
}

/// The picture and what was made of it. No answer is kept longer than what it shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    view: Option<Arc<DropView>>,
    /// The drop's own answer; times change its state without an event.
    drop: Option<(DropState, Rendered)>,
    skus: HashMap<SkuId, Rendered>,
}

impl Shown {
    pub(super) fn new(view: Arc<DropView>) -> Shown {
        Shown { view: Some(view), ..Shown::default() }
    }

    pub(super) fn view(&self) -> Option<&Arc<DropView>> {
        self.view.as_ref()
    }

    fn drop_at(&self, now: Millis) -> Option<Rendered> {
        let state = self.view.as_ref()?.settings.state_at(now);
        let kept = self.drop.as_ref().filter(|(of, _)| *of == state);
        kept.map(|(_, rendered)| rendered.clone())
    }

    /// Notes counts that became durable, up to `seq`. Older ones are ignored. Says whether a SKU is
    /// sold out by them, or is no longer.
    pub(super) fn apply(&mut self, epoch: i64, seq: i64, stock: &[SkuStock]) -> bool {
        let Some(known) = self.view.as_mut() else { return false };
        if (epoch, seq) <= (known.epoch, known.seq) {
            return false;
        }
        let mut turned = false;
        self.drop = None;
        // Whoever holds the old picture keeps it; this one is then another.
        let known = Arc::make_mut(known);
        (known.epoch, known.seq) = (epoch, seq);
        for new in stock {
            if let Some(sku) = known.skus.iter_mut().find(|sku| sku.stock.sku == new.sku)
                && sku.stock.version < new.version
            {
                self.skus.remove(&new.sku);
                turned |= (sku.stock.stock.available > 0) != (new.stock.available > 0);
                sku.stock = new.clone();
            }
        }
        turned
    }

    /// Keeps what was made of `view`, unless that is not the picture any more.
    fn keep(&mut self, view: &Arc<DropView>, keep: impl FnOnce(&mut Shown)) {
        if self.view.as_ref().is_some_and(|known| Arc::ptr_eq(known, view)) {
            keep(self);
        }
    }
}

impl Engine {
    /// A SKU's answer, if one was kept since it last changed.
    #[must_use]
    pub fn rendered_sku(&self, drop: &str, sku: &str) -> Option<Rendered> {
        self.with_known(drop, |handle| handle.shown().skus.get(sku).cloned())
    }

    /// A drop's answer, if one was kept since its last event, in the state that it has `now`.
    #[must_use]
    pub fn rendered_drop(&self, drop: &str, now: Millis) -> Option<Rendered> {
        self.with_known(drop, |handle| handle.shown().drop_at(now))
    }

    /// Whether this process shows a drop with no unit left; `false` of one that it does not show.
    #[must_use]
    pub fn shows_nothing_left(&self, drop: &str) -> bool {
        let empty =
            |view: &Arc<DropView>| view.skus.iter().all(|sku| sku.stock.stock.available <= 0);
        self.with_known(drop, |handle| handle.shown().view().map(empty)).unwrap_or(false)
    }

    /// Keeps a SKU's answer, made of `view`, unless that is not the picture any more.
    pub fn keep_sku(&self, view: &Arc<DropView>, sku: SkuId, rendered: &Rendered) {
        self.keep(view, |shown| _ = shown.skus.insert(sku, rendered.clone()));
    }

    /// Keeps the drop's answer, made of `view` for `state`, unless that is not the picture any
    /// more.
    pub fn keep_drop(&self, view: &Arc<DropView>, state: DropState, rendered: &Rendered) {
        self.keep(view, |shown| shown.drop = Some((state, rendered.clone())));
    }

    fn keep(&self, view: &Arc<DropView>, keep: impl FnOnce(&mut Shown)) {
        if let Some(handle) = self.known_drop(&view.id) {
            handle.shown_mut().keep(view, keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DetailsVersion, DropSettings, SkuSettings, SkuView, Stock};

    fn stock(sku: &str, available: i64, version: i64) -> SkuStock {
        let stock = Stock { total: available, available, held: 0, sold: 0 };
        SkuStock { sku: sku.parse().expect("an id"), stock, version }
    }

    /// A drop that opens at 5 and closes at 8, with two SKUs, at seq 2 of epoch 1.
    fn picture() -> Arc<DropView> {
        let settings = DropSettings {
            name: "Summer".to_owned(),
            state: DropState::Scheduled,
            opens_at: Some(Millis(5)),
            closes_at: Some(Millis(8)),
            hold_ttl_seconds: 900,
            max_hold_seconds: 3600,
            limit_per_customer: None,
            expiring_soon_seconds: Vec::new(),
        };
        let sku = |stock: SkuStock| SkuView {
            settings: SkuSettings {
                name: stock.sku.to_string(),
                limit_per_customer: None,
                low_stock_threshold: 5,
            },
            stock,
            details: DetailsVersion::default(),
        };
        let skus = vec![sku(stock("a", 9, 1)), sku(stock("b", 9, 2))];
        let id = "summer".parse().expect("an id");
        Arc::new(DropView { id, settings, epoch: 1, seq: 2, skus })
    }

    fn rendered(text: &'static str) -> Rendered {
        Rendered { tag: Bytes::from_static(b"\"1\""), body: Bytes::from_static(text.as_bytes()) }
    }

    /// A picture of which everything was rendered.
    fn full() -> Shown {
        let mut shown = Shown::new(picture());
        let view = shown.view().cloned().expect("a picture");
        for sku in ["a", "b"] {
            let id = sku.parse().expect("an id");
            shown.keep(&view, |shown| _ = shown.skus.insert(id, rendered(sku)));
        }
        shown.keep(&view, |shown| shown.drop = Some((DropState::Open, rendered("open"))));
        shown
    }

    #[test]
    fn an_answer_goes_with_what_it_shows() {
        let mut shown = full();
        assert_eq!(shown.skus.get("a"), Some(&rendered("a")));
        shown.apply(1, 3, &[stock("a", 8, 3)]);
        assert_eq!(shown.skus.get("a"), None);
        assert_eq!(shown.skus.get("b"), Some(&rendered("b")));
        assert_eq!(shown.drop_at(Millis(5)), None);
        // A new epoch with counts that are known: the drop's version is another, a SKU's is not.
        let mut shown = full();
        shown.apply(2, 3, &[stock("a", 9, 1)]);
        assert_eq!(shown.skus.get("a"), Some(&rendered("a")));
        assert_eq!(shown.drop_at(Millis(5)), None);
    }

    #[test]
    fn it_is_noticed_when_a_sku_is_sold_out_and_when_it_is_not_any_more() {
        let mut shown = Shown::new(picture());
        for (seq, available, turned) in
            [(3, 1, false), (4, 0, true), (5, 0, false), (6, 2, true), (6, 0, false)]
        {
            assert_eq!(shown.apply(1, seq, &[stock("a", available, seq)]), turned, "{seq}");
        }
    }

    #[test]
    fn old_news_change_nothing() {
        let mut shown = full();
        shown.apply(1, 2, &[stock("a", 8, 3)]);
        assert_eq!(shown.skus.get("a"), Some(&rendered("a")));
        assert_eq!(shown.drop_at(Millis(5)), Some(rendered("open")));
    }

    #[test]
    fn a_drop_is_shown_in_the_state_that_the_time_makes() {
        let shown = full();
        for (now, kept) in [(4, false), (5, true), (7, true), (8, false)] {
            assert_eq!(shown.drop_at(Millis(now)).is_some(), kept, "{now}");
        }
    }

    #[test]
    fn what_was_made_of_an_older_picture_is_not_kept() {
        let mut shown = Shown::new(picture());
        let before = shown.view().cloned().expect("a picture");
        shown.apply(1, 3, &[stock("a", 8, 3)]);
        assert_eq!((before.seq, before.skus[0].stock.version), (2, 1));
        let late = |shown: &mut Shown| shown.drop = Some((DropState::Open, rendered("late")));
        shown.keep(&before, late);
        assert_eq!(shown.drop_at(Millis(5)), None);
        // Nor of one that looks the same and was read another time.
        let mut shown = Shown::new(picture());
        shown.keep(&picture(), late);
        assert_eq!(shown.drop_at(Millis(5)), None);
    }
}
