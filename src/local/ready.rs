//! From a command to a server that answers, on a port of its own.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::LocalError;
use super::process::{POLL, ServerProcess, blocking};

/// How often a free port may be taken by somebody else before the server has it.
const PORT_TRIES: u32 = 10;
/// How long one attempt to connect may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a restart waits for its port.
const PORT_BACK_WITHIN: Duration = Duration::from_secs(5);

/// The port of 127.0.0.1 that a server listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// One that is free.
    Any,
    /// This one, or else an error.
    Only(u16),
    /// This one, or else one that is free.
    Rather(u16),
}

impl ServerProcess {
    /// Starts the server and waits until `probe` succeeds, at most `within`; one that does not get
    /// that far is killed.
    pub(super) async fn launch<F>(
        self: &Arc<Self>,
        command: Command,
        within: Duration,
        probe: impl Fn() -> F,
    ) -> Result<(), LocalError>
    where
        F: Future<Output = Result<(), String>>,
    {
        let process = Arc::clone(self);
        blocking(move || process.spawn(command)).await?;
        let ready = self.until_ready(within, probe).await;
        if ready.is_err() {
            let process = Arc::clone(self);
            blocking(move || process.kill()).await?;
        }
        ready
    }

    async fn until_ready<F>(
        &self,
        within: Duration,
        probe: impl Fn() -> F,
    ) -> Result<(), LocalError>
    where
        F: Future<Output = Result<(), String>>,
    {
        let deadline = Instant::now() + within;
        let mut last = "it was not asked yet".to_owned();
        while Instant::now() < deadline {
            if self.pid().is_none() {
                return Err(self.ended_early());
            }
            // Whoever has the port instead of our child may never answer.
            let answer = tokio::select! {
                answer = probe() => answer,
                () = self.gone() => continue,
                () = tokio::time::sleep(PATIENCE) => Err("no answer".to_owned()),
            };
            match answer {
                Ok(()) if self.pid().is_some() => return Ok(()),
                Ok(()) => {}
                Err(error) => last = error,
            }
            tokio::time::sleep(2 * POLL).await;
        }
        let (program, log, tail) = (self.kind.program, self.log.clone(), self.tail());
        Err(LocalError::NotReady { program, within, last, log, tail })
    }

    /// Waits until the child has ended.
    async fn gone(&self) {
        while self.pid().is_some() {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Runs a server on the wanted port until it is ready; the answer is the port it got.
    pub(super) async fn choose_port<F>(
        &self,
        wanted: Port,
        run: impl Fn(u16) -> F,
    ) -> Result<u16, LocalError>
    where
        F: Future<Output = Result<(), LocalError>>,
    {
        let mut next = match wanted {
            Port::Any => free_port()?,
            Port::Only(port) | Port::Rather(port) => port,
        };
        for tried in 1.. {
            match run(next).await {
                Ok(()) => break,
                Err(error) if !self.says_port_taken(&error) => return Err(error),
                Err(_) if matches!(wanted, Port::Only(_)) || tried == PORT_TRIES => {
                    return Err(LocalError::PortTaken { program: self.kind.program, port: next });
                }
                Err(_) => next = free_port()?,
            }
        }
        Ok(next)
    }

    /// Runs a server on the port that it had before, also if a connection of somebody else has
    /// taken that for a moment.
    pub(super) async fn keep_port<F>(
        &self,
        port: u16,
        run: impl Fn() -> F,
    ) -> Result<(), LocalError>
    where
        F: Future<Output = Result<(), LocalError>>,
    {
        let deadline = Instant::now() + PORT_BACK_WITHIN;
        loop {
            match run().await {
                Err(error) if self.says_port_taken(&error) => {
                    if Instant::now() > deadline {
                        return Err(LocalError::PortTaken { program: self.kind.program, port });
                    }
                }
                result => return result,
            }
            tokio::time::sleep(10 * POLL).await;
        }
    }

    /// Both servers say it in the system's words, for they run in the C locale.
    fn says_port_taken(&self, error: &LocalError) -> bool {
        matches!(error, LocalError::EndedEarly { .. })
            && self.tail().contains("ddress already in use")
    }

    fn ended_early(&self) -> LocalError {
        let status = self.ended().map_or_else(|| "stopped".to_owned(), |s| s.to_string());
        let (program, log, tail) = (self.kind.program, self.log.clone(), self.tail());
        LocalError::EndedEarly { program, status, log, tail }
    }
}

/// A port of 127.0.0.1 that nobody uses at the moment. The kernel chooses from a large range and
/// goes on from one to the next, so that two who ask at a time hardly get the same.
fn free_port() -> Result<u16, LocalError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(LocalError::io("find a free port on", Path::new("127.0.0.1")))
}
