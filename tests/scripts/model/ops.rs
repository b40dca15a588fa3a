//! The operations of a random history, and their arguments for the scripts.

/// Lines as `(sku, quantity)`.
pub(super) type Lines = Vec<(String, i64)>;

/// An idempotency key and its fingerprint.
pub(super) type Key = Option<(String, String)>;

/// One operation of one verb.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Reserve { id: String, customer: String, lines: Lines, ttl: Option<i64>, key: Key },
    Change { id: String, lines: Lines, key: Key },
    Extend { id: String, ttl: Option<i64>, key: Key },
    Confirm { id: String, order: String, again: bool, handed: bool, key: Key },
    Release { id: String, handed: bool, key: Key },
    Return { id: String, lines: Option<Lines>, restock: bool, handed: bool, key: Key },
    Restock { sku: String, quantity: i64, key: Key },
    Expire { most: usize },
    Put { settings: Settings },
    Act { action: &'static str },
    PutSku { sku: String, limit: Option<i64>, initial: i64 },
}

/// Settings of the drop that an operation gives: the limit `None` clears it; times are
/// cleared by 0.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) limit: Option<i64>,
    pub(super) opens_at: i64,
    pub(super) closes_at: i64,
}

pub(super) fn pack_lines(lines: &[(String, i64)]) -> String {
    let packed: Vec<String> = lines.iter().map(|(sku, units)| format!("{sku}:{units}")).collect();
    if packed.is_empty() { "*".to_owned() } else { packed.join(",") }
}

fn optional(value: Option<i64>, none: &str) -> String {
    value.map_or_else(|| none.to_owned(), |value| value.to_string())
}

impl Op {
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Op::Reserve { .. } => "reserve",
            Op::Change { .. } => "change",
            Op::Extend { .. } => "extend",
            Op::Confirm { .. } => "confirm",
            Op::Release { .. } => "release",
            Op::Return { .. } => "return",
            Op::Restock { .. } => "restock",
            Op::Expire { .. } => "expire",
            Op::Put { .. } | Op::Act { .. } | Op::PutSku { .. } => "configure",
        }
    }

    /// The arguments, with `|` between them; `handed` is what the ledger would hand in.
    pub(super) fn arguments(&self, ledger: impl Fn(&str) -> String) -> String {
        let pair = |key: &Key| key.as_ref().map_or("|".to_owned(), |(k, f)| format!("{k}|{f}"));
        let hand = |id: &str, handed: bool| if handed { ledger(id) } else { "|".to_owned() };
        match self {
            Op::Reserve { id, customer, lines, ttl, key } => {
                let (lines, ttl) = (pack_lines(lines), optional(*ttl, ""));
                format!("{id}|{customer}|{lines}|{ttl}|{}", pair(key))
            }
            Op::Change { id, lines, key } => format!("{id}|{}|{}", pack_lines(lines), pair(key)),
            Op::Extend { id, ttl, key } => format!("{id}|{}|{}", optional(*ttl, ""), pair(key)),
            Op::Confirm { id, order, again, handed, key } => {
                let again = u8::from(*again);
                format!("{id}|{order}|{again}|{}|{}", hand(id, *handed), pair(key))
            }
            Op::Release { id, handed, key } => {
                format!("{id}|{}|{}", hand(id, *handed), pair(key))
            }
            Op::Return { id, lines, restock, handed, key } => {
                let lines = lines.as_ref().map_or("*".to_owned(), |lines| pack_lines(lines));
                let (restock, handed) = (u8::from(*restock), hand(id, *handed));
                format!("{id}|{lines}|null|{restock}|{handed}|{}", pair(key))
            }
            Op::Restock { sku, quantity, key } => format!("{sku}|{quantity}|*|null|{}", pair(key)),
            Op::Expire { most } => most.to_string(),
            Op::Put { settings: Settings { limit, opens_at, closes_at } } => {
                let time = |at: i64| if at == 0 { "*".to_owned() } else { at.to_string() };
                let (opens, closes) = (time(*opens_at), time(*closes_at));
                format!("*|put|\"x\":1||{opens}|{closes}|||{}|", optional(*limit, "*"))
            }
            Op::Act { action } => format!("*|{action}||||||||"),
            Op::PutSku { sku, limit, initial } => {
                format!("{sku}|put|||||||{}|{initial}", optional(*limit, "*"))
            }
        }
    }
}
