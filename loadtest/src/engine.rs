//! The engine that the drop runs against: one that is there, or a fresh one.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::options::Options;

const ADMIN: &str = "DROPGATE_ADMIN_KEY";
const STOREFRONT: &str = "DROPGATE_STOREFRONT_KEY";
/// How long a fresh engine may take until it is ready: it makes a database first.
const START: Duration = Duration::from_secs(120);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(30);

/// An engine to run against.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) admin_key: String,
    pub(crate) storefront_key: String,
    fresh: Option<Fresh>,
}

/// An engine of our own, with its files.
#[derive(Debug)]
struct Fresh {
    child: Child,
    folder: TempDir,
}

impl Engine {
    /// The engine that the options name, or a fresh one.
    pub(crate) async fn find(options: &Options) -> Result<Engine> {
        if !options.fresh {
            let url = options.url.trim_end_matches('/');
            if listens(url).await? {
                return Engine::running(url, options);
            }
            println!("nothing listens at {url}: starting a fresh engine");
        }
        Engine::start(options).await
    }

    fn running(url: &str, options: &Options) -> Result<Engine> {
        let file = options.data_dir.join("keys.env");
        let kept = fs::read_to_string(&file).unwrap_or_default();
        let key = |given: &Option<String>, name: &str, flag: &str| {
            let given = given.clone().filter(|key| !key.is_empty());
            given.or_else(|| kept_key(&kept, name)).with_context(|| {
                format!("give {flag} or {name}: there is no {name} in {}", file.display())
            })
        };
        Ok(Engine {
            url: url.to_owned(),
            admin_key: key(&options.admin_key, ADMIN, "--admin-key")?,
            storefront_key: key(&options.storefront_key, STOREFRONT, "--storefront-key")?,
            fresh: None,
        })
    }

    async fn start(options: &Options) -> Result<Engine> {
        let program = program(options)?;
        let folder = tempfile::Builder::new().prefix("dropgate-sim-").tempdir()?;
        // Started by root, the engine's database runs as another user, who must come through.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
        let listen = {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            format!("127.0.0.1:{port}")
        };
        let random = || format!("{:032x}", rand::random::<u128>());
        let (admin_key, storefront_key) = (random(), random());
        let log = options.report.join("engine.log");
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        let child = Command::new(&program)
            .arg("dev")
            .env("DROPGATE_DATA_DIR", folder.path())
            .env("DROPGATE_LISTEN", &listen)
            .env(ADMIN, &admin_key)
            .env(STOREFRONT, &storefront_key)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let url = format!("http://{listen}");
        let mut engine =
            Engine { url, admin_key, storefront_key, fresh: Some(Fresh { child, folder }) };
        if let Err(error) = engine.wait_until_ready().await {
            engine.stop().await.ok();
            return Err(error.context(format!("its output is in {}", log.display())));
        }
        Ok(engine)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let client = client()?;
        let until = Instant::now() + START;
        let url = format!("{}/readyz", self.url);
        loop {
            if let Some(Fresh { child, .. }) = &mut self.fresh
                && let Some(status) = child.try_wait()?
            {
                bail!("the fresh engine ended at once: {status}");
            }
            let ready = client.get(&url).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() >= until {
                bail!("the fresh engine was not ready after {} s", START.as_secs());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Where a fresh engine has its files.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.fresh.as_ref().map(|fresh| fresh.folder.path())
    }

    /// Ends a fresh engine, so that neither a process nor a folder of it is left. An engine
    /// that was there before stays.
    pub(crate) async fn stop(self) -> Result<()> {
        let Some(Fresh { mut child, folder }) = self.fresh else { return Ok(()) };
        let elsewhere = fs::read_to_string(folder.path().join("postgres/moved-to"));
        if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may have ended by itself, which is as well.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let ended = timeout(STOP, child.wait()).await;
        if ended.is_err() {
            child.kill().await?;
        }
        folder.close().context("the fresh engine's folder can't be removed")?;
        if let Ok(elsewhere) = elsewhere {
            fs::remove_dir_all(elsewhere.trim())
                .with_context(|| format!("{} can't be removed", elsewhere.trim()))?;
        }
        match ended {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the fresh engine did not end well: {}", status?),
            Err(_) => bail!("the fresh engine did not end within {} s", STOP.as_secs()),
        }
    }
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?)
}

/// Whether an engine listens at `url`; an error when something else does.
async fn listens(url: &str) -> Result<bool> {
    match client()?.get(format!("{url}/healthz")).send().await {
        Ok(answer) if answer.status().is_success() => Ok(true),
        Ok(answer) => bail!("{url} is no Dropgate engine: /healthz answers {}", answer.status()),
        Err(error) if error.is_connect() => Ok(false),
        Err(error) => Err(error).context(format!("{url}/healthz has no answer")),
    }
}

/// The `dropgate` program.
fn program(options: &Options) -> Result<PathBuf> {
    if let Some(program) = &options.engine {
        return Ok(program.clone());
    }
    let own = std::env::current_exe()?;
    let beside = own.with_file_name("dropgate");
    if beside.is_file() {
        return Ok(beside);
    }
    bail!("there is no {} to start: build it, or name it with --engine", beside.display())
}

/// A key from the lines of `keys.env`.
fn kept_key(kept: &str, name: &str) -> Option<String> {
    let mut lines = kept.lines().filter_map(|line| line.trim().split_once('='));
    let (_, value) = lines.find(|(known, _)| *known == name)?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_the_data_folder() {
        let kept = "# keys\nDROPGATE_ADMIN_KEY=dga_1=\n DROPGATE_STOREFRONT_KEY='dgs_2' \n";
        assert_eq!(kept_key(kept, ADMIN).as_deref(), Some("dga_1="));
        assert_eq!(kept_key(kept, STOREFRONT).as_deref(), Some("dgs_2"));
        assert_eq!(kept_key("DROPGATE_ADMIN_KEY=\n", ADMIN), None);
    }

    #[tokio::test]
    async fn a_closed_port_is_told_from_a_stranger() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        assert!(!listens(&url).await.expect("nothing there"));
    }
}
