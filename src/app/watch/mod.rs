//! `dropgate watch`: a sale as it goes, on a terminal or as JSON lines.
//!
//! Somebody else looks at the engine and sends what it found; here that is shown. What is old is
//! never shown as if it were the present: an engine that is silent is said to be.

mod draw;
mod lines;
mod look;
mod picture;
mod screen;

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{SignalKind, signal};

use super::failed::failed;
use super::output::{DONE, UNKNOWN};
use crate::client::Failure;
use crate::config::WatchSettings;
use picture::Picture;

/// Why watching ends.
enum End {
    /// Somebody has seen enough.
    Enough,
    /// The engine refuses: there is nothing to watch.
    Refused(Failure),
    /// It can't be shown.
    Output(io::Error),
}

/// The status is the program's: see the help of `watch`.
pub(super) async fn run(settings: WatchSettings) -> anyhow::Result<u8> {
    let url = settings.client.url.clone();
    let looks = match look::start(&settings) {
        Ok(looks) => looks,
        Err(failure) => return Ok(failed(&failure, &url, "")),
    };
    let picture = Picture::new(&settings);
    let on_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let shown = async {
        match on_terminal && !settings.json {
            true => screen::show(picture, looks).await,
            false => lines::write(picture, looks).await,
        }
    };
    let end = tokio::select! {
        end = shown => end,
        _ = terminated.recv() => End::Enough,
        _ = interrupted.recv() => End::Enough,
    };
    match end {
        End::Enough => Ok(DONE),
        End::Refused(failure) => Ok(failed(&failure, &url, "")),
        End::Output(error) if super::output::is_gone(&error) => Ok(DONE),
        End::Output(error) => {
            eprintln!("dropgate: it can't be shown: {error}\n--json prints lines instead.");
            Ok(UNKNOWN)
        }
    }
}
