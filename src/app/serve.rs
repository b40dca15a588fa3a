//! `dropgate serve`: the API and the tasks, against given servers.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{connect_ledger, room};
use crate::{
    api::{self, Api, LiveSettings},
    config::{
        EngineSettings, KeySettings, LedgerSettings, LimitSettings, ServeSettings, ServerSettings,
        SinkSettings, TraceSampling, TraceSettings,
    },
    engine::{Engine, EngineOptions},
    ledger::Ledger,
    sink::{Reach, Sender, Sinks},
    store::Store,
    task::Tasks,
    trace::{self, Delivery, TraceOptions},
};

/// The first version that knows the flags of scripts.
const OLDEST_REDIS: u32 = 7;
/// How long a start waits for servers that are starting too.
const SERVERS_WITHIN: Duration = Duration::from_secs(60);
/// How long the last traces may take to be delivered, while the tasks end.
const TRACES_WITHIN: Duration = Duration::from_secs(1);
/// How long the engine may take to say that it is gone; without a word it counts as alive a little longer.
const RETIRE_WITHIN: Duration = Duration::from_millis(500);

pub(super) async fn run(settings: ServeSettings) -> anyhow::Result<()> {
    let ServeSettings { server, store, ledger, keys, limits, engine, traces, sinks, log: _ } =
        settings;
    let mut running =
        Running::start(&server, &store.url, &ledger, &keys, limits, &engine, &sinks, false).await?;
    running.trace(&traces)?;
    println!("dropgate serves on http://{}", running.address()?);
    running.until_stopped().await
}

/// An engine that serves.
pub(super) struct Running {
    pub(super) engine: Arc<Engine>,
    listener: TcpListener,
    api: Arc<Api>,
    settings: ServerSettings,
    tasks: Tasks,
    traces: Option<Delivery>,
    sinks: Sinks,
    stop: CancellationToken,
}

impl Running {
    /// Starts everything but the accepting of connections: whoever starts it may still prepare
    /// what must be there when the first client comes.
    #[expect(clippy::too_many_arguments, reason = "each is named where it is made")]
    pub(super) async fn start(
        server: &ServerSettings,
        redis_url: &str,
        ledger: &LedgerSettings,
        keys: &KeySettings,
        limits: LimitSettings,
        engine: &EngineSettings,
        sinks: &SinkSettings,
        shop_sells: bool,
    ) -> anyhow::Result<Running> {
        room::make_room(server.connections);
        // First of all, so that a second process on one address ends before it does anything.
        let listener = TcpListener::bind(server.listen).await.with_context(|| {
            let listen = server.listen;
            format!("can't listen on {listen}: end what listens there, or set DROPGATE_LISTEN")
        })?;
        let store = Store::connect(redis_url).context("DROPGATE_REDIS_URL can't be used")?;
        let ledger = connect_ledger(ledger)?;
        await_servers(&store, &ledger).await?;
        check_settings(&store, &ledger).await?;
        let EngineSettings { hold_ack, answer_timeout, evict_after, details_ttl } = *engine;
        let options = EngineOptions { hold_ack, answer_timeout, evict_after, details_ttl };
        let (engine, drops) = Engine::new(store, ledger, options);
        await_strangers(&engine).await?;
        let tasks = Tasks::start(Arc::clone(&engine), drops, CancellationToken::new()).await?;
        let stop = CancellationToken::new();
        let within = options.answer_timeout;
        let live = LiveSettings { key: engine.watch_key().await?, streams: server.streams() };
        let sender = Sender::new(Reach { private: sinks.allow_private }, sinks.timeout)
            .map_err(|error| anyhow::anyhow!("webhooks can't be told anything: {error}"))?;
        let api = Api::new(
            Arc::clone(&engine),
            keys,
            limits,
            live,
            sender.clone(),
            shop_sells,
            within,
            stop.clone(),
        );
        let sinks = Sinks::start(Arc::clone(&engine), sender, sinks, stop.clone());
        let (api, settings) = (Arc::new(api), server.clone());
        Ok(Running { engine, listener, api, settings, tasks, traces: None, sinks, stop })
    }

    /// Traces calls from now on, if the settings name a collector.
    pub(super) fn trace(&mut self, settings: &TraceSettings) -> anyhow::Result<()> {
        let TraceSettings { endpoint, headers, service, sampling } = settings.clone();
        let Some(endpoint) = endpoint else { return Ok(()) };
        let TraceSampling { parent_based, share } = sampling;
        let instance = self.engine.name().to_owned();
        let options = TraceOptions { endpoint, headers, service, instance, parent_based, share };
        let started = trace::start(&options);
        self.traces = started.map_err(|why| anyhow!("OTEL_EXPORTER_OTLP_ENDPOINT: {why}"))?;
        Ok(())
    }

