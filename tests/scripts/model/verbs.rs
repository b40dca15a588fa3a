//! What each verb does to a drop, said once more and in another way than the scripts say it.

use std::collections::BTreeSet;

use super::{
    ops::{Key, Lines, Op, Settings, pack_lines},
    state::{Model, Reservation, Sku},
};

/// What an operation should come to.
#[derive(Debug)]
pub(super) enum Wanted {
    /// This very text.
    Text(String),
    /// A sweep's answer: more is due, or this is the nearest deadline of a hold. Groups of
    /// deadlines outlive their holds, so the answer may lie before that.
    Swept(Option<i64>),
}

type Outcome = Result<String, String>;

fn time(at: i64) -> String {
    if at == 0 { "*".to_owned() } else { at.to_string() }
}

impl Model {
    /// Does one operation; its events are the next ones of the journal.
    pub(super) fn apply(&mut self, op: &Op) -> Wanted {
        let done = match op {
            Op::Reserve { id, customer, lines, ttl, key } => {
                self.reserve(id, customer, lines, *ttl, key)
            }
            Op::Change { id, lines, key } => self.change(id, lines, key),
            Op::Extend { id, ttl, key } => self.extend(id, *ttl, key),
            Op::Confirm { id, order, again, handed, key } => {
                self.confirm(id, order, *again, *handed, key)
            }
            Op::Release { id, handed, key } => self.release(id, *handed, key),
            Op::Return { id, lines, restock, handed, key } => {
                self.give(id, lines.as_ref(), *restock, *handed, key)
            }
            Op::Restock { sku, quantity, key } => self.restock(sku, *quantity, key),
            Op::Expire { most } => return self.sweep(*most),
            Op::Put { settings } => self.put_drop(settings),
            Op::Act { action } => self.act(action),
            Op::PutSku { sku, limit, initial } => self.put_sku(sku, *limit, *initial),
        };
        Wanted::Text(done.unwrap_or_else(|refusal| refusal))
    }

    fn known(&self, key: &Key) -> Result<(), String> {
        let known = key.as_ref().and_then(|(key, print)| Some((print, self.keys.get(key)?)));
        match known {
            None => Ok(()),
            Some((print, (first, seq, _))) if print == first => Err(format!("REPLAYED {seq}")),
            Some(_) => Err("KEY_REUSED".to_owned()),
        }
    }

    fn is_open(&self) -> Result<(), String> {
        let opens_at = time(self.opens_at);
        match self.state_now() {
            "open" => Ok(()),
            "scheduled" => Err(format!("NOT_OPEN {opens_at}")),
            "paused" => Err(format!("PAUSED {opens_at}")),
            _ => Err(format!("CLOSED {opens_at}")),
        }
    }

    /// Whether these lines may be had; `own` is the reservation that has some of it already.
    fn may_take(&mut self, customer: &str, lines: &Lines, own: Option<&str>) -> Result<(), String> {
        if let Some((sku, _)) = lines.iter().find(|(sku, _)| !self.skus.contains_key(sku)) {
            return Err(format!("UNKNOWN_SKU {sku}"));
        }
        if self.within_limits(customer, lines, own).is_err() {
            let due = |(id, r): &(&String, &Reservation)| {
                r.customer == customer && self.is_due(r) && own != Some(id.as_str())
            };
            for _ in 0..self.reservations.iter().filter(due).count() {
                let id = self.expire_next();
                assert_eq!(self.reservations[&id].customer, customer, "freed for a limit");
            }
        }
        self.within_limits(customer, lines, own)?;
        let had: Vec<i64> = lines
            .iter()
            .map(|(sku, _)| own.map_or(0, |id| self.reservations[id].units(sku)))
            .collect();
        let mut short = Vec::new();
        for ((sku, wanted), own) in lines.iter().zip(had) {
            self.free_due(sku, wanted - own);
            let available = self.skus[sku].available + own;
            if available < *wanted {
                short.push(format!("{sku}:{wanted}:{available}"));
            }
        }
        match (short.is_empty(), self.admit) {
            (false, _) => Err(format!("SOLD_OUT {}", short.join(","))),
            (true, false) => Err("STALLED".to_owned()),
            (true, true) => Ok(()),
        }
    }

