//! `dropgate dev`: everything on one machine, with nothing to configure.

use std::{fs, io, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use anyhow::Context as _;
use indicatif::ProgressBar;

use super::{demo, serve::Running};
use crate::{
    config::{DevCommandSettings, DevKeys, KeptKeys, KeySettings, LedgerSettings},
    local::Supervisor,
};

pub(super) async fn run(settings: DevCommandSettings) -> anyhow::Result<()> {
    let DevCommandSettings { dev, server, keys, limits, engine, traces, sinks, log: _ } = settings;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner.set_message("starting a private Redis and a private Postgres");
    let servers = Supervisor::start(&dev.data_dir).await?;
    let kept = KeptKeys::read(&dev.data_dir)
        .with_context(|| format!("can't read the keys in {}", dev.data_dir.display()))?;
    let keys = choose_keys(&kept, &keys)?;
    let ledger = LedgerSettings { url: servers.postgres().url(), connections: 8 };
    spinner.set_message("starting the engine");
    let redis = servers.redis().url();
    let mut running =
        Running::start(&server, &redis, &ledger, &keys, limits, &engine, &sinks, true).await?;
    running.trace(&traces)?;
    spinner.set_message("creating the demo drop");
    demo::create(&running.engine).await?;
    spinner.finish_and_clear();
    let address = running.address()?;
    let places = [
        ("DROPGATE_URL", format!("http://{address}")),
        ("DROPGATE_REDIS_URL", redis),
        ("DROPGATE_DATABASE_URL", ledger.url),
    ];
    write_kept(kept.path(), &keys, &places)
        .with_context(|| format!("can't write {}", kept.path().display()))?;
    demo::print_welcome(address, &keys, kept.path());
    println!("  Redis     {}", servers.redis().url());
    println!("  Postgres  {}", servers.postgres().url());
    if servers.postgres().is_moved() {
        println!(
            "  Postgres keeps its files in {}: its user can't reach the data folder",
            servers.postgres().dir().display()
        );
    }
    println!("\nCtrl-C ends it; the next start finds everything again.");
    running.until_stopped().await?;
    servers.shutdown().await?;
    Ok(())
}

/// The keys from the settings, else those of the last start, else new ones.
fn choose_keys(kept: &KeptKeys, given: &DevKeys) -> anyhow::Result<KeySettings> {
    let make = || uuid::Uuid::from_u128(rand::random()).simple().to_string();
    let choose = |given: Option<&str>, name: &str, prefix: &str| {
        given
            .map(str::to_owned)
            .or_else(|| kept.find(name).map(str::to_owned))
            .unwrap_or_else(|| prefix.to_owned() + &make())
    };
    let admin = given.admin.as_ref().map(|key| key.expose());
    let storefront = given.storefront.as_ref().map(|key| key.expose());
    Ok(KeySettings::new(
        choose(admin, "DROPGATE_ADMIN_KEY", "dga_"),
        choose(storefront, "DROPGATE_STOREFRONT_KEY", "dgs_"),
    )?)
}

/// Keeps the keys for the next start, and with where everything is for a shell that sources the
/// file.
fn write_kept(file: &Path, keys: &KeySettings, places: &[(&str, String)]) -> io::Result<()> {
    use io::Write as _;
    // Readable by its owner only, from the first byte on.
    let new = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut open = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(open, "DROPGATE_ADMIN_KEY={}", keys.admin.expose())?;
    writeln!(open, "DROPGATE_STOREFRONT_KEY={}", keys.storefront.expose())?;
    for (name, url) in places {
        // An address has no quote in it.
        writeln!(open, "{name}='{url}'")?;
    }
    writeln!(open, "export DROPGATE_ADMIN_KEY DROPGATE_STOREFRONT_KEY")?;
    let names: Vec<&str> = places.iter().map(|(name, _)| *name).collect();
    writeln!(open, "export {}", names.join(" "))?;
    fs::rename(&new, file)
}
