//! Starting children that die with this process, also when it is killed.
//!
//! Linux sends a child its parent-death signal when the *thread* that forked it ends, so all
//! children are forked by one thread that lives as long as the process. A thread of tokio's
//! blocking pool ends after some idle seconds and would take the servers with it.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::sys::signal::Signal;

struct Job {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

static SPAWNER: Mutex<Option<Sender<Job>>> = Mutex::new(None);

/// Starts `command`; its process gets `at_our_death` as soon as this process is gone (on Linux).
///
/// # Errors
///
/// As [`Command::spawn`].
pub fn spawn(mut command: Command, at_our_death: Signal) -> io::Result<Child> {
    die_with_us(&mut command, at_our_death);
    let (answer, answered) = mpsc::channel();
    let ended = |_| io::Error::other("the thread that starts processes has ended");
    jobs()?.send(Job { command, answer }).map_err(|_| ended(mpsc::RecvError))?;
    answered.recv().map_err(ended)?
}

fn jobs() -> io::Result<Sender<Job>> {
    let mut spawner = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(jobs) = spawner.as_ref() {
        return Ok(jobs.clone());
    }
    let (jobs, queue) = mpsc::channel::<Job>();
    thread::Builder::new().name("local-spawner".to_owned()).spawn(move || {
        for mut job in queue {
            if let Err(unwanted) = job.answer.send(job.command.spawn())
                && let Ok(mut child) = unwanted.0
            {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    })?;
    Ok(spawner.insert(jobs).clone())
}

#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command, signal: Signal) {
    use nix::errno::Errno;
    use nix::sys::prctl;
    use nix::unistd::{getpid, getppid};
    use std::os::unix::process::CommandExt;

    let parent = getpid();
    #[expect(unsafe_code, reason = "the parent-death signal can only be set inside the child")]
    // SAFETY: the closure runs in the child between fork and exec. It makes two system calls,
    // which are async-signal-safe, and neither allocates nor takes a lock, in its error paths too.
    unsafe {
        // After the change of user, which would clear the signal: `Command` runs these closures
        // last.
        command.pre_exec(move || {
            prctl::set_pdeathsig(signal)?;
            // Our process may have died before the line above: then nobody sends the signal.
            if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH.into()) }
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_us(_: &mut Command, _: Signal) {}
