//! The program's own commands, run to their end as a person or a script would.

use std::process::Output;

use serde_json::Value;

use super::engine::EngineProcess;
use super::world::{ADMIN_KEY, World};

/// What a command came to.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn of(output: Output) -> Ended {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let Output { status, stdout, stderr } = output;
        let status = status.code().expect("it ended by itself");
        Ended { status, out: text(stdout), err: text(stderr) }
    }

    /// What it printed, which must be all that it did: status 0, and nothing on standard error.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// The one JSON document that it printed.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("one JSON document")
    }

    /// What it said on standard error; it must have ended with this status and printed nothing.
    #[track_caller]
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!((self.status, self.out.as_str()), (status, ""), "{}", self.err);
        assert!(self.err.starts_with("dropgate: ") || status == 2, "{}", self.err);
        self.err
    }
}

/// Settings with which a command finds this engine.
pub(crate) fn engine(url: &str) -> [(&str, &str); 2] {
    [("DROPGATE_URL", url), ("DROPGATE_ADMIN_KEY", ADMIN_KEY)]
}

/// Runs a command, its words with spaces between, with these settings and no others.
pub(crate) async fn run(words: &str, settings: &[(&str, &str)]) -> Ended {
    let mut words = words.split_whitespace();
    let mut command = EngineProcess::command(words.next().expect("a command"));
    command.args(words).envs(settings.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    Ended::of(output.expect("it runs"))
}

/// Runs a command against the world's first engine.
pub(crate) async fn ask(words: &str) -> Ended {
    run(words, &engine(World::shared().await.url(0))).await
}
