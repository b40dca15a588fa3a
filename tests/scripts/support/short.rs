//! Short spellings, so that a table of states can be read: `r7` and `k7` for ids of 22
//! characters, `@900000` for the millisecond that lies so far behind [`START`].

/// The drop's time in every table: far ahead of any real clock, so it stands still until a
/// test moves it (a drop's time never runs back).
pub(crate) const START: i64 = 4_000_000_000_000;

const ID: usize = 22;

/// Reads short spellings in one argument or line.
pub(crate) fn expand(text: &str) -> String {
    text.split(' ').map(expand_word).collect::<Vec<_>>().join(" ")
}

fn expand_word(word: &str) -> String {
    if let Some(offset) = word.strip_prefix('@').and_then(|digits| digits.parse::<i64>().ok()) {
        return (START + offset).to_string();
    }
    if is_short_id(word) { format!("{word:A<ID$}") } else { word.to_owned() }
}

fn is_short_id(word: &str) -> bool {
    let digits = word.strip_prefix(['r', 'k']).unwrap_or("");
    !digits.is_empty() && word.len() < ID && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes short spellings wherever they fit.
pub(crate) fn abbreviate(text: &str) -> String {
    let mut short = String::new();
    let mut rest = text;
    let mut behind_digit = false;
    while let Some(first) = rest.chars().next() {
        let id = rest.get(..ID).map(|id| id.trim_end_matches('A')).filter(|id| is_short_id(id));
        let time = rest.get(..13).filter(|_| !behind_digit).and_then(offset);
        let taken = if let Some(id) = id {
            short.push_str(id);
            ID
        } else if let Some(offset) = time {
            short.push_str(&format!("@{offset}"));
            13
        } else {
            short.push(first);
            first.len_utf8()
        };
        behind_digit = rest.as_bytes()[taken - 1].is_ascii_digit();
        rest = &rest[taken..];
    }
    short
}

fn offset(digits: &str) -> Option<i64> {
    let at: i64 = digits.parse().ok()?;
    (digits.starts_with(['3', '4']) && (at - START).abs() < 1_000_000_000).then_some(at - START)
}

#[test]
fn short_spellings_come_back() {
    for text in ["r1 H c1 @-5 @900000 * a:2", "a @7 r1", "k12 f1 3", "customers c1 a=2;"] {
        assert_eq!(abbreviate(&expand(text)), text);
    }
    assert_eq!(abbreviate(&format!("a {}{}", expand("r1"), expand("r2"))), "a r1r2");
}