    fn within_limits(
        &self,
        customer: &str,
        lines: &Lines,
        own: Option<&str>,
    ) -> Result<(), String> {
        let own = own.map(|id| &self.reservations[id]);
        let ids = self.lists.get(customer).cloned().unwrap_or_default();
        let ids = ids.into_iter().take(20).collect::<Vec<_>>().join(",");
        let ids = if ids.is_empty() { "*".to_owned() } else { ids };
        let asked: i64 = lines.iter().map(|(_, units)| units).sum();
        let owned: i64 = own.map_or(0, |r| r.lines.iter().map(|(_, units)| units).sum());
        let used = self.used(customer, None) - owned;
        if let Some(limit) = self.limit.filter(|limit| used + asked > *limit) {
            return Err(format!("LIMIT_EXCEEDED {limit} {used} {asked} * {ids}"));
        }
        for (sku, asked) in lines {
            let owned = own.map_or(0, |r| r.units(sku));
            let used = self.used(customer, Some(sku)) - owned;
            let over = self.skus[sku].limit.filter(|limit| used + asked > *limit);
            if let Some(limit) = over.filter(|_| *asked > owned) {
                return Err(format!("LIMIT_EXCEEDED {limit} {used} {asked} {sku} {ids}"));
            }
        }
        Ok(())
    }

    /// Takes the lines for a reservation that is held from now on.
    fn hold(&mut self, id: &str, r: &Reservation) {
        for (sku, units) in &r.lines {
            self.shift(sku, -units, *units, 0);
        }
        self.list(&r.customer, id);
        self.put(id, r.clone());
        assert!(self.limit.is_none_or(|limit| self.used(&r.customer, None) <= limit));
        for (sku, _) in &r.lines {
            let used = self.used(&r.customer, Some(sku));
            assert!(self.skus[sku].limit.is_none_or(|limit| used <= limit), "above {sku}'s limit");
        }
    }

    fn reserve(
        &mut self,
        id: &str,
        customer: &str,
        lines: &Lines,
        ttl: Option<i64>,
        key: &Key,
    ) -> Outcome {
        self.known(key)?;
        let ttl = ttl.unwrap_or(self.ttl);
        if ttl > self.ttl {
            return Err(format!("TTL_TOO_LONG {}", self.ttl));
        }
        self.is_open()?;
        self.may_take(customer, lines, None)?;
        let r = Reservation {
            state: 'H',
            customer: customer.to_owned(),
            created: self.now,
            expires: self.now + ttl,
            order: "*".to_owned(),
            lines: lines.clone(),
            skus: BTreeSet::new(),
            changed: (0, 0),
            left: false,
        };
        self.event("held", key, &format!("{id} {} *", r.pack()));
        self.hold(id, &r);
        Ok(format!("HELD {} {}", r.created, r.expires))
    }

    /// A reservation as the script may see it. One that is due expires now.
    fn find(&mut self, id: &str, handed: bool) -> Result<Reservation, String> {
        let unknown = || "UNKNOWN_RESERVATION".to_owned();
        let seen = handed || self.found.contains(id);
        let r = self.reservations.get(id).filter(|r| seen || !r.left).ok_or_else(unknown)?;
        if self.is_due(r) {
            assert_eq!(self.next_expired().as_deref(), Some(id), "it expires first");
            self.expire_next();
        }
        self.found.insert(id.to_owned());
        Ok(self.reservations[id].clone())
    }

    fn find_held(&mut self, id: &str) -> Result<Reservation, String> {
        let r = self.find(id, false)?;
        if r.state == 'H' { Ok(r) } else { Err(format!("ENDED {}", r.state)) }
    }

