//! A drop in a given state, brought into Redis as a rebuild does it.
//!
//! A state is a list of lines; what follows from the reservations is derived: held and sold
//! counts, use per customer, groups of deadlines and of ended reservations.
//!
//! ```text
//! stock a 5                            5 units of a are available; `stock a 5 2`: limit 2
//! r1 H c1 @-60000 @840000 * a:2        a reservation as Redis keeps it
//! r2 E c1 @-90000 @-50000 * a:1 7      an ended one, with the seq that ended it
//! gone r3 C c1 @-9 @9 o1 a:1           one that has left Redis; it still counts
//! key k1 f1 7 @5000                    an idempotency key, and when those up to its seq may go
//! meta limit 3                         a field of meta
//! ```

use std::collections::BTreeMap;

use super::{START, expand, stored::store_reservation};

/// Pairs for each key, in the order of a rebuild's chunks, and the counts to expect.
#[derive(Default)]
pub(super) struct Given {
    pub(super) meta: BTreeMap<String, String>,
    stock: Vec<(String, [i64; 3], String)>,
    reservations: Vec<(String, String)>,
    deadlines: BTreeMap<(String, String), String>,
    customers: Vec<Customer>,
    keys: Vec<(String, String)>,
    key_ages: Vec<(String, String)>,
    ended: BTreeMap<String, String>,
}

struct Customer {
    id: String,
    units: Vec<(String, i64)>,
    ids: String,
}

/// When the ended reservations of a given state may leave Redis.
pub(super) const LEAVE: i64 = START + 500_000;

impl Given {
    pub(super) fn read(lines: &[&str]) -> Given {
        let mut given = Given::default();
        let chain = "0".repeat(40);
        for (name, value) in [
            ("seq", "10"),
            ("chain", chain.as_str()),
            ("durable_seq", "10"),
            ("state", "open"),
            ("opens_at", ""),
            ("closes_at", ""),
            ("ttl_ms", "900000"),
            ("max_hold_ms", "3600000"),
            ("limit", ""),
        ] {
            given.meta.insert(name.to_owned(), value.to_owned());
        }
        for line in lines {
            let line = expand(line);
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "stock" => given.stock.push((
                    words[1].to_owned(),
                    [words[2].parse().expect("units"), 0, 0],
                    words.get(3).unwrap_or(&"*").to_string(),
                )),
                "meta" => {
                    given.meta.insert(words[1].to_owned(), words[2].to_owned());
                }
                "key" => {
                    given.keys.push((words[1].to_owned(), format!("{} {}", words[2], words[3])));
                    given.key_ages.push((words[4].to_owned(), words[3].to_owned()));
                }
                "gone" => given.count(&words[1..]),
                _ => given.reserve(&words),
            }
        }
        given
    }

    fn reserve(&mut self, words: &[&str]) {
        let id = words[0].to_owned();
        if words[1] == "H" {
            for line in words[6].split(',') {
                let sku = line.split(':').next().expect("a sku").to_owned();
                self.deadlines.entry((sku, words[4].to_owned())).or_default().push_str(&id);
            }
        } else {
            let mark = words.get(7).expect("an ended reservation has a mark");
            self.ended.entry((*mark).to_owned()).or_default().push_str(&id);
        }
        let stored = store_reservation(&id, &words[1..]);
        self.reservations.push((id, stored));
        self.count(words);
    }

    fn count(&mut self, words: &[&str]) {
        let held = match words[1] {
            "H" => true,
            "C" => false,
            _ => return,
        };
        let known = self.customers.iter().position(|customer| customer.id == words[2]);
        let at = known.unwrap_or_else(|| {
            let (id, units, ids) = (words[2].to_owned(), Vec::new(), String::new());
            self.customers.push(Customer { id, units, ids });
            self.customers.len() - 1
        });
        let customer = &mut self.customers[at];
        customer.ids += &format!("{} ", words[0]);
        for line in words[6].split(',') {
            let (sku, quantity) = line.split_once(':').expect("a line");
            let quantity: i64 = quantity.parse().expect("a quantity");
            let stock = self.stock.iter_mut().find(|stock| stock.0 == sku).expect("stock first");
            stock.1[if held { 1 } else { 2 }] += quantity;
            match customer.units.iter_mut().find(|(known, _)| known == sku) {
                Some((_, units)) => *units += quantity,
                None => customer.units.push((sku.to_owned(), quantity)),
            }
        }
    }

    /// The chunks of a rebuild.
    pub(super) fn chunks(&self) -> Vec<(&'static str, Vec<String>)> {
        let flat = |pairs: Vec<(String, String)>| {
            pairs.into_iter().flat_map(|(first, second)| [first, second]).collect::<Vec<_>>()
        };
        let pack = |(sku, [a, h, s], limit): &(String, [i64; 3], String)| {
            (sku.clone(), format!("{a} {h} {s} {limit}"))
        };
        let group = |((sku, deadline), ids): (&(String, String), &String)| {
            ("0".to_owned(), format!("{sku} {deadline} {ids}"))
        };
        let use_of = |customer: &Customer| {
            let units: Vec<String> =
                customer.units.iter().map(|(sku, units)| format!("{sku}={units}")).collect();
            (customer.id.clone(), format!("{};{}", units.join(" "), customer.ids))
        };
        let leave = |(mark, ids): (&String, &String)| (LEAVE.to_string(), format!("{mark} {ids}"));
        vec![
            ("meta", flat(self.meta.clone().into_iter().collect())),
            ("stock", flat(self.stock.iter().map(pack).collect())),
            ("reservations", flat(self.reservations.clone())),
            ("deadlines", flat(self.deadlines.iter().map(group).collect())),
            ("customers", flat(self.customers.iter().map(use_of).collect())),
            ("keys", flat(self.keys.clone())),
            ("key_ages", flat(self.key_ages.clone())),
            ("ended", flat(self.ended.iter().map(leave).collect())),
        ]
    }

    /// What `rebuild_finish` is told to find.
    pub(super) fn expected(&self) -> Vec<String> {
        let sum = |count: usize| self.stock.iter().map(|stock| stock.1[count]).sum::<i64>();
        let lengths = [
            self.stock.len(),
            self.reservations.len(),
            self.customers.len(),
            self.keys.len(),
            self.deadlines.len(),
            self.ended.len(),
            self.key_ages.len(),
        ];
        lengths
            .iter()
            .map(ToString::to_string)
            .chain([sum(1).to_string(), sum(2).to_string()])
            .collect()
    }
}
