//! Where and for how many the API is served.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use super::error::{SettingError, number, text};

const LISTEN: &str = "DROPGATE_LISTEN";
const CONNECTIONS: &str = "DROPGATE_CONNECTIONS";
const DEFAULT_CONNECTIONS: usize = 10_000;
const STREAMS: &str = "DROPGATE_STREAMS";
const DEFAULT_STREAMS: usize = 8_000;
const CORS_ORIGINS: &str = "DROPGATE_CORS_ORIGINS";
const HSTS_SECONDS: &str = "DROPGATE_HSTS_SECONDS";
/// Of the runtime, which names it in every program of this kind.
const WORKER_THREADS: &str = "TOKIO_WORKER_THREADS";
const HALF: &str = "half";
/// Two years: what the lists that browsers come with ask for, and more than anybody needs.
const MOST_HSTS_SECONDS: u32 = 63_072_000;

/// Flags and variables of the HTTP server.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "HTTP server")]
pub struct ServerArgs {
    /// Address and port to serve on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = LISTEN, value_name = "ADDRESS")]
    listen: Option<OsString>,
    /// Most connections at a time; more are told to come back [default: 10000]
    #[arg(long, env = CONNECTIONS, value_name = "COUNT")]
    connections: Option<OsString>,
    /// Most live streams at a time, of events and of WebSockets; never more than four fifths of the
    /// connections, so that watchers leave room for those who buy [default: 8000]
    #[arg(long, env = STREAMS, value_name = "COUNT")]
    streams: Option<OsString>,
    /// Origins whose pages a browser lets read answers: `https://shop.example`, several with commas
    /// between, `*` for all, or `none`; credentials are never allowed [default: none]
    #[arg(long, env = CORS_ORIGINS, value_name = "ORIGINS")]
    cors_origins: Option<OsString>,
    /// For how long browsers that came by HTTPS shall come by nothing else, in seconds up to
    /// 63072000; for an engine that is reached through TLS only. 0 says nothing [default: 0]
    #[arg(long, env = HSTS_SECONDS, value_name = "SECONDS")]
    hsts_seconds: Option<OsString>,
    /// Threads that answer clients, from 1 to 1024, or `half` as many as the machine has cores; raise
    /// it where the engine has the machine for itself [default: half]
    #[arg(long, env = WORKER_THREADS, value_name = "COUNT")]
    worker_threads: Option<OsString>,
}

/// Whose pages a browser lets read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Nobody's but those of the engine's own origin.
    #[default]
    None,
    /// Everybody's.
    Any,
    /// Those of these origins: `https://shop.example`, as browsers write them.
    These(Vec<String>),
}

/// Where and for how many the API is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Default 127.0.0.1:8080. An address that is too wide (0.0.0.0) serves whoever reaches the
    /// machine, without TLS; one that is too narrow is not reached by those who should.
    pub listen: SocketAddr,
    /// Default 10,000 connections. Too high: the process runs out of file descriptors before it
    /// can say so. Too low: clients are sent away while there is room.
    pub connections: usize,
    /// Default 8,000 streams; see [`ServerSettings::streams`]. Too high: watchers cost time and
    /// memory that buyers need. Too low: pages that can't watch ask again and again.
    pub most_streams: usize,
    /// Default `None`. Too many: a page that somebody else controls can show stock and, if it has a
    /// key, use it from its visitors' browsers.
    pub cors_origins: CorsOrigins,
    /// Default `None`. Too long: a name that stops to have TLS can't be reached by browsers that
    /// were told so.
    pub hsts_seconds: Option<u32>,
    /// Threads that answer clients, beside half as many for the engine's own work. Default half of
    /// the machine's cores, at least one: the others belong to what runs beside it. Too high: a
    /// thread more than there are free cores for costs every call a switch. Too low: cores stay
    /// idle.
    pub worker_threads: usize,
}

/// Half of the machine's cores, at least one.
fn half_of_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).div_ceil(2)
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            connections: DEFAULT_CONNECTIONS,
            most_streams: DEFAULT_STREAMS,
            cors_origins: CorsOrigins::None,
            hsts_seconds: None,
            worker_threads: half_of_the_cores(),
        }
    }
}

impl ServerSettings {
    /// The most live streams at a time: watchers must leave connections for buyers.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.most_streams.min(self.connections / 5 * 4)
    }
}

