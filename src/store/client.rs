//! The connection, and calls of scripts over it.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use redis::{
    Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, RedisError, ServerErrorKind, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

use super::{
    CallReply, DropKeys, RawEntries, Script, StoreError,
    error::is_missing_script,
    journal::{ENTRIES, range},
    round::{Answers, Rounds},
    scripts,
};
use crate::{domain::Millis, home::Home, measure};

/// How long one round trip may take. Longer than any script may run, shorter than a caller
/// waits: a server that is frozen for a moment answers late but in time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long sent bytes may stay without an acknowledgement, and a silent peer unasked: a server
/// that vanished without a word is noticed by then, also by who only listens.
const PEER_WITHIN: Duration = Duration::from_secs(3);

/// A connection to Redis that mends itself. Cheap to clone; clones share one socket.
#[derive(Clone)]
pub struct Store {
    link: Link,
    rounds: Rounds,
}

/// The connection itself.
#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    connection: Arc<RwLock<Current>>,
    home: Home,
}

/// The connection in use, and how many there were before it.
struct Current {
    number: u64,
    manager: ConnectionManager,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// What all operations of one call share.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The drop's generation, as the ledger has it.
    pub epoch: i64,
    /// The highest `seq` known to be durable.
    pub durable_seq: i64,
    /// The engine's clock.
    pub engine_now: Millis,
    /// Whether new holds may be taken.
    pub admit: bool,
}

/// One call of one verb's script, with any number of operations.
#[derive(Debug)]
pub struct ScriptCall {
    /// Its name in `lua/`.
    pub script: &'static str,
    /// The arguments of all operations, one behind the other.
    pub arguments: Vec<String>,
}

impl Store {
    /// Connects lazily: the first call finds out whether the server is there.
    ///
    /// # Errors
    /// When the address can't be understood.
    ///
    /// # Panics
    /// Outside of a runtime: the one it is called on has the connection.
    pub fn connect(url: &str) -> Result<Store, StoreError> {
        // Without a provider of cryptography a `rediss://` address would end in a panic. Whoever
        // embeds this may have chosen one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Small calls wait for their answers: Nagle's algorithm would only add delay.
        let keepalive = TcpKeepalive::new().with_time(PEER_WITHIN).with_retries(3);
        let settings = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(keepalive.with_interval(Duration::from_secs(1)))
            .set_user_timeout(PEER_WITHIN);
        let info = url.into_connection_info()?.set_tcp_settings(settings);
        let client = Client::open(info)?;
        let manager = manage(&client)?;
        let connection = Arc::new(RwLock::new(Current { number: 0, manager }));
        let link = Link { client, connection, home: Home::here() };
        let rounds = Rounds::start(link.clone());
        Ok(Store { link, rounds })
    }

    /// The runtime of its connection.
    pub(crate) fn home(&self) -> &Home {
        &self.link.home
    }

    pub(super) fn client(&self) -> &Client {
        &self.link.client
    }

    /// Runs a pipeline; each command has a result of its own.
    ///
    /// # Errors
    /// When the pipeline as a whole got no answer.
    pub(super) async fn run(&self, pipeline: &mut Pipeline) -> Answers {
        self.link.run(pipeline).await
    }

    /// The server's major version; Valkey tells that of the Redis it stands in for.
    pub async fn version(&self) -> Option<u32> {
        let values = self.run(redis::pipe().cmd("INFO").arg("server")).await.ok()?;
        let info: String = redis::from_redis_value(values.into_iter().next()?.ok()?).ok()?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"))?;
        version.split('.').next()?.parse().ok()
    }

