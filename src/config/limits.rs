//! How fast the API may be called, and whose word counts for where a call comes from.

use std::ffi::OsString;
use std::net::IpAddr;

use ipnet::IpNet;

use super::error::{SettingError, number, text};
use crate::domain::RateLimit;

const KEY: &str = "DROPGATE_RATE_KEY";
const CUSTOMER: &str = "DROPGATE_RATE_CUSTOMER";
const ADDRESS: &str = "DROPGATE_RATE_ADDRESS";
const SHED_ABOVE: &str = "DROPGATE_SHED_ABOVE";
const PROXIES: &str = "DROPGATE_TRUSTED_PROXIES";
/// The default of each, spelled out.
const NONE: &str = "none";

/// Flags and variables of the rate limits.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Rate limits")]
pub struct LimitArgs {
    /// Most calls with one key, by all processes together: `100/s`, `600/m`, `20/10s burst 5`; the
    /// burst is half a second's worth if left out [default: none]
    #[arg(long, env = KEY, value_name = "LIMIT")]
    rate_key: Option<OsString>,
    /// Most new holds for one customer, by all processes together [default: none]
    #[arg(long, env = CUSTOMER, value_name = "LIMIT")]
    rate_customer: Option<OsString>,
    /// Most calls under /v1 from one client address (an IPv6 network of 64 bits), by this process
    /// [default: none]
    #[arg(long, env = ADDRESS, value_name = "LIMIT")]
    rate_address: Option<OsString>,
    /// Calls under way in this process, from 1 to 1000000, from which on public reads and holds where
    /// nothing is left get 503; at twice as many new holds do too, at four times all calls
    /// [default: none]
    #[arg(long, env = SHED_ABOVE, value_name = "CALLS")]
    shed_above: Option<OsString>,
    /// Addresses and networks of proxies whose X-Forwarded-For counts, as in
    /// `10.0.0.0/8,127.0.0.1` [default: none]
    #[arg(long, env = PROXIES, value_name = "NETWORKS")]
    trusted_proxies: Option<OsString>,
}

/// How fast the API may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// Default none. Calls with one key, counted in Redis. Too low: the shop itself is told to
    /// wait in the minute that counts. Too high: it limits nothing.
    pub key: Option<RateLimit>,
    /// Default none. New holds for one customer, counted in Redis. Too low: a customer who presses
    /// twice is told to wait.
    pub customer: Option<RateLimit>,
    /// Default none. Calls from one client address, counted in each process. Too low: customers who
    /// share an address (a mobile network, an office) stand in each other's way.
    pub address: Option<RateLimit>,
    /// Default none. Calls under way in each process from which on the least useful are turned
    /// away. Too low: reads are refused while there is room. Too high: it comes too late.
    pub shed_above: Option<usize>,
    /// Default none: a call comes from its connection's other end. Too wide: whoever is in such a
    /// network may say that a call comes from anywhere. Too narrow: all calls seem to come from the
    /// proxy, and share its limit.
    pub proxies: Vec<IpNet>,
}

impl LimitArgs {
    /// # Errors
    /// [`SettingError`] for a setting that is wrong.
    pub fn resolve(self) -> Result<LimitSettings, SettingError> {
        Ok(LimitSettings {
            key: limit(KEY, self.rate_key)?,
            customer: limit(CUSTOMER, self.rate_customer)?,
            address: limit(ADDRESS, self.rate_address)?,
            shed_above: shed_above(self.shed_above)?,
            proxies: proxies(self.trusted_proxies)?,
        })
    }
}

fn limit(name: &'static str, given: Option<OsString>) -> Result<Option<RateLimit>, SettingError> {
    let Some(text) = text(name, given)?.filter(|text| text != NONE) else { return Ok(None) };
    let remedy = "give calls and a window, like 100/s, 600/m or 20/10s burst 5, at most 100000 a \
                  second, or `none` for no limit";
    let wrong = |_| SettingError::wrong(name, format!("is {text:?}"), remedy);
    text.parse().map(Some).map_err(wrong)
}

fn shed_above(given: Option<OsString>) -> Result<Option<usize>, SettingError> {
    if given.as_ref().is_none_or(|text| text == NONE || text.is_empty()) {
        return Ok(None);
    }
    number(SHED_ABOVE, given, 1..=1_000_000, 1).map(Some)
}

fn proxies(given: Option<OsString>) -> Result<Vec<IpNet>, SettingError> {
    let Some(text) = text(PROXIES, given)?.filter(|text| text != NONE) else {
        return Ok(Vec::new());
    };
    let one = |part: &str| {
        let network = part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| {
            let remedy = "give addresses and networks with commas between, like \
                          10.0.0.0/8,127.0.0.1, or `none`";
            SettingError::wrong(PROXIES, format!("has {part:?} in it"), remedy)
        })
    };
    text.split(',').map(str::trim).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_limited_unless_it_is_said() {
        assert_eq!(LimitArgs::default().resolve(), Ok(LimitSettings::default()));
        for none in ["", "none"] {
            let said = || Some(none.into());
            let (rate_key, trusted_proxies) = (said(), said());
            let args = LimitArgs { rate_key, trusted_proxies, ..LimitArgs::default() };
            assert_eq!(args.resolve(), Ok(LimitSettings::default()));
        }
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let of = |text: &str| {
            let args = LimitArgs { trusted_proxies: Some(text.into()), ..LimitArgs::default() };
            args.resolve().map(|settings| settings.proxies)
        };
        let networks = of("10.0.0.0/8, 127.0.0.1,::1,fd00::/8").expect("fine");
        let shown: Vec<String> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "127.0.0.1/32", "::1/128", "fd00::/8"]);
        for bad in ["10.0.0.0/33", "proxy", "10.0.0.1,", "1.2.3", "10.0.0.1:80"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_TRUSTED_PROXIES has "), "{line}");
        }
    }

    #[test]
    fn work_is_shed_from_a_number_of_calls_on() {
        let of = |text: &str| {
            let args = LimitArgs { shed_above: Some(text.into()), ..LimitArgs::default() };
            args.resolve().map(|settings| settings.shed_above)
        };
        assert_eq!((of("none"), of(""), of("7")), (Ok(None), Ok(None), Ok(Some(7))));
        for bad in ["0", "-1", "many", "1000001"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_SHED_ABOVE "), "{line}");
        }
    }

    #[test]
    fn a_wrong_limit_is_named() {
        for (name, args) in [
            (KEY, LimitArgs { rate_key: Some("fast".into()), ..LimitArgs::default() }),
            (CUSTOMER, LimitArgs { rate_customer: Some("1/x".into()), ..LimitArgs::default() }),
            (ADDRESS, LimitArgs { rate_address: Some("0/s".into()), ..LimitArgs::default() }),
        ] {
            let line = args.resolve().expect_err(name).to_string();
            assert!(line.starts_with(&format!("{name} is ")), "{line}");
        }
    }
}
