//! Parts of the cluster fail while a run goes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plimsoll_load::embedded::{Behaviour, Embedded};
use plimsoll_profiles::units::Nanos;

use crate::cluster::Cluster;
use crate::run::{Counts, Finished, Generator, SHORT, Target};

const RUN: [&str; 5] = ["--duration", "15s", "--drain", "30s", "--never-abort"];
const AT_MOST: Duration = Duration::from_secs(120);

/// A run during which the fault happens, and after which it is over.
fn during(cluster: &Cluster, fault: impl FnOnce()) -> (Finished, Counts) {
    let address = ["--address", cluster.address()];
    let mut generator = Generator::start(SHORT, &[&address[..], &RUN[..]].concat());
    generator.seconds_written(3);
    fault();
    let finished = generator.finish(AT_MOST);
    let counts = finished.holds();
    // Open loop: whatever the target does, all that the schedule has is offered (15 s at 5/s; Poisson, three standard deviations).
    assert!((49..=101).contains(&counts.offered), "{counts:?}");
    // Before the fault and after it workflows complete.
    assert!(counts.completed > 10, "{counts:?}\n{}", finished.said);
    (finished, counts)
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn a_frontend_that_is_killed_and_comes_back() {
    let Some(cluster) = Cluster::plain() else { return };
    let (finished, counts) = during(&cluster, || {
        cluster.service("kill", "frontend");
        std::thread::sleep(Duration::from_secs(2));
        cluster.service("start", "frontend");
    });
    finished.says(&["unavailable", "refused", "transport", "connection"]);
    assert_eq!(counts.unsent, 0, "starts are sent whatever the target does: {counts:?}");
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn a_history_service_that_is_killed_and_comes_back() {
    let Some(cluster) = Cluster::plain() else { return };
    let (finished, _) = during(&cluster, || {
        cluster.service("kill", "history");
        std::thread::sleep(Duration::from_secs(2));
        cluster.service("start", "history");
    });
    // The frontend waits for history and tries again itself: what is seen is errors, or answers that took long.
    finished.says(&["unavailable", "deadline", "timeout", "slow", "response", "lag"]);
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn a_database_that_is_restarted() {
    let Some(cluster) = Cluster::plain() else { return };
    let (finished, _) = during(&cluster, || cluster.service("restart", "postgresql"));
    finished.says(&["unavailable", "deadline", "timeout", "slow", "response", "lag"]);
}

#[test]
#[ignore = "needs a real cluster (Go, PostgreSQL): run by .ci/load.sh"]
fn connections_that_are_reset() {
    let Some(cluster) = Cluster::plain() else { return };
    let proxy = Proxy::to(cluster.address().parse().unwrap());
    let address = proxy.address.to_string();
    let mut generator = Generator::start(SHORT, &[&["--address", &address][..], &RUN[..]].concat());
    generator.seconds_written(3);
    let reset = proxy.reset_all();
    assert!(reset > 0, "no connection went through the proxy");
    let finished = generator.finish(AT_MOST);
    let counts = finished.holds();
    assert!((49..=101).contains(&counts.offered) && counts.completed > 10, "{counts:?}\n{}", finished.said);
}

/// The same against the embedded target, where no cluster is needed: what the generator does with it is the same code.
fn embedded(fault: impl FnOnce(&Embedded)) -> (Finished, Counts) {
    let target = Target::start(Behaviour::default());
    let mut generator = Generator::start(
        SHORT,
        &[&target.arguments()[..], &["--duration", "8s", "--drain", "20s", "--never-abort"]].concat(),
    );
    generator.seconds_written(3);
    fault(&target.embedded);
    let finished = generator.finish(AT_MOST);
    let counts = finished.holds();
    // 8 s at 5/s, three standard deviations.
    assert!((21..=59).contains(&counts.offered) && counts.completed > 5, "{counts:?}\n{}", finished.said);
    assert_eq!(counts.unsent, 0, "starts are sent whatever the target does: {counts:?}");
    (finished, counts)
}

#[test]
fn an_embedded_target_that_is_gone_for_two_seconds() {
    let (finished, _) = embedded(|target| target.go_away(Nanos::from_secs(2)));
    finished.says(&["unavailable", "refused", "transport", "connection"]);
}

#[test]
fn an_embedded_target_that_resets_its_connections() {
    let (_, counts) = embedded(Embedded::reset_connections);
    // What was under way then may be lost; the rest is not.
    assert!(counts.completed + 5 > counts.offered, "{counts:?}");
}

/// Passes bytes on between its port and a target, until its connections are reset.
struct Proxy {
    address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
    end: Arc<AtomicBool>,
}

impl Proxy {
    fn to(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(Mutex::new(Vec::new()));
        let end = Arc::new(AtomicBool::new(false));
        std::thread::spawn({
            let (open, end) = (Arc::clone(&open), Arc::clone(&end));
            move || {
                for client in listener.incoming() {
                    let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) else { continue };
                    if end.load(Ordering::Relaxed) {
                        return;
                    }
                    let copies = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    std::thread::spawn(move || pass(from, to));
                    std::thread::spawn(move || pass(server, client));
                    open.lock().unwrap().extend(copies);
                }
            }
        });
        Proxy { address, open, end }
    }

    /// Resets every connection there is (a close with nothing lingering is a RST); new ones go through.
    fn reset_all(&self) -> usize {
        let mut open = self.open.lock().unwrap();
        for stream in open.iter() {
            let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Read);
        }
        // The threads end with the reads, and the last close sends the RST.
        std::mem::take(&mut *open).len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
