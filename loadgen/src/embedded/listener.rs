//! The socket: connections come, are reset, and find nobody while the target is gone.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use plimsoll_profiles::units::Nanos;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};

use super::connection;
use super::counts::count;
use super::target::Target;

/// What the owner of a target, or its behaviour, tells the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Reset all connections.
    Reset,
    /// Be gone for a time.
    Outage(Nanos),
    /// End.
    Stop,
}

/// Listens until it is told to stop; the address it has goes to `bound`.
pub(super) fn run(
    address: SocketAddr,
    target: Arc<Target>,
    commands: UnboundedReceiver<Command>,
    bound: oneshot::Sender<io::Result<SocketAddr>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(bound.send(Err(error))),
    };
    runtime.block_on(async {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => return drop(bound.send(Err(error))),
        };
        let told = listener.local_addr().map(|address| bound.send(Ok(address)));
        if told.is_ok() {
            listen(listener, target, commands).await;
        }
    });
}

async fn listen(mut listener: TcpListener, target: Arc<Target>, mut commands: UnboundedReceiver<Command>) {
    let mut connections = JoinSet::new();
    let mut plan = Plan::new(&target);
    loop {
        let command = tokio::select! {
            accepted = listener.accept() => {
                // An error here is of that connection, or for a moment (no descriptors left); listening goes on.
                if let Ok((socket, _)) = accepted {
                    count(&target.counters.connections);
                    connections.spawn(connection::serve(target.clone(), socket));
                }
                while connections.try_join_next().is_some() {}
                continue;
            }
            command = commands.recv() => command.unwrap_or(Command::Stop),
            command = plan.next(&target) => command,
        };
        if command == Command::Stop {
            return;
        }
        reset(&target, &mut connections).await;
        if let Command::Outage(length) = command {
            let gone = outage(listener, length);
            tokio::pin!(gone);
            let back = tokio::select! {
                back = &mut gone => back,
                () = stopped(&mut commands) => None,
            };
            match back {
                Some(back) => listener = back,
                None => return,
            }
        }
    }
}

/// Waits for the command to stop; the others mean nothing while nobody listens.
async fn stopped(commands: &mut UnboundedReceiver<Command>) {
    while !matches!(commands.recv().await, Some(Command::Stop) | None) {}
}

async fn reset(target: &Target, connections: &mut JoinSet<()>) {
    while connections.try_join_next().is_some() {}
    target.counters.connections_reset.fetch_add(connections.len() as u64, Ordering::Release);
    connections.shutdown().await;
}

/// Closes the socket and opens it again at the same address.
async fn outage(listener: TcpListener, length: Nanos) -> Option<TcpListener> {
    let address = listener.local_addr().ok()?;
    drop(listener);
    tokio::time::sleep(Duration::from_nanos(length.0)).await;
    // Somebody else may have taken the port meanwhile; it is tried for a while.
    for _ in 0..100 {
        match TcpListener::bind(address).await {
            Ok(listener) => return Some(listener),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    None
}

/// The resets and outages of the behaviour, in order of time.
struct Plan(Vec<(Nanos, Command)>);

impl Plan {
    fn new(target: &Target) -> Self {
        let resets = target.behaviour.resets.iter().map(|&at| (at, Command::Reset));
        let outages = target.behaviour.outages.iter().map(|outage| (outage.from, Command::Outage(outage.length)));
        let mut plan: Vec<_> = resets.chain(outages).collect();
        plan.sort_by_key(|&(at, _)| std::cmp::Reverse(at));
        Plan(plan)
    }

    /// Waits for the next one; for ever when there is none. Dropped before it is due, it is still there.
    async fn next(&mut self, target: &Target) -> Command {
        let Some(&(at, command)) = self.0.last() else { return std::future::pending().await };
        let first = loop {
            match target.first_start() {
                Some(first) => break first,
                None => target.first_start_seen.notified().await,
            }
        };
        sleep_until(Instant::from_std(target.instant(first + at))).await;
        self.0.pop();
        command
    }
}
