//! What all tests share: one Redis, one Postgres, two engines.

use dropgate::local::{TestDatabase, TestServers};
use tokio::sync::OnceCell;

use super::engine::EngineProcess;

/// The key of the admin scope.
pub(crate) const ADMIN_KEY: &str = "admin-key-for-tests-0123456789";
/// The key of the storefront scope.
pub(crate) const STOREFRONT_KEY: &str = "storefront-key-for-tests-0123456789";

/// The servers and the engines that every test uses, each with a drop of its own.
#[derive(Debug)]
pub(crate) struct World {
    engines: [EngineProcess; 2],
    database: TestDatabase,
    redis: String,
}

impl World {
    /// The one world of this process; the first test that asks starts it.
    pub(crate) async fn shared() -> &'static World {
        static SHARED: OnceCell<World> = OnceCell::const_new();
        SHARED.get_or_init(World::start).await
    }

    async fn start() -> World {
        let servers = TestServers::shared().await.expect("Redis and Postgres start");
        let database = servers.new_database("it").await.expect("a database");
        let redis = servers.redis().url();
        // Receivers of webhooks are on this machine.
        let settings = [("DROPGATE_WEBHOOKS_ALLOW_PRIVATE", "true")];
        let engine = || EngineProcess::serve(&redis, database.url(), &settings);
        World { engines: [engine(), engine()], database, redis }
    }

    /// Where an engine listens; there are two, and any number names one of them.
    pub(crate) fn url(&self, engine: usize) -> &str {
        self.engines[engine % self.engines.len()].url()
    }

    /// Where the ledger is.
    pub(crate) fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Where Redis is.
    pub(crate) fn redis_url(&self) -> &str {
        &self.redis
    }
}
