//! A terminal of its own for a command, and what can be seen on it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::AsFd as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use pty_process::blocking::Pty;
use vt100::Parser;

use super::eventually;

/// A command on a terminal. It ends with this.
pub(crate) struct Terminal {
    pty: Pty,
    child: Child,
    screen: Arc<Mutex<Parser>>,
    reader: Option<JoinHandle<Vec<u8>>>,
    said: Vec<u8>,
}

fn size(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not 0")
}

impl Terminal {
    /// Starts a command on a terminal of this size.
    pub(crate) fn start(command: Command, rows: u16, columns: u16) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        pty.resize(pty_process::Size::new(rows, columns)).expect("a size");
        let command = pty_process::blocking::Command::from(command).env("TERM", "xterm-256color");
        let child = command.spawn(pts).expect("the command starts");
        let screen = Arc::new(Mutex::new(Parser::new(size(rows), size(columns), 0)));
        let mut out = File::from(pty.as_fd().try_clone_to_owned().expect("a descriptor"));
        let shared = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let (mut all, mut some) = (Vec::new(), [0; 4096]);
            // The last process on a terminal leaves an error behind.
            while let Ok(read @ 1..) = out.read(&mut some) {
                shared.lock().expect("the screen").process(&some[..read]);
                all.extend_from_slice(&some[..read]);
            }
            all
        });
        Terminal { pty, child, screen, reader: Some(reader), said: Vec::new() }
    }

    /// What can be read on it.
    pub(crate) fn contents(&self) -> String {
        self.screen.lock().expect("the screen").screen().contents()
    }

    /// Waits until what can be read on it is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        eventually(what, || async {
            let contents = self.contents();
            wanted(&contents).then_some(contents)
        })
        .await
    }

    /// Everything that a command has written on it that has ended.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).expect("keys are pressed");
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let mut parser = self.screen.lock().expect("the screen");
        parser.screen_mut().set_size(size(rows), size(columns));
        drop(parser);
        self.pty.resize(pty_process::Size::new(rows, columns)).expect("a size");
    }

    /// Sends the command a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it runs");
    }

    /// Whether keys are read one by one, without being shown.
    pub(crate) fn is_raw(&self) -> bool {
        let flags = tcgetattr(&self.pty).expect("its settings").local_flags;
        !flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO)
    }

    /// Waits for the command's end: its status. The terminal must be as it was before: not raw, the
    /// usual screen, a cursor that can be seen.
    pub(crate) async fn restored(&mut self) -> i32 {
        let status = eventually("the command ends", || {
            let ended = self.child.try_wait().expect("its status");
            async move { ended }
        })
        .await;
        let reader = self.reader.take().expect("not waited for before");
        self.said = reader.join().expect("everything is read");
        assert!(!self.is_raw());
        let parser = self.screen.lock().expect("the screen");
        let said = String::from_utf8_lossy(&self.said);
        assert!(!parser.screen().alternate_screen(), "{said}");
        assert!(!parser.screen().hide_cursor(), "{said}");
        status.code().expect("it ended by itself")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
