//! Where a call comes from, and how fast calls may come from there.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::HeaderMap;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use ipnet::IpNet;

use super::limits::{Limited, Told};
use crate::domain::{RateLimit, Standing};

const FORWARDED: &str = "x-forwarded-for";
/// The most buckets: some 40 MB if all are in use. Addresses that meet in one share its limit,
/// which for one of 10,000 that call at once has a chance of a hundredth.
const BUCKETS: u64 = 1 << 20;
/// After so many calls the buckets are given up in which nobody has called for a while.
const FORGET_EVERY: u32 = 1 << 16;

type Limiter =
    RateLimiter<u64, DefaultKeyedStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// The limit by client address. Each process has its own: a look at Redis for every public read
/// would cost more than the read.
pub(super) struct Addresses {
    limit: RateLimit,
    proxies: Vec<IpNet>,
    limiter: Limiter,
    clock: DefaultClock,
    /// Nobody outside knows which addresses meet in one bucket.
    hasher: RandomState,
    calls: AtomicU32,
}

impl Addresses {
    /// `None` for a limit of zero, which no [`RateLimit`] is.
    pub(super) fn new(limit: RateLimit, proxies: Vec<IpNet>) -> Option<Addresses> {
        let burst = NonZeroU32::new(limit.burst())?;
        let quota = Quota::with_period(limit.interval())?.allow_burst(burst);
        let limiter = RateLimiter::keyed(quota).with_middleware();
        let (clock, hasher) = (DefaultClock::default(), RandomState::new());
        let calls = AtomicU32::new(0);
        Some(Addresses { limit, proxies, limiter, clock, hasher, calls })
    }

    /// Where calls come from over a connection from `peer`.
    pub(super) fn behind(&self, peer: IpAddr) -> Origin {
        let peer = peer.to_canonical();
        if is_among(&self.proxies, peer) {
            Origin::Proxy(peer)
        } else {
            Origin::Bucket(self.bucket(peer))
        }
    }

    fn bucket(&self, client: IpAddr) -> u64 {
        self.hasher.hash_one(network_of(client)) % BUCKETS
    }

    /// How a call from there stands that has these headers.
    pub(super) fn ask(&self, from: Origin, headers: &HeaderMap) -> Told {
        if self.calls.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let bucket = match from {
            Origin::Bucket(bucket) => bucket,
            Origin::Proxy(proxy) => self.bucket(client_of(proxy, headers, &self.proxies)),
        };
        let without = |left: u32| self.limit.interval() * self.limit.burst().saturating_sub(left);
        let standing = match self.limiter.check_key(&bucket) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                Standing::Pass { left: u64::from(left), full_in: without(left) }
            }
            Err(until) => {
                let wait = until.wait_time_from(self.clock.now());
                Standing::Wait { wait, full_in: without(0) }
            }
        };
        Told { limited: Limited::Address, standing }
    }
}

/// Where the calls of a connection come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// From whoever has this bucket.
    Bucket(u64),
    /// From those of whom a trusted proxy says so with each.
    Proxy(IpAddr),
}

fn is_among(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Who has sent a request to a trusted proxy: the last one in `X-Forwarded-For` that is none. Every
/// proxy adds at the end whom it was called by, so what stands before that one is only what somebody
/// says.
fn client_of(proxy: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let mut client = proxy;
    let fields = headers.get_all(FORWARDED).iter().rev();
    for part in fields.flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b',')) {
        // What can't be read says nothing, nor does what stands before it.
        let Some(address) = std::str::from_utf8(part).ok().and_then(read) else { break };
        client = address;
        if !is_among(proxies, client) {
            break;
        }
    }
    client
}

/// An address with or without a port, as proxies write it.
fn read(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// What counts as one address: whoever has one of IPv6 usually has 64 bits of them.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let network = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_trusted_proxies_say_where_a_call_comes_from() {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a network"));
        let limit = "1/s".parse().expect("a limit");
        for (peer, fields, client) in [
            ("1.1.1.1", vec![], "1.1.1.1"),
            // Whoever is no proxy may say what they like.
            ("1.1.1.1", vec!["2.2.2.2"], "1.1.1.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("::ffff:10.0.0.1", vec!["2.2.2.2"], "2.2.2.2"),
            ("10.0.0.1", vec!["6.6.6.6, 2.2.2.2"], "2.2.2.2"),
            ("10.0.0.1", vec!["6.6.6.6", "2.2.2.2"], "2.2.2.2"),
            ("10.0.0.1", vec!["6.6.6.6, 2.2.2.2,10.9.9.9 , fd00::7"], "2.2.2.2"),
            ("fd00::1", vec!["2.2.2.2", "10.1.1.1"], "2.2.2.2"),
            ("10.0.0.1", vec!["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            ("10.0.0.1", vec!["2.2.2.2:4711"], "2.2.2.2"),
            ("10.0.0.1", vec!["[2001:db8::5]:80"], "2001:db8::5"),
            ("10.0.0.1", vec!["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", vec!["2.2.2.2, unknown, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", vec!["2.2.2.2, "], "10.0.0.1"),
            ("10.0.0.1", vec![""], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for field in &fields {
                headers.append(FORWARDED, HeaderValue::from_static(field));
            }
            let addresses = Addresses::new(limit, networks.to_vec()).expect("a limiter");
            let canonical = address(peer).to_canonical();
            let found = match addresses.behind(address(peer)) {
                Origin::Bucket(bucket) => {
                    assert_eq!(bucket, addresses.bucket(canonical));
                    canonical
                }
                Origin::Proxy(proxy) => client_of(proxy, &headers, &networks),
            };
            assert_eq!(found, address(client), "{peer} {fields:?}");
            // Where nobody is trusted, everybody is who they are.
            let alone = Addresses::new(limit, Vec::new()).expect("a limiter");
            let Origin::Bucket(bucket) = alone.behind(address(peer)) else { panic!("{peer}") };
            assert_eq!(bucket, alone.bucket(canonical));
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("1.2.3.4", "1.2.3.5", false),
        ] {
            assert_eq!(network_of(address(one)) == network_of(address(other)), same, "{one}");
        }
    }

    #[test]
    fn each_address_has_its_burst() {
        let limit = "1/h burst 3".parse().expect("a limit");
        let addresses = Addresses::new(limit, Vec::new()).expect("a limiter");
        let ask =
            |from: &str| addresses.ask(addresses.behind(address(from)), &HeaderMap::new()).standing;
        let left = |standing| match standing {
            Standing::Pass { left, .. } => Some(left),
            Standing::Wait { .. } => None,
        };
        for expected in [Some(2), Some(1), Some(0), None, None] {
            assert_eq!(left(ask("1.1.1.1")), expected);
        }
        // Another one, unless the two met in a bucket; of four, not all do.
        let others = ["2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5"];
        assert!(others.iter().any(|other| left(ask(other)) == Some(2)));
    }

    #[test]
    fn memory_is_bounded() {
        let limit = "1000/s burst 1".parse().expect("a limit");
        let addresses = Addresses::new(limit, Vec::new()).expect("a limiter");
        for n in 0..2 * FORGET_EVERY {
            addresses.ask(addresses.behind(IpAddr::V4(n.into())), &HeaderMap::new());
        }
        // The last call gave up all whose millisecond had passed.
        let kept = addresses.limiter.len();
        assert!(kept < FORGET_EVERY as usize, "{kept}");
    }
}
