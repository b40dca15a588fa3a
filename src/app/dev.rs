//! `dropgate dev`: everything on one machine, with nothing to configure.

use std::{fs, io, os::unix::fs::OpenOptionsExt as _, path::Path, time::Duration};

use anyhow::Context as _;
use indicatif::ProgressBar;

use super::{demo, serve::Running};
use crate::{
    config::{DevCommandSettings, DevKeys, KeySettings, LedgerSettings},
    local::Supervisor,
};

/// The file in the data folder that keeps the keys, as a shell can source it.
const KEYS: &str = "keys.env";

pub(super) async fn run(settings: DevCommandSettings) -> anyhow::Result<()> {
    let DevCommandSettings { dev, server, keys, limits, engine, log: _ } = settings;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner.set_message("starting a private Redis and a private Postgres");
    let servers = Supervisor::start(&dev.data_dir).await?;
    let keys = keep_keys(&dev.data_dir.join(KEYS), &keys)?;
    let ledger = LedgerSettings { url: servers.postgres().url(), connections: 8 };
    spinner.set_message("starting the engine");
    let redis = servers.redis().url();
    let running = Running::start(&server, &redis, &ledger, &keys, limits, &engine).await?;
    spinner.set_message("creating the demo drop");
    demo::create(&running.engine).await?;
    spinner.finish_and_clear();
    let address = running.address()?;
    demo::print_welcome(address, &keys, &dev.data_dir.join(KEYS));
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

/// The keys from the settings, else those of the last start, else new ones; kept for the next.
fn keep_keys(file: &Path, given: &DevKeys) -> anyhow::Result<KeySettings> {
    let kept = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).context(format!("can't read {}", file.display())),
    };
    let find = |name: &str| {
        let line = kept.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned)
    };
    let make = || uuid::Uuid::from_u128(rand::random()).simple().to_string();
    let choose = |given: Option<&str>, name: &str, prefix: &str| {
        given
            .map(str::to_owned)
            .or_else(|| find(name))
            .unwrap_or_else(|| prefix.to_owned() + &make())
    };
    let admin = given.admin.as_ref().map(|key| key.expose());
    let storefront = given.storefront.as_ref().map(|key| key.expose());
    let keys = KeySettings::new(
        choose(admin, "DROPGATE_ADMIN_KEY", "dga_"),
        choose(storefront, "DROPGATE_STOREFRONT_KEY", "dgs_"),
    )?;
    write_keys(file, &keys).with_context(|| format!("can't write {}", file.display()))?;
    Ok(keys)
}

fn write_keys(file: &Path, keys: &KeySettings) -> io::Result<()> {
    use io::Write as _;
    // Readable by its owner only, from the first byte on.
    let new = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut open = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(open, "DROPGATE_ADMIN_KEY={}", keys.admin.expose())?;
    writeln!(open, "DROPGATE_STOREFRONT_KEY={}", keys.storefront.expose())?;
    fs::rename(&new, file)
}