    fn change(&mut self, id: &str, lines: &Lines, key: &Key) -> Outcome {
        self.known(key)?;
        let mut r = self.find_held(id)?;
        if lines.iter().any(|(sku, units)| *units > r.units(sku)) {
            self.is_open()?;
            self.may_take(&r.customer, lines, Some(id))?;
        }
        let kept = lines.iter().map(|(sku, units)| (sku.clone(), units - r.units(sku)));
        let dropped = r.lines.iter().filter(|(sku, _)| lines.iter().all(|(new, _)| new != sku));
        let dropped = dropped.map(|(sku, units)| (sku.clone(), -units));
        let moved: Lines = kept.chain(dropped).filter(|(_, units)| *units != 0).collect();
        if moved.is_empty() && key.is_none() {
            return Ok(format!("CHANGED {}", r.pack()));
        }
        for (sku, units) in &moved {
            self.shift(sku, -units, *units, 0);
        }
        r.lines.clone_from(lines);
        self.event("changed", key, &format!("{id} {} {}", r.pack(), pack_lines(&moved)));
        self.put(id, r.clone());
        Ok(format!("CHANGED {}", r.pack()))
    }

    fn extend(&mut self, id: &str, ttl: Option<i64>, key: &Key) -> Outcome {
        self.known(key)?;
        let mut r = self.find_held(id)?;
        let ttl = ttl.unwrap_or(self.ttl);
        if ttl > self.ttl {
            return Err(format!("TTL_TOO_LONG {}", self.ttl));
        }
        let longest = r.created + self.max_hold;
        let expires = longest.min(self.now + ttl).max(self.deadline(&r));
        if expires == r.expires {
            return Err("MAX_HOLD H".to_owned());
        }
        r.expires = expires;
        self.event("extended", key, &format!("{id} {} *", r.pack()));
        self.put(id, r.clone());
        Ok(format!("EXTENDED {}", r.pack()))
    }

    fn confirm(&mut self, id: &str, order: &str, again: bool, handed: bool, key: &Key) -> Outcome {
        self.known(key)?;
        let mut r = self.find(id, handed)?;
        match r.state {
            'H' => {}
            'C' if r.order == order => return Ok(format!("ALREADY {}", r.pack())),
            'E' if again => {
                self.may_take(&r.customer.clone(), &r.lines.clone(), None)?;
                r.state = 'H';
                r.expires = self.now + self.ttl;
                self.event("held", &None, &format!("{id} {} *", r.pack()));
                self.hold(id, &r);
            }
            state => return Err(format!("ENDED {state}")),
        }
        for (sku, units) in &r.lines {
            self.shift(sku, 0, -units, *units);
        }
        r.state = 'C';
        order.clone_into(&mut r.order);
        self.event("confirmed", key, &format!("{id} {} *", r.pack()));
        self.put(id, r.clone());
        Ok(format!("CONFIRMED {}", r.pack()))
    }

    fn release(&mut self, id: &str, handed: bool, key: &Key) -> Outcome {
        self.known(key)?;
        let r = self.find(id, handed)?;
        match r.state {
            'H' => {}
            'R' => return Ok(format!("ALREADY {}", r.pack())),
            state => return Err(format!("ENDED {state}")),
        }
        self.give_back(id, 'R', "released", key);
        Ok(format!("RELEASED {}", self.reservations[id].pack()))
    }

