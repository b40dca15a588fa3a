//! Where and for how many the API is served.

use std::ffi::OsString;
use std::net::SocketAddr;

use super::error::{SettingError, number, text};

const LISTEN: &str = "DROPGATE_LISTEN";
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const CONNECTIONS: &str = "DROPGATE_CONNECTIONS";

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
}

impl ServerArgs {
    /// # Errors
    /// [`SettingError`] for a setting that is wrong.
    pub fn resolve(self) -> Result<ServerSettings, SettingError> {
        let given = text(LISTEN, self.listen)?;
        let listen = given.as_deref().unwrap_or(DEFAULT_LISTEN);
        let listen = listen.trim().parse().map_err(|_| {
            SettingError::wrong(
                LISTEN,
                format!("is {listen:?}"),
                "give an IP address and a port, e.g. 127.0.0.1:8080, or 0.0.0.0:8080 for all",
            )
        })?;
        let connections = number(CONNECTIONS, self.connections, 1..=1_000_000, 10_000)?;
        Ok(ServerSettings { listen, connections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_port() {
        let of =
            |listen: &str| ServerArgs { listen: Some(listen.into()), connections: None }.resolve();
        assert_eq!(of("0.0.0.0:0").expect("fine").listen.port(), 0);
        assert_eq!(of("").expect("the default").listen.port(), 8080);
        for bad in ["8080", "localhost", "127.0.0.1", "127.0.0.1:99999", ":8080"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_LISTEN is "), "{line}");
        }
    }
}
