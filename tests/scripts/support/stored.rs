//! What Redis keeps in a shorter form than tables show it in: reservations and groups of
//! deadlines. Read and written here without the scripts' or the program's help.

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The milliseconds in an id's first eight characters.
fn made(id: &str) -> i64 {
    id[..8].chars().fold(0, |ms, digit| {
        let value = ALPHABET.find(digit).expect("base64url");
        ms * 64 + i64::try_from(value).expect("below 64")
    })
}

/// `state customer created expires order lines mark` as Redis keeps it.
pub(super) fn store_reservation(id: &str, words: &[&str]) -> String {
    let [state, customer, created, expires, order, lines, mark @ ..] = words else {
        panic!("{words:?} is no reservation")
    };
    let (created, expires): (i64, i64) =
        (created.parse().expect("a time"), expires.parse().expect("a time"));
    let head = format!("{state}{} {} {customer} {lines}", created - made(id), expires - created);
    mark.iter().fold(head, |head, mark| format!("{head} {order} {mark}"))
}

/// The long form of what Redis keeps; older versions keep that itself.
pub(super) fn show_reservation(id: &str, stored: &str) -> String {
    let words: Vec<&str> = stored.split(' ').collect();
    if words[0].len() == 1 || id == "!" {
        return stored.to_owned();
    }
    let (state, created) = words[0].split_at(1);
    let created = made(id) + created.parse::<i64>().expect("a time");
    let expires = created + words[1].parse::<i64>().expect("a time");
    let (order, mark) = match words[4..] {
        [] => ("*", String::new()),
        [order, mark] => (order, format!(" {mark}")),
        _ => panic!("{stored} is no reservation"),
    };
    format!("{state} {} {created} {expires} {order} {}{mark}", words[2], words[3])
}

/// A group of deadlines with all its ids in full.
pub(super) fn show_group(member: &str) -> String {
    let Some((head, runs)) = member.split_once(" .") else { return member.to_owned() };
    let mut shown = format!("{head} ");
    for run in runs.split('.') {
        let (time, tails) = run.split_at(8);
        assert!(!tails.is_empty() && tails.len() % 14 == 0, "{member}");
        for tail in tails.as_bytes().chunks(14) {
            shown += time;
            shown += std::str::from_utf8(tail).expect("base64url");
        }
    }
    shown
}

#[test]
fn stored_forms_come_back() {
    let id = "AAAAAABAr1AAAAAAAAAAAA";
    for (long, stored) in [
        ("H c1 65 900065 * a:2", "H1 900000 c1 a:2"),
        ("C c1 60 70 o1 a:2,b:1 7", "C-4 10 c1 a:2,b:1 o1 7"),
        ("R c1 64 64 * a:2 7", "R0 0 c1 a:2 * 7"),
    ] {
        let words: Vec<&str> = long.split(' ').collect();
        assert_eq!(store_reservation(id, &words), stored);
        assert_eq!(show_reservation(id, stored), long);
        assert_eq!(show_reservation(id, long), long, "the form of older versions");
    }
    let plain = format!("a 0000000000065 {id}{id}");
    assert_eq!(show_group(&format!("a 0000000000065 .{id}{}", &id[8..])), plain);
    assert_eq!(show_group(&plain), plain, "the form of older versions");
}
