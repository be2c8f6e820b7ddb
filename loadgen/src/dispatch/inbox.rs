//! What others tell a dispatcher while it runs.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::queue::{Queue, Timed};

/// Operations that become known during the run, and the request to stop; cheap to clone.
#[derive(Debug)]
pub struct Inbox<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    mail: Vec<Timed<T>>,
    stopped: bool,
    closed: bool,
}

/// What there is for the dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing.
    None,
    /// Operations to collect.
    Mail,
    /// Nothing will come any more.
    Closed,
    /// Stop.
    Stopped,
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Inbox(Arc::clone(&self.0))
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let state = State { mail: Vec::new(), stopped: false, closed: false };
        Inbox(Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }))
    }
}

impl<T> Inbox<T> {
    /// Adds an operation; one whose time has passed is sent at once. After a stop it goes nowhere.
    pub fn add(&self, operation: Timed<T>) {
        self.0.state.lock().mail.push(operation);
        self.0.changed.notify_one();
    }

    /// Nothing more will be added: the dispatcher ends when it has handed over what it has.
    pub fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_one();
    }

    /// The dispatcher hands nothing over any more.
    pub fn stop(&self) {
        self.0.state.lock().stopped = true;
        self.0.changed.notify_one();
    }

    /// Moves what was added into the queue.
    pub fn collect(&self, queue: &mut Queue<T>) {
        let mail = std::mem::take(&mut self.0.state.lock().mail);
        mail.into_iter().for_each(|operation| queue.push(operation));
    }

    /// What there is now.
    pub fn notice(&self) -> Notice {
        self.0.state.lock().notice()
    }

    /// What there is now, or as soon as there is something, or [`Notice::None`] at `until`.
    /// With `ignore_closed` a closed inbox is nothing to wake for.
    pub fn wait(&self, until: Option<Instant>, ignore_closed: bool) -> Notice {
        let mut state = self.0.state.lock();
        loop {
            match state.notice() {
                Notice::None => {}
                Notice::Closed if ignore_closed => {}
                notice => return notice,
            }
            match until {
                None => self.0.changed.wait(&mut state),
                Some(until) if self.0.changed.wait_until(&mut state, until).timed_out() => return Notice::None,
                Some(_) => {}
            }
        }
    }
}

impl<T> State<T> {
    fn notice(&self) -> Notice {
        match self {
            State { stopped: true, .. } => Notice::Stopped,
            State { mail, .. } if !mail.is_empty() => Notice::Mail,
            State { closed: true, .. } => Notice::Closed,
            _ => Notice::None,
        }
    }
}
