//! A RabbitMQ of a test, with a name, ports and a folder of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dropgate::local::spawn;
use lapin::{Channel, Connection, ConnectionProperties};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::time::timeout;

use super::within;

/// The server itself, without the wrapper that wants to be root.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// It starts a whole Erlang.
const STARTS_WITHIN: Duration = Duration::from_secs(90);
/// How long it may take to answer while it starts, before it is asked anew.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A running broker. It ends with this process, or when it is dropped.
pub(crate) struct RabbitMq {
    server: Option<Child>,
    names: Child,
    folder: TempDir,
    ports: [u16; 3],
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl RabbitMq {
    /// Whether there is one, as `make test` installs; the reason for what is skipped is told.
    pub(crate) fn is_there() -> bool {
        let there = Path::new(SERVER).exists();
        if !there {
            eprintln!("skipped: RabbitMQ is not installed");
        }
        there
    }

    /// Starts one and waits until it takes connections.
    pub(crate) async fn start() -> RabbitMq {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = [free_port(), free_port(), free_port()];
        let config =
            format!("listeners.tcp.1 = 127.0.0.1:{}\nlog.console.level = error\n", ports[0]);
        fs::write(folder.path().join("rabbitmq.conf"), config).expect("its settings");
        fs::write(folder.path().join("plugins"), "[].").expect("no plugins");
        // Erlang's own register of names, which would stay behind if the server started it.
        let mut names = Command::new("epmd");
        names.args(["-port", &ports[2].to_string(), "-address", "127.0.0.1"]);
        names.stdout(Stdio::null()).stderr(Stdio::null());
        let names = spawn(names, Signal::SIGKILL).expect("epmd, which comes with Erlang");
        let mut broker = RabbitMq { server: None, names, folder, ports };
        broker.up().await;
        broker
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[0]))
    }

    /// Starts it, with what it had kept.
    pub(crate) async fn up(&mut self) {
        let [port, between, names] = self.ports;
        let folder = self.folder.path();
        let mut command = Command::new(SERVER);
        command
            .env("RABBITMQ_NODENAME", format!("dropgate-{port}@localhost"))
            .env("RABBITMQ_DIST_PORT", between.to_string())
            .env("ERL_EPMD_PORT", names.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("HOME", folder)
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            // The process that is started is then the server itself, which a signal reaches.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.server = Some(spawn(command, Signal::SIGKILL).expect("it starts"));
        within(STARTS_WITHIN, "RabbitMQ takes connections", || async {
            // What is still starting may take a connection and never answer on it.
            timeout(ANSWERS_WITHIN, self.try_channel()).await.ok().flatten().map(drop)
        })
        .await;
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("it runs");
            server.wait().expect("it ends");
        }
    }

    /// A channel to it.
    pub(crate) async fn channel(&self) -> (Connection, Channel) {
        self.try_channel().await.expect("a channel")
    }

    async fn try_channel(&self) -> Option<(Connection, Channel)> {
        let url = format!("amqp://guest:guest@{}/%2f", self.address());
        let connection = Connection::connect(&url, ConnectionProperties::default());
        let connection = connection.await.ok()?;
        let channel = connection.create_channel().await.ok()?;
        Some((connection, channel))
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = self.names.kill();
        let _ = self.names.wait();
    }
}
