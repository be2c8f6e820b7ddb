//! How a process is named.

use std::fmt;
use std::path::PathBuf;

use crate::samplers::local_cluster::LocalCluster;

/// A process on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessSource {
    /// By its id; when it ends, it is gone.
    Pid(i32),
    /// The one that listens on this TCP port.
    Port(u16),
    /// What a file of `loadgen/cluster/up` gives as a variable's value: it is read again when the process is gone.
    Cluster {
        /// The file.
        file: PathBuf,
        /// The variable, `PLIMSOLL_HISTORY_PID` for one.
        variable: String,
    },
}

impl fmt::Display for ProcessSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessSource::Pid(pid) => write!(f, "process {pid}"),
            ProcessSource::Port(port) => write!(f, "port {port}"),
            ProcessSource::Cluster { file, variable } => write!(f, "{variable} of {}", file.display()),
        }
    }
}

impl ProcessSource {
    /// The process's id now.
    pub(super) fn pid(&self) -> Result<i32, String> {
        match self {
            ProcessSource::Pid(pid) => Ok(*pid),
            ProcessSource::Port(port) => listener(*port),
            ProcessSource::Cluster { file, variable } => {
                let cluster =
                    LocalCluster::read(file).ok_or_else(|| format!("the cluster of {} is down", file.display()))?;
                let pid = cluster.get(variable).and_then(|pid| pid.parse().ok());
                pid.ok_or_else(|| format!("{} says that it does not run ({variable} is empty)", file.display()))
            }
        }
    }
}

/// The process that listens on a TCP port: its socket's inode is among the process's open files.
fn listener(port: u16) -> Result<i32, String> {
    let unreadable = |error: procfs::ProcError| format!("/proc cannot be read: {error}");
    let (v4, v6) = (procfs::net::tcp().map_err(unreadable)?, procfs::net::tcp6().unwrap_or_default());
    let listens = |entry: &procfs::net::TcpNetEntry| {
        entry.state == procfs::net::TcpState::Listen && entry.local_address.port() == port
    };
    let sockets: Vec<u64> = v4.iter().chain(&v6).filter(|entry| listens(entry)).map(|entry| entry.inode).collect();
    if sockets.is_empty() {
        return Err(format!("nothing on this machine listens on port {port}"));
    }
    let owns = |process: &procfs::process::Process| {
        process.fd().is_ok_and(|files| {
            files
                .flatten()
                .any(|file| matches!(file.target, procfs::process::FDTarget::Socket(inode) if sockets.contains(&inode)))
        })
    };
    // Children inherit a listening socket, as PostgreSQL's do: their parent has the lower id, unless ids have wrapped around.
    let owners = procfs::process::all_processes().map_err(unreadable)?.flatten().filter(owns);
    let parents: Vec<(i32, i32)> = owners.filter_map(|p| Some((p.pid, p.stat().ok()?.ppid))).collect();
    let top = parents.iter().find(|(_, parent)| !parents.iter().any(|(pid, _)| pid == parent));
    top.map(|(pid, _)| *pid).ok_or_else(|| {
        format!("who listens on port {port} cannot be seen: run as the same user or as root, or give --pid")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_process_that_listens_on_a_port_is_found() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(ProcessSource::Port(port).pid(), Ok(i32::try_from(std::process::id()).unwrap()));
        drop(socket);
        let message = ProcessSource::Port(port).pid().unwrap_err();
        assert!(message.contains(&format!("listens on port {port}")), "{message}");
    }

    #[test]
    fn a_cluster_that_is_down_is_said_to_be() {
        let source = ProcessSource::Cluster { file: "/nonexistent/env".into(), variable: "PLIMSOLL_PG_PID".to_owned() };
        assert_eq!(source.pid(), Err("the cluster of /nonexistent/env is down".to_owned()));
    }
}
