//! Random calls: a few customers, SKUs, reservations and keys, so that they often meet.

use rand::{RngExt as _, rngs::StdRng};

use super::{
    ops::{Key, Lines, Op, Settings},
    state::Model,
};
use crate::support::expand;

const SKUS: [&str; 3] = ["a", "b", "c"];

pub(super) struct Dice {
    random: StdRng,
    next_id: u32,
    /// Whether many operations share a call.
    crowded: bool,
}

impl Dice {
    pub(super) fn new(random: StdRng, crowded: bool) -> Dice {
        Dice { random, next_id: 1, crowded }
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: u32) -> bool {
        self.random.random_ratio(1, times)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    /// How far the drop's time moves before a call.
    pub(super) fn step_ms(&mut self) -> i64 {
        match self.below(100) {
            0..50 => 0,
            50..75 => self.random.random_range(1..500),
            75..93 => self.random.random_range(500..6_000),
            93..97 => 31_000,
            97 => 59_000,
            98 => 601_000,
            _ if self.once_in(20) => 86_500_000,
            _ => 300_000,
        }
    }

    /// The operations of one call, all of one verb.
    pub(super) fn call(&mut self, model: &Model) -> Vec<Op> {
        let verb = self.below(100);
        let most = match (self.crowded, self.once_in(4)) {
            (false, false) => 3,
            (false, true) => 8,
            (true, false) => 24,
            (true, true) => 60,
        };
        // A sweep is one operation.
        let operations = if (80..88).contains(&verb) { 1 } else { 1 + self.below(most) };
        (0..operations).map(|_| self.operation(verb, model)).collect()
    }

    fn operation(&mut self, verb: usize, model: &Model) -> Op {
        let key = self.key();
        match verb {
            0..30 => {
                let (id, customer) = (self.new_id(), self.customer());
                Op::Reserve { id, customer, lines: self.lines(), ttl: self.ttl(), key }
            }
            30..42 => Op::Change { id: self.id(model, "H"), lines: self.lines(), key },
            42..50 => Op::Extend { id: self.id(model, "H"), ttl: self.ttl(), key },
            50..62 => {
                let id = self.id(model, "HHHEC");
                let (order, again) = (format!("o{}", self.below(2)), self.once_in(2));
                let handed = self.handed(model, &id);
                Op::Confirm { id, order, again, handed, key }
            }
            62..70 => {
                let id = self.id(model, "HHHR");
                let handed = self.handed(model, &id);
                Op::Release { id, handed, key }
            }
            70..80 => {
                let id = self.id(model, "C");
                let lines = (!self.once_in(3)).then(|| self.lines());
                let handed = self.handed(model, &id);
                Op::Return { id, lines, restock: !self.once_in(3), handed, key }
            }
            80..88 => Op::Expire { most: if self.once_in(3) { self.below(4) } else { 500 } },
            88..94 => {
                let quantity = [-3, -2, -1, 1, 2, 3][self.below(6)];
                Op::Restock { sku: self.sku(), quantity, key }
            }
            _ => self.settings(model),
        }
    }

    fn settings(&mut self, model: &Model) -> Op {
        match self.below(10) {
            0..3 => {
                let limit = (!self.once_in(3)).then(|| self.random.random_range(1..9));
                let near = |dice: &mut Dice, odds| {
                    let at = model.now + dice.random.random_range(-4_000..60_000);
                    if dice.once_in(odds) { at } else { 0 }
                };
                let (opens_at, closes_at) = (near(self, 3), near(self, 6));
                Op::Put { settings: Settings { limit, opens_at, closes_at } }
            }
            // Mostly opened: a closed drop has no history.
            3..7 => Op::Act { action: "open" },
            7 => Op::Act { action: ["pause", "close", "settle"][self.below(3)] },
            _ => {
                let limit = (!self.once_in(2)).then(|| self.random.random_range(1..6));
                let sku = if self.once_in(4) { "d".to_owned() } else { self.sku() };
                Op::PutSku { sku, limit, initial: self.random.random_range(0..4) }
            }
        }
    }

    fn key(&mut self) -> Key {
        if self.below(100) < 70 {
            return None;
        }
        Some((expand(&format!("k{}", self.below(60))), format!("f{}", self.below(2))))
    }

    fn new_id(&mut self) -> String {
        self.next_id += 1;
        expand(&format!("r{}", self.next_id))
    }

    fn customer(&mut self) -> String {
        format!("c{}", self.below(4))
    }

    fn sku(&mut self) -> String {
        if self.once_in(40) { "x".to_owned() } else { SKUS[self.below(3)].to_owned() }
    }

    fn ttl(&mut self) -> Option<i64> {
        match self.below(10) {
            0..5 => None,
            5 => Some(10_001),
            _ => Some(self.random.random_range(1..=10_000)),
        }
    }

    fn lines(&mut self) -> Lines {
        let mut lines = Lines::new();
        for _ in 0..=self.below(2) {
            let (sku, units) = (self.sku(), self.random.random_range(1..4));
            if lines.iter().all(|(known, _)| *known != sku) {
                lines.push((sku, units));
            }
        }
        lines
    }

    /// A reservation, mostly in one of these states; seldom one that never was.
    fn id(&mut self, model: &Model, states: &str) -> String {
        if self.once_in(50) {
            return expand("r999");
        }
        let any = self.once_in(5);
        let state = states.chars().nth(self.below(states.len())).expect("a state");
        let fits: Vec<&String> = model
            .reservations
            .iter()
            .filter(|(_, r)| any || r.state == state)
            .map(|(id, _)| id)
            .collect();
        if fits.is_empty() { expand("r999") } else { fits[self.below(fits.len())].clone() }
    }

    /// Whether the ledger's version is handed in: only for one that has left.
    fn handed(&mut self, model: &Model, id: &str) -> bool {
        model.reservations.get(id).is_some_and(|r| r.left) && !self.once_in(4)
    }
}
