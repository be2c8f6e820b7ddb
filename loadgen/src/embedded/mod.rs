//! A target inside this program: a gRPC server that speaks the part of Temporal's WorkflowService the load driver uses,
//! with set delays, errors, freezes, resets and outages.
//!
//! For those without a cluster, for `selftest`, and for tests of what no real cluster does on demand. Workflows do nothing
//! here: they close after a set time. There are no workers, no task queues and no disk.
//!
//! | module | subject |
//! | --- | --- |
//! | [`Behaviour`] | what the target is told to do |
//! | [`Method`] | the methods it speaks |
//! | [`Counts`] | what it saw |
//! | `target` | the shared state: when an answer is due |
//! | `answer`, `error` | what each method answers |
//! | `workflows`, `visibility` | the workflows and the list filter |
//! | `messages` | the fields of requests that are read |
//! | `connection` | HTTP/2 and gRPC framing |
//! | `listener` | sockets, resets, outages |

mod answer;
mod behaviour;
mod connection;
mod counts;
mod error;
mod listener;
mod messages;
mod method;
mod target;
mod visibility;
mod workflows;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use plimsoll_profiles::units::Nanos;
use tokio::sync::mpsc::UnboundedSender;

pub use behaviour::{Behaviour, Delay, ErrorRule, Window, span};
pub use counts::{Counts, MethodCounts};
pub use method::Method;

use listener::Command;
use target::Target;

use crate::failure::Failure;

/// A running target. It has a thread and an async runtime of its own, so that it takes no turn from the load's.
///
/// Dropped, it is gone at once, with its connections.
pub struct Embedded {
    address: SocketAddr,
    target: Arc<Target>,
    commands: UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Starts one on a free port of the loopback interface.
    pub async fn start(behaviour: Behaviour) -> Result<Embedded, Failure> {
        Embedded::start_at((Ipv4Addr::LOCALHOST, 0).into(), behaviour).await
    }

    /// Starts one at an address; port 0 is any free one.
    ///
    /// # Errors
    /// When the address is not on the loopback interface (the target trusts everybody), or cannot be listened on.
    pub async fn start_at(address: SocketAddr, behaviour: Behaviour) -> Result<Embedded, Failure> {
        if !address.ip().is_loopback() {
            let message =
                format!("the embedded target trusts whoever connects: it listens on loopback only, not on {address}");
            return Err(Failure::usage(message));
        }
        let failed = |what: String| Failure::io(format!("the embedded target cannot listen on {address}: {what}"));
        let target = Arc::new(Target::new(behaviour));
        let (commands, inbox) = tokio::sync::mpsc::unbounded_channel();
        let (bound, when_bound) = tokio::sync::oneshot::channel();
        let served = target.clone();
        let thread = std::thread::Builder::new()
            .name("embedded-target".into())
            .spawn(move || listener::run(address, served, inbox, bound))
            .map_err(|error| failed(error.to_string()))?;
        let address = match when_bound.await {
            Ok(Ok(address)) => address,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed("its thread ended".into())),
        };
        Ok(Embedded { address, target, commands, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as the address of a Temporal frontend.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it saw so far.
    pub fn counts(&self) -> Counts {
        self.target.counts()
    }

    /// Freezes it from now on: requests are received, nothing is answered until the time is over.
    pub fn freeze(&self, length: Nanos) {
        self.target.freeze(length);
    }

    /// Resets all connections now.
    pub fn reset_connections(&self) {
        let _ = self.commands.send(Command::Reset);
    }

    /// Goes away for a while: all connections are reset and new ones refused. The workflows stay.
    pub fn go_away(&self, length: Nanos) {
        let _ = self.commands.send(Command::Outage(length));
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