impl ServerArgs {
    /// How many threads answer clients.
    pub(super) fn worker_threads(&self) -> Result<usize, SettingError> {
        let given = self.worker_threads.clone().filter(|text| text != HALF);
        number(WORKER_THREADS, given, 1..=1024, half_of_the_cores())
    }

    /// # Errors
    /// [`SettingError`] for a setting that is wrong.
    pub fn resolve(self) -> Result<ServerSettings, SettingError> {
        let defaults = ServerSettings::default();
        let worker_threads = self.worker_threads()?;
        let listen = match text(LISTEN, self.listen)? {
            None => defaults.listen,
            Some(given) => given.trim().parse().map_err(|_| {
                SettingError::wrong(
                    LISTEN,
                    format!("is {given:?}"),
                    "give an IP address and a port, e.g. 127.0.0.1:8080, or 0.0.0.0:8080 for all",
                )
            })?,
        };
        let most = 1_000_000;
        let connections = number(CONNECTIONS, self.connections, 1..=most, DEFAULT_CONNECTIONS)?;
        let most_streams = number(STREAMS, self.streams, 0..=most, DEFAULT_STREAMS)?;
        let cors_origins = match text(CORS_ORIGINS, self.cors_origins)? {
            None => CorsOrigins::None,
            Some(given) => origins(&given)?,
        };
        let hsts = number(HSTS_SECONDS, self.hsts_seconds, 0..=MOST_HSTS_SECONDS, 0)?;
        let hsts_seconds = (hsts > 0).then_some(hsts);
        Ok(ServerSettings {
            listen,
            connections,
            most_streams,
            cors_origins,
            hsts_seconds,
            worker_threads,
        })
    }
}

/// Origins are compared letter by letter, so one that no browser writes like that would silently
/// allow nobody.
fn origins(given: &str) -> Result<CorsOrigins, SettingError> {
    match given.trim() {
        "*" => return Ok(CorsOrigins::Any),
        "none" => return Ok(CorsOrigins::None),
        _ => {}
    }
    let origins: Vec<&str> = given.split(',').map(str::trim).collect();
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(wrong) => Err(SettingError::wrong(
            CORS_ORIGINS,
            format!("has {wrong:?} in it, which is no origin"),
            "give origins like https://shop.example (lower case, no path, no slash at the end) \
             with commas between, * alone for all, or none",
        )),
        None => Ok(CorsOrigins::These(origins.into_iter().map(str::to_owned).collect())),
    }
}

/// Scheme, host and, unless it is the scheme's own, port (RFC 6454, 6.2).
fn is_origin(text: &str) -> bool {
    let (host, own) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (None, Some(rest)) => (rest, 80),
        (None, None) => return false,
    };
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (host, None),
    };
    let port_fits = port.is_none_or(|text| {
        text.parse::<u16>().is_ok_and(|port| port != own && port.to_string() == text)
    });
    let fine = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_');
    let name = !host.is_empty() && host.chars().all(fine);
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    port_fits && (name || bracketed.is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_port() {
        let of = |listen: &str| {
            ServerArgs { listen: Some(listen.into()), ..ServerArgs::default() }.resolve()
        };
        assert_eq!(of("0.0.0.0:0").expect("fine").listen.port(), 0);
        assert_eq!(of("").expect("the default").listen.port(), 8080);
        for bad in ["8080", "localhost", "127.0.0.1", "127.0.0.1:99999", ":8080"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_LISTEN is "), "{line}");
        }
    }
    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let of = |given: &str| {
            let args = ServerArgs { cors_origins: Some(given.into()), ..ServerArgs::default() };
            args.resolve().map(|settings| settings.cors_origins)
        };
        assert_eq!(of(""), Ok(CorsOrigins::None));
        assert_eq!(of(" * "), Ok(CorsOrigins::Any));
        let two = ["https://shop.example", "http://[::1]:3000"].map(str::to_owned).to_vec();
        assert_eq!(of("https://shop.example , http://[::1]:3000"), Ok(CorsOrigins::These(two)));
        for bad in [
            "shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "https://shop.example:443",
            "https://shop.example:080",
            "https://a.example,",
            "https://a.example,*",
            "https://*.example",
            "https://u@a.example",
            "https://[::1",
            "null",
        ] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_CORS_ORIGINS has "), "{line}");
        }
    }
}
