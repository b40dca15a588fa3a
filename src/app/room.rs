//! Room for many connections: descriptors.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors besides those of clients: Redis, Postgres, the listener, the log.
const OTHERS: u64 = 128;

/// Makes room for so many connections: raises the process' own limit of descriptors as far as the
/// system lets it. The usual one, 1024, would be used up by slow clients long before `connections` were.
pub(super) fn make_room(connections: usize) {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if soft >= wanted {
        return;
    }
    let reached = wanted.min(hard);
    let raised = setrlimit(Resource::RLIMIT_NOFILE, reached, hard);
    let now = if raised.is_ok() { reached } else { soft };
    if now < wanted {
        tracing::warn!(
            descriptors = now,
            connections,
            "the process may not open as many descriptors as DROPGATE_CONNECTIONS needs: raise \
             its limit (ulimit -Hn, LimitNOFILE) or lower the setting"
        );
    }
}
