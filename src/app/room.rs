//! Room for many connections: descriptors, and memory in small pages.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors besides those of clients: Redis, Postgres, the listener, the log.
const OTHERS: u64 = 128;

/// Makes room for so many connections.
pub(super) fn make_room(connections: usize) {
    raise_descriptors(connections);
    use_small_pages();
}

/// A connection has two buffers of 8 KB of which it fills little. The allocator asks for huge pages, in
/// which all of both would be resident: 25 KB a live stream, against 17 without.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::debug!(%error, "connections take more memory: huge pages stay on");
    }
}

/// Raises the process' own limit as far as the system lets it. The usual one, 1024, would be used
/// up by slow clients long before `connections` were.
fn raise_descriptors(connections: usize) {
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
