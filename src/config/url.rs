//! As much of a URL as must be right before anything connects.

use super::error::SettingError;

/// Whether `text` is an address of one of `schemes`, with a host unless a path will do, and
/// with ports that are numbers. The value itself is not repeated: it may hold a password.
pub(super) fn check(
    name: &'static str,
    text: &str,
    schemes: &[&str],
    example: &str,
) -> Result<(), SettingError> {
    let wrong = |problem: &str| {
        Err(SettingError::wrong(name, problem, format!("give an address like {example}")))
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return wrong("is not a URL");
    };
    if !schemes.contains(&scheme) {
        return wrong("has a scheme that is not known");
    }
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return wrong("has a space or control character in it");
    }
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    if hosts.is_empty() {
        // A socket's path stands for a host: redis+unix:///run/redis.sock,
        // postgres:///db?host=/run/postgresql.
        return if path.len() > 1 { Ok(()) } else { wrong("names no host") };
    }
    for host in hosts.split(',') {
        let after_brackets = host.rsplit_once(']').map_or(host, |(_, port)| port);
        let port = after_brackets.rsplit_once(':').map(|(_, port)| port);
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return wrong("has a port that is not a number from 0 to 65535");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_without_being_repeated() {
        let check = |text: &str| check("X", text, &["redis", "redis+unix"], "redis://h:1");
        for good in [
            "redis://127.0.0.1:6379",
            "redis://:secret@host",
            "redis://u:p@ss@host:1/0",
            "redis://[::1]:6379/1",
            "redis://[::1]",
            "redis+unix:///run/redis.sock",
            "redis://a:1,b:2/0",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "localhost:6379",
            "http://h",
            "redis://",
            "redis://h:port",
            "redis://h:70000",
            "redis://h:",
            "redis://:secret@",
            "redis://h h",
        ] {
            let line = check(bad).expect_err(bad).to_string();
            assert!(line.starts_with("X ") && line.ends_with("redis://h:1"), "{line}");
            assert!(!line.contains("secret"), "{line}");
        }
    }
}