    fn give(
        &mut self,
        id: &str,
        lines: Option<&Lines>,
        restock: bool,
        handed: bool,
        key: &Key,
    ) -> Outcome {
        self.known(key)?;
        let mut r = self.find(id, handed)?;
        if r.state != 'C' {
            return Err(format!("ENDED {}", r.state));
        }
        let back = lines.unwrap_or(&r.lines).clone();
        let given = |sku: &str| {
            back.iter().filter(|(known, _)| known == sku).map(|line| line.1).sum::<i64>()
        };
        if let Some((sku, _)) = back.iter().find(|(sku, units)| *units > r.units(sku)) {
            return Err(format!("NOT_OWNED {sku} {}", r.units(sku)));
        }
        let left = r.lines.iter().map(|(sku, units)| (sku.clone(), units - given(sku)));
        let left: Lines = left.filter(|(_, units)| *units > 0).collect();
        if left.is_empty() {
            r.state = 'T';
            self.unlist(&r.customer, id);
        } else {
            r.lines = left;
        }
        self.event("returned", key, &format!("{id} {} {} null", r.pack(), pack_lines(&back)));
        for (sku, units) in &back {
            self.shift(sku, *units, 0, -units);
        }
        for (sku, units) in back.iter().filter(|_| !restock) {
            self.shift(sku, -units, 0, 0);
            let counts = self.counts(sku);
            self.event("restocked", &None, &format!("{sku} -{units} {counts} * null"));
        }
        self.put(id, r.clone());
        Ok(format!("RETURNED {}", r.pack()))
    }

    fn counts(&self, sku: &str) -> String {
        let Sku { available, held, sold, .. } = self.skus[sku];
        format!("{} {available} {held} {sold}", available + held + sold)
    }

    fn restock(&mut self, sku: &str, quantity: i64, key: &Key) -> Outcome {
        self.known(key)?;
        if !self.skus.contains_key(sku) {
            return Err(format!("UNKNOWN_SKU {sku}"));
        }
        self.free_due(sku, -quantity);
        let available = self.skus[sku].available;
        if available < -quantity {
            return Err(format!("INSUFFICIENT {available}"));
        }
        self.shift(sku, quantity, 0, 0);
        let counts = self.counts(sku);
        self.event("restocked", key, &format!("{sku} {quantity} {counts} * null"));
        Ok(format!("RESTOCKED {counts}"))
    }

    fn sweep(&mut self, most: usize) -> Wanted {
        for freed in 0.. {
            if self.next_expired().is_none() {
                break;
            }
            assert!(freed < most, "more was freed than asked for");
            self.expire_next();
        }
        let held = self.reservations.values().filter(|r| r.state == 'H');
        Wanted::Swept(held.map(|r| self.deadline(r)).min())
    }

    fn put_drop(&mut self, Settings { limit, opens_at, closes_at }: &Settings) -> Outcome {
        if *opens_at != 0 && *closes_at != 0 && closes_at <= opens_at {
            return Err(format!("CLOSES_FIRST {opens_at} {closes_at}"));
        }
        self.limit = *limit;
        (self.opens_at, self.closes_at) = (*opens_at, *closes_at);
        self.event("configured", &None, "* {\"x\":1}");
        Ok("CONFIGURED 0".to_owned())
    }

    fn act(&mut self, action: &str) -> Outcome {
        let over = self.closes_at != 0 && self.closes_at <= self.now;
        let closed = format!("CLOSED {}", time(self.opens_at));
        let state = match action {
            "open" | "pause" if over => return Err(closed),
            "pause" if self.state == "closed" => return Err(closed),
            "open" => "open",
            "pause" => "paused",
            "close" => "closed",
            _ => self.state_now(),
        };
        if state != self.state {
            self.state = state.to_owned();
            self.event("configured", &None, &format!("* {{\"state\":\"{}\"}}", self.state.clone()));
        }
        Ok("CONFIGURED 0".to_owned())
    }

    fn put_sku(&mut self, sku: &str, limit: Option<i64>, initial: i64) -> Outcome {
        self.event("configured", &None, &format!("{sku} {{}}"));
        if let Some(stock) = self.skus.get_mut(sku) {
            stock.limit = limit;
            return Ok("CONFIGURED 0".to_owned());
        }
        self.skus.insert(sku.to_owned(), Sku { available: initial, held: 0, sold: 0, limit });
        if initial > 0 {
            let counts = self.counts(sku);
            self.event("restocked", &None, &format!("{sku} {initial} {counts} * null"));
        }
        Ok("CONFIGURED 1".to_owned())
    }
}