    /// Where it listens.
    pub(super) fn address(&self) -> anyhow::Result<std::net::SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until SIGTERM or SIGINT; then ends what is under way. The tasks end last: calls
    /// that wait for the ledger are answered by them.
    pub(super) async fn until_stopped(self) -> anyhow::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (stop, engine) = (self.stop.clone(), Arc::clone(&self.engine));
        let watch = tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = engine.stepped_aside() => {}
            }
            tracing::info!("stopping: what is under way is ended first");
            stop.cancel();
        });
        let listener = self.listener.into_std()?;
        let (api, settings) = (self.api, self.settings);
        let mut front = super::threads(settings.worker_threads);
        self.engine.crew().watch(&mut front);
        let front = front.build()?;
        let serving = front.spawn(async move {
            api::serve(TcpListener::from_std(listener)?, api, &settings).await;
            std::io::Result::Ok(())
        });
        let served = serving.await;
        watch.abort();
        self.sinks.ended().await;
        // Every call has been written down by now.
        let traces = async {
            if let Some(traces) = self.traces {
                traces.end(TRACES_WITHIN).await;
            }
        };
        tokio::join!(self.tasks.end(), traces);
        // Not before: calls whose clients have gone were carried to their end there.
        front.shutdown_background();
        served.context("the task that answers clients")??;
        if self.engine.has_stepped_aside() {
            bail!("another version of the engine has taken over, which the log names");
        }
        match timeout(RETIRE_WITHIN, self.engine.retire()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "this engine counts as alive for some seconds more");
            }
            Err(_) => tracing::debug!("this engine counts as alive for some seconds more"),
        }
        Ok(())
    }
}

/// Waits until no engine is alive with which this one can't share drops.
async fn await_strangers(engine: &Engine) -> anyhow::Result<()> {
    let deadline = Instant::now() + SERVERS_WITHIN;
    let mut told = String::new();
    loop {
        let reason = match engine.announce().await {
            Ok(None) => return Ok(()),
            Ok(Some(stranger)) => stranger.to_string(),
            Err(error) => format!("DROPGATE_DATABASE_URL: {error}"),
        };
        if Instant::now() >= deadline {
            bail!("{reason}: this engine can't share drops with it; end it, or start its version");
        }
        if reason != told {
            tracing::warn!(reason, "waiting: this engine can't share drops with whoever is there");
            told = reason;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until both servers answer, and brings the schema up to date.
async fn await_servers(store: &Store, ledger: &Ledger) -> anyhow::Result<()> {
    let deadline = Instant::now() + SERVERS_WITHIN;
    let mut told = String::new();
    loop {
        let problem = match (store.ping().await, ledger.migrate().await) {
            (Ok(()), Ok(_)) => return Ok(()),
            (Err(error), _) => format!("DROPGATE_REDIS_URL: {error}"),
            (_, Err(error)) => format!("DROPGATE_DATABASE_URL: {error}"),
        };
        if Instant::now() >= deadline {
            bail!("{problem}; it was tried for {} seconds", SERVERS_WITHIN.as_secs());
        }
        if problem != told {
            tracing::warn!(problem, "waiting for a server");
            told = problem;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Refuses servers whose settings would break the promises, and warns of those that weaken them.
async fn check_settings(store: &Store, ledger: &Ledger) -> anyhow::Result<()> {
    if let Some(version) = store.version().await
        && version < OLDEST_REDIS
    {
        bail!("Redis is version {version}: Dropgate needs {OLDEST_REDIS} or later, or Valkey");
    }
    // A server that doesn't tell (CONFIG may be forbidden) is taken as it is.
    match store.setting("maxmemory-policy").await.as_deref() {
        None | Some("noeviction") => {}
        Some(policy) => bail!(
            "Redis has maxmemory-policy {policy}, which throws keys away when memory is short: \
             set it to noeviction"
        ),
    }
    if store.setting("appendonly").await.as_deref() == Some("no") {
        tracing::warn!(
            "Redis has appendonly no: a restart of it rebuilds every drop from the ledger; set \
             appendonly yes"
        );
    }
    // The engine asks for a synchronous commit in each session; something in between may forget.
    let risky = [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")];
    for (name, value) in risky {
        if ledger.setting(name).await? == value {
            tracing::warn!(
                "Postgres has {name} {value}: a power loss may lose what was promised; set it to on"
            );
        }
    }
    Ok(())
}
