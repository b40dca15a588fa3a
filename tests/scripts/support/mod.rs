//! One Redis for all tests of this binary, and what the tests share: a drop in a given state
//! ([`Case`]), the whole state of its keys ([`Dump`]), and the checks that hold for every call.

mod case;
mod check;
mod dump;
mod given;
mod short;
mod stored;

pub(crate) use case::Case;
pub(crate) use check::check_entry;
pub(crate) use dump::{Dump, RawEntry};
pub(crate) use short::{START, abbreviate, expand};

use std::{sync::LazyLock, time::Duration};

use dropgate::{
    local::TestServers,
    store::{Script, script_names},
};
use redis::{Connection, RedisError, Value};
use tokio::runtime::Runtime;

/// A connection to the Redis that all tests share. Each test has a drop of its own.
pub(crate) struct Redis {
    connection: Connection,
}

static URL: LazyLock<String> = LazyLock::new(|| {
    // It lives as long as the process: the servers belong to it.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    let servers = RUNTIME.block_on(TestServers::shared()).expect("servers");
    let url = servers.redis().url();
    let client = redis::Client::open(url.as_str()).expect("an address");
    let mut connection = client.get_connection().expect("a connection");
    for name in script_names().0 {
        let text = &Script::named(name).text;
        let sha: String =
            redis::cmd("SCRIPT").arg("LOAD").arg(text).query(&mut connection).expect(name);
        assert_eq!(sha, Script::named(name).sha);
    }
    url
});

impl Redis {
    pub(crate) fn connect() -> Redis {
        let client = redis::Client::open(URL.as_str()).expect("an address");
        Redis { connection: client.get_connection().expect("a connection") }
    }

    /// Listens on a channel from now on; each call of what it gives waits for the next message.
    pub(crate) fn listen(channel: &str) -> impl FnMut() -> String + use<> {
        let mut redis = Redis::connect();
        redis.must(&["SUBSCRIBE", channel]);
        redis.connection.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        move || {
            let message = redis.connection.recv_response().expect("a message");
            let words: Vec<String> = redis::from_redis_value(message).expect("words");
            words.into_iter().last().expect("a payload")
        }
    }

    /// Runs one command, its words separated by what `words` says.
    pub(crate) fn run<W: AsRef<str>>(&mut self, words: &[W]) -> Result<Value, RedisError> {
        let mut command = redis::cmd(words[0].as_ref());
        for word in &words[1..] {
            command.arg(word.as_ref());
        }
        command.query(&mut self.connection)
    }

    /// As [`Redis::run`], for commands that can't fail.
    #[track_caller]
    pub(crate) fn must<W: AsRef<str>>(&mut self, words: &[W]) -> Value {
        self.run(words).expect("the command runs")
    }

    /// Calls a script; the texts of its reply, or the error it raised.
    pub(crate) fn script(
        &mut self,
        name: &str,
        keys: &[String],
        arguments: &[String],
    ) -> Result<Vec<String>, String> {
        let value = self.raw_script(name, keys, arguments).map_err(|error| error.to_string())?;
        redis::from_redis_value(value).map_err(|error| error.to_string())
    }

    /// As [`Redis::script`], with the reply as it came.
    pub(crate) fn raw_script(
        &mut self,
        name: &str,
        keys: &[String],
        arguments: &[String],
    ) -> Result<Value, RedisError> {
        let mut words = vec!["EVALSHA".to_owned(), Script::named(name).sha.clone()];
        words.push(keys.len().to_string());
        words.extend(keys.iter().chain(arguments).cloned());
        self.run(&words)
    }

    /// Runs a pipeline of which a command may fail.
    pub(crate) fn replies(&mut self, pipeline: &redis::Pipeline) -> Vec<Result<Value, RedisError>> {
        pipeline.query(&mut self.connection).expect("the pipeline runs")
    }

    pub(crate) fn pipeline(&mut self, pipeline: &redis::Pipeline) -> Vec<Value> {
        pipeline.query(&mut self.connection).expect("the pipeline runs")
    }
}
