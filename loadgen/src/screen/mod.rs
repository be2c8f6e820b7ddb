//! A run as a full-screen terminal UI, on stderr (feature `tui`).
//!
//! | file | subject |
//! | --- | --- |
//! | [`view`] | what is shown, drawn on any backend |
//!
//! The screen takes the terminal over: keys come as keys, so `q` and Ctrl-C are passed on as the SIGINT that the rest of the program
//! stops by, in its two stages. What others write meanwhile is held back and written when the terminal is given back.

pub mod view;

use std::io::{self, Stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use plimsoll_reports::run_dir::Phase;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use crate::console;
use crate::progress::Snapshot;
use view::View;

/// How long the keyboard is waited for at a time: the screen is left within this.
const KEYS: Duration = Duration::from_millis(100);

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, taken over until this value is dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    view: View,
    closed: Arc<AtomicBool>,
    keys: Option<JoinHandle<()>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When stderr is no terminal that can be.
    pub fn open(phases: &[Phase]) -> io::Result<Screen> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::Release);
        let opened = Screen::on_alternate_screen(phases);
        if opened.is_err() {
            give_back();
        }
        opened
    }

    fn on_alternate_screen(phases: &[Phase]) -> io::Result<Screen> {
        execute!(io::stderr(), EnterAlternateScreen)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stderr()))?;
        console::hold();
        let closed = Arc::new(AtomicBool::new(false));
        let keys = std::thread::Builder::new().name("keys".to_owned()).spawn({
            let closed = Arc::clone(&closed);
            move || listen(&closed)
        })?;
        Ok(Screen { terminal, view: View::new(phases), closed, keys: Some(keys) })
    }

    /// Shows the newest second.
    pub fn show(&mut self, snapshot: &Snapshot, phase: &str) {
        self.view.push(*snapshot, phase);
        self.view.notes = console::held();
        // A terminal that went away is no reason to end a run.
        let _ = self.terminal.draw(|frame| self.view.draw(frame));
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        if let Some(keys) = self.keys.take() {
            let _ = keys.join();
        }
        give_back();
    }
}

/// Gives the terminal back to the shell, and writes what was held back; nothing when it was not taken.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::AcqRel) {
        let _ = execute!(io::stderr(), LeaveAlternateScreen);
        let _ = disable_raw_mode();
        console::release();
    }
}

fn listen(closed: &AtomicBool) {
    while !closed.load(Ordering::Acquire) {
        match event::poll(KEYS) {
            Ok(true) => {}
            Ok(false) => continue,
            // No keyboard: signals from outside still end the run.
            Err(_) => return,
        }
        if let Ok(Event::Key(key)) = event::read()
            && stops(&key)
        {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT);
        }
    }
}

/// Whether a key asks for the end.
fn stops(key: &KeyEvent) -> bool {
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let asks = match key.code {
        KeyCode::Char('q' | 'Q') => true,
        KeyCode::Char('c' | 'C') => with_control,
        _ => false,
    };
    asks && key.kind == KeyEventKind::Press
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_ctrl_c_ask_for_the_end_and_other_keys_do_not() {
        let key = |code, modifiers| KeyEvent::new(code, modifiers);
        assert!(stops(&key(KeyCode::Char('q'), KeyModifiers::NONE)));
        assert!(stops(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!stops(&key(KeyCode::Char('c'), KeyModifiers::NONE)));
        assert!(!stops(&key(KeyCode::Esc, KeyModifiers::NONE)));
    }
}
