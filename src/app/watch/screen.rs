//! The terminal: taken over while a sale is watched, and given back however that ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::End;
use super::draw::{self, Scroll};
use super::look::Looks;
use super::picture::Picture;
use crate::clock;

/// How often it is drawn when nothing happens, so that seconds are counted.
const TICK: Duration = Duration::from_millis(250);
/// How soon the thread that reads keys notices that nobody listens any more.
const POLL: Duration = Duration::from_millis(50);

/// Shows the sale until a key ends it.
pub(super) async fn show(mut picture: Picture, mut looks: Looks) -> End {
    let mut screen = match Screen::open() {
        Ok(screen) => screen,
        Err(error) => return End::Output(error),
    };
    let mut scroll = Scroll::default();
    let mut tick = tokio::time::interval(TICK);
    loop {
        if let Err(error) = screen.draw(&picture, &mut scroll) {
            return End::Output(error);
        }
        tokio::select! {
            _ = tick.tick() => {}
            found = looks.recv() => {
                let Some(found) = found else { return End::Enough };
                if let Err(refused) = picture.take(found, clock::now()) {
                    return End::Refused(refused);
                }
            }
            event = screen.events.recv() => match event.map(|event| wish(&event)) {
                // The terminal is gone.
                None | Some(Wish::Quit) => return End::Enough,
                Some(Wish::Scroll(by)) => scroll.by(by),
                Some(Wish::Nothing) => {}
            },
        }
    }
}

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    /// To see what is so many lines further down.
    Scroll(i32),
    /// Nothing but to see it again: the window may have another size.
    Nothing,
}

fn wish(event: &Event) -> Wish {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return Wish::Nothing };
    if *kind == KeyEventKind::Release {
        return Wish::Nothing;
    }
    // In raw mode Ctrl-C is a key like others.
    if *code == KeyCode::Char('c') && modifiers.contains(KeyModifiers::CONTROL) {
        return Wish::Quit;
    }
    let found = KEYS.iter().find(|(known, _)| known == code);
    found.map_or(Wish::Nothing, |(_, wish)| *wish)
}

const KEYS: [(KeyCode, Wish); 6] = [
    (KeyCode::Char('q'), Wish::Quit),
    (KeyCode::Esc, Wish::Quit),
    (KeyCode::Down, Wish::Scroll(1)),
    (KeyCode::Up, Wish::Scroll(-1)),
    (KeyCode::PageDown, Wish::Scroll(10)),
    (KeyCode::PageUp, Wish::Scroll(-10)),
];

/// The terminal while it is ours. It is given back when this goes, and on a panic.
struct Screen {
    terminal: DefaultTerminal,
    events: mpsc::UnboundedReceiver<Event>,
    over: Arc<AtomicBool>,
}

impl Screen {
    fn open() -> io::Result<Screen> {
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        let (sender, events) = mpsc::unbounded_channel();
        let over = Arc::new(AtomicBool::new(false));
        let screen = Screen { terminal, events, over: Arc::clone(&over) };
        // Reading keys blocks, so it has a thread of its own.
        thread::Builder::new().name("keys".to_owned()).spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let sent = match event::poll(POLL) {
                    Ok(false) => continue,
                    Ok(true) => event::read().is_ok_and(|event| sender.send(event).is_ok()),
                    Err(_) => false,
                };
                if !sent {
                    return;
                }
            }
        })?;
        Ok(screen)
    }

    fn draw(&mut self, picture: &Picture, scroll: &mut Scroll) -> io::Result<()> {
        let now = Instant::now();
        self.terminal.draw(|frame| draw::draw(frame, picture, scroll, now)).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It may be gone; nobody would read that it is.
        let _ = ratatui::try_restore();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::process::Command;

    use nix::sys::termios::{LocalFlags, tcgetattr};

    use super::*;

    /// Tells the test's own process that it is to be the one that panics.
    const PANICS: &str = "DROPGATE_TEST_PANICS_ON_A_TERMINAL";
    const TAKEN: &str = "\u{1b}[?1049h";
    const GIVEN_BACK: &str = "\u{1b}[?1049l";

    #[test]
    fn a_panic_gives_the_terminal_back() {
        if std::env::var_os(PANICS).is_some() {
            let mut screen = Screen::open().expect("a terminal");
            let _ = screen.terminal.draw(|_| panic!("in the middle of drawing"));
            return;
        }
        let (pty, pts) = pty_process::blocking::open().expect("a terminal");
        pty.resize(pty_process::Size::new(24, 80)).expect("a size");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let name = "app::watch::screen::tests::a_panic_gives_the_terminal_back";
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(PANICS, "1");
        let command = pty_process::blocking::Command::from(command);
        let mut child = command.spawn(pts).expect("it starts");
        let mut out = File::from(pty.as_fd().try_clone_to_owned().expect("a descriptor"));
        let mut said = Vec::new();
        // The last process on a terminal leaves an error behind.
        let _ = out.read_to_end(&mut said);
        assert!(!child.wait().expect("it ends").success());
        let said = String::from_utf8_lossy(&said);
        let (_, after) = said.split_once(TAKEN).expect("it was taken");
        let (_, after) = after.split_once(GIVEN_BACK).expect("it was given back");
        assert!(after.contains("in the middle of drawing"), "what went wrong can be read: {said}");
        let flags = tcgetattr(&pty).expect("its settings").local_flags;
        assert!(flags.contains(LocalFlags::ICANON | LocalFlags::ECHO));
    }

    #[test]
    fn keys_are_wishes() {
        let press = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        let none = KeyModifiers::NONE;
        assert_eq!(wish(&press(KeyCode::Char('q'), none)), Wish::Quit);
        assert_eq!(wish(&press(KeyCode::Char('c'), KeyModifiers::CONTROL)), Wish::Quit);
        assert_eq!(wish(&press(KeyCode::Char('c'), none)), Wish::Nothing);
        assert_eq!(wish(&press(KeyCode::Down, none)), Wish::Scroll(1));
        assert_eq!(wish(&Event::Resize(1, 1)), Wish::Nothing);
    }
}