    /// Whether the server answers and can run what is asked of it.
    ///
    /// # Errors
    /// When it can't be reached, or is still loading.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.run(redis::pipe().cmd("PING")).await.map(|_| ())
    }

    /// One setting of the server, `None` where it doesn't tell.
    pub async fn setting(&self, name: &str) -> Option<String> {
        let values = self.run(redis::pipe().cmd("CONFIG").arg("GET").arg(name)).await.ok()?;
        let found: Vec<String> = redis::from_redis_value(values.into_iter().next()?.ok()?).ok()?;
        found.into_iter().nth(1)
    }

    /// Calls scripts of one drop, all in one round trip, in the given order. With `after` it also
    /// reads what the journal then has behind that (epoch, `seq`), and other engines are not told that it
    /// moved; nothing when that fails.
    pub async fn call(
        &self,
        keys: &DropKeys,
        turn: Turn,
        calls: &[ScriptCall],
        after: Option<(i64, i64)>,
    ) -> (Vec<Result<CallReply, StoreError>>, Option<RawEntries>) {
        let shared = [
            turn.epoch.to_string(),
            turn.durable_seq.to_string(),
            turn.engine_now.0.to_string(),
            u8::from(turn.admit).to_string(),
            // Who reads the journal is its usual writer: nobody else needs to hear that it moved.
            u8::from(after.is_none()).to_string(),
        ];
        let invocations: Vec<Invocation<'_>> = calls
            .iter()
            .map(|call| Invocation {
                script: Script::named(call.script),
                keys: &keys.all,
                shared: &shared,
                arguments: &call.arguments,
            })
            .collect();
        let read = after.map(|after| range(keys, after, ENTRIES));
        let arguments = calls.iter().map(|call| call.arguments.len()).sum();
        let (values, journal) = self.invoke_and_read(&invocations, read, Some(arguments)).await;
        let replies = values.into_iter().map(|value| value.and_then(CallReply::read)).collect();
        (replies, journal)
    }

    /// Invokes scripts in one round trip. A server that lacks one is given all of them, and
    /// those that it did not run are sent once more.
    pub(super) async fn invoke(
        &self,
        invocations: &[Invocation<'_>],
    ) -> Vec<Result<Value, StoreError>> {
        self.invoke_and_read(invocations, None, None).await.0
    }

    /// In a round with other drops if it is told how many arguments there are, or by itself.
    async fn invoke_and_read(
        &self,
        invocations: &[Invocation<'_>],
        read: Option<Cmd>,
        in_round: Option<usize>,
    ) -> (Vec<Result<Value, StoreError>>, Option<RawEntries>) {
        let mut journal = None;
        let mut results: Vec<Option<Result<Value, RedisError>>> =
            (0..invocations.len()).map(|_| None).collect();
        for attempt in 0..2 {
            let waiting: Vec<usize> = (0..results.len())
                .filter(|&i| match &results[i] {
                    None => true,
                    Some(Err(error)) => is_missing_script(error),
                    Some(Ok(_)) => false,
                })
                .collect();
            if waiting.is_empty() {
                break;
            }
            let mut commands = Vec::new();
            if attempt > 0 {
                scripts_into(&mut commands);
            }
            for &i in &waiting {
                commands.push(invocations[i].command());
            }
            commands.extend(read.clone());
            let answers = match in_round {
                Some(arguments) => self.rounds.call(commands, arguments).await,
                None => self.run(&mut pipeline_of(commands)).await,
            };
            match answers {
                Ok(mut values) => {
                    if read.is_some() {
                        journal = values.pop().and_then(Result::ok).map(RawEntries);
                    }
                    let loaded = values.len() - waiting.len();
                    for (i, value) in waiting.into_iter().zip(values.into_iter().skip(loaded)) {
                        results[i] = Some(value);
                    }
                }
                Err(error) => {
                    return (invocations.iter().map(|_| Err(error.clone())).collect(), None);
                }
            }
        }
        let results = results
            .into_iter()
            .map(|result| match result {
                Some(value) => value.map_err(StoreError::from),
                None => Err(StoreError::NoAnswer("the reply was cut short".to_owned())),
            })
            .collect();
        (results, journal)
    }
}

impl Link {
    /// The runtime that has it.
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    fn current(&self) -> (u64, ConnectionManager) {
        let current = self.connection.read().unwrap_or_else(PoisonError::into_inner);
        (current.number, current.manager.clone())
    }

    /// Leaves a connection that is of no use any more: its peer does not answer, takes no writes
    /// since another server took over, or is no Redis. The manager itself notices nothing of
    /// that. Calls under way on it end by themselves.
    fn leave(&self, number: u64) {
        let Ok(manager) = manage(&self.client) else { return };
        let mut current = self.connection.write().unwrap_or_else(PoisonError::into_inner);
        if current.number == number {
            tracing::info!("leaving the connection to Redis for a new one");
            *current = Current { number: number + 1, manager };
        }
    }

    /// Runs a pipeline; each command has a result of its own.
    ///
    /// # Errors
    /// When the pipeline as a whole got no answer.
    pub(super) async fn run(&self, pipeline: &mut Pipeline) -> Answers {
        pipeline.ignore_errors();
        let (number, mut connection) = self.current();
        // The manager may wait for a reconnection before it sends: that has a bound too.
        let bound = RESPONSE_TIMEOUT + CONNECT_TIMEOUT;
        let since = Instant::now();
        // Who notices that the connection has broken has it opened anew.
        let query = self.home.opens(pipeline.query_async(&mut connection));
        let answer: Result<Vec<Result<Value, RedisError>>, _> =
            match tokio::time::timeout(bound, query).await {
                Ok(answer) => answer,
                Err(_) => {
                    self.leave(number);
                    return Err(StoreError::NoAnswer(format!("not within {bound:?}")));
                }
            };
        measure::since(since, &measure::REDIS);
        let useless = match &answer {
            Ok(values) => values.iter().any(|value| value.as_ref().is_err_and(is_useless)),
            Err(error) => error.is_timeout() || is_useless(error),
        };
        if useless {
            self.leave(number);
        }
        answer.map_err(StoreError::from)
    }
}

fn manage(client: &Client) -> Result<ConnectionManager, RedisError> {
    let config = ConnectionManagerConfig::new()
        .set_min_delay(Duration::from_millis(20))
        .set_max_delay(Duration::from_millis(250))
        .set_number_of_retries(2)
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_connection_timeout(Some(CONNECT_TIMEOUT));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// Whether the peer takes no writes (it is a replica now, and the address may lead to the new
/// primary), or speaks something else: behind bytes that can't be read, nothing can be.
fn is_useless(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly) | ErrorKind::Parse)
}

/// One EVALSHA.
pub(super) struct Invocation<'a> {
    pub(super) script: &'static Script,
    pub(super) keys: &'a [String],
    pub(super) shared: &'a [String],
    pub(super) arguments: &'a [String],
}

impl Invocation<'_> {
    pub(super) fn push(&self, pipeline: &mut Pipeline) {
        pipeline.add_command(self.command());
    }

    fn command(&self) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.script.sha).arg(self.keys.len());
        for part in self.keys.iter().chain(self.shared).chain(self.arguments) {
            command.arg(part);
        }
        command
    }
}

pub(super) fn pipeline_of(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    commands.into_iter().for_each(|command| {
        pipeline.add_command(command);
    });
    pipeline
}

fn scripts_into(commands: &mut Vec<Cmd>) {
    for name in scripts::script_names().0 {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&Script::named(name).text);
        commands.push(command);
    }
}
