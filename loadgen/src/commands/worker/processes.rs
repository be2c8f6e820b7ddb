//! Worker processes, seen from the run.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::UnboundedSender;

use super::Order;
use super::wire::Line;
use crate::connect::ConnectFlags;
use crate::failure::Failure;
use crate::worker::WorkerEvent;
use crate::worker::metrics::address_of;

/// How long a process may take until it polls.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Worker processes of a run. They end when their stdin is closed, so also when this process is killed.
pub struct Processes(Vec<Process>);

struct Process {
    child: Child,
    stdin: ChildStdin,
    sdk_metrics: Option<SocketAddr>,
}

impl Processes {
    /// Starts them; they poll when this returns. The first serves the SDK's metrics at `sdk_metrics`, each further one at the next port.
    ///
    /// # Errors
    /// When one does not start or does not poll within a minute (what it says is on stderr), or there is no port for its metrics.
    pub async fn start(
        connect: &ConnectFlags,
        order: &Order,
        count: u16,
        sdk_metrics: Option<SocketAddr>,
        events: UnboundedSender<WorkerEvent>,
    ) -> Result<Processes, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::io(format!("cannot find this program to start workers: {error}")))?;
        let mut text = serde_json::to_string(order).map_err(|error| Failure::io(error.to_string()))?;
        text.push('\n');
        let mut processes = Processes(Vec::new());
        let mut outputs = Vec::new();
        for number in 0..count {
            let sdk_metrics = sdk_metrics.map(|first| address_of(first, number.into())).transpose()?;
            let failed = |error: std::io::Error| Failure::io(format!("cannot start a worker process: {error}"));
            let mut child = Command::new(&program)
                .args(["worker", "--run-id", &order.run_id])
                .args(arguments(connect))
                .args(sdk_metrics.map(|address| format!("--sdk-metrics={address}")))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                // Ctrl-C at the terminal is for the run: it closes its workers' stdin when it is done with them.
                .process_group(0)
                .kill_on_drop(true)
                .spawn()
                .map_err(failed)?;
            let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(Failure::io("a worker process has no pipes"));
            };
            stdin.write_all(text.as_bytes()).await.map_err(failed)?;
            processes.0.push(Process { child, stdin, sdk_metrics });
            outputs.push(stdout);
        }
        for (number, output) in outputs.into_iter().enumerate() {
            let mut lines = BufReader::new(output).lines();
            let Ok(line) = tokio::time::timeout(START_LIMIT, lines.next_line()).await else {
                return Err(Failure::io(format!("worker process {number} did not poll within a minute")));
            };
            let line = line.ok().flatten().and_then(|line| serde_json::from_str::<Line>(&line).ok());
            let Some(Line::Ready { sdk_metrics }) = line else {
                return Err(Failure::io(format!("worker process {number} ended before it polled")));
            };
            processes.0[number].sdk_metrics = sdk_metrics;
            tokio::spawn(pass_on(lines, events.clone(), number));
        }
        Ok(processes)
    }

    /// Where they serve the SDK's metrics, in their order.
    pub fn sdk_metrics(&self) -> Vec<SocketAddr> {
        self.0.iter().filter_map(|process| process.sdk_metrics).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Some of them, from this place on.
    pub fn take(&mut self, first: usize, count: usize) -> Processes {
        let begin = first.min(self.0.len());
        let end = begin.saturating_add(count).min(self.0.len());
        Processes(self.0.drain(begin..end).collect())
    }

    /// Others in their place.
    pub fn put(&mut self, first: usize, others: Processes) {
        let place = first.min(self.0.len());
        self.0.splice(place..place, others.0);
    }

    /// Lets them end what they do, and waits for them.
    pub async fn stop(self) {
        let mut children = Vec::new();
        for Process { child, stdin, .. } in self.0 {
            drop(stdin);
            children.push(child);
        }
        for mut child in children {
            let _ = child.wait().await;
        }
    }
}

async fn pass_on(
    mut lines: tokio::io::Lines<BufReader<ChildStdout>>,
    events: UnboundedSender<WorkerEvent>,
    number: usize,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(event) = serde_json::from_str::<Line>(&line).ok().and_then(Line::event)
            && events.send(event).is_err()
        {
            return;
        }
    }
    let _ = events.send(WorkerEvent::Stopped { reason: format!("worker process {number} ended") });
}

/// The flags again, for another process on the same machine.
fn arguments(flags: &ConnectFlags) -> Vec<OsString> {
    let ConnectFlags {
        address,
        namespace,
        tls,
        tls_ca,
        tls_cert,
        tls_key,
        tls_server_name,
        api_key_file,
        api_key_env,
        temporal_config,
        temporal_profile,
    } = flags;
    let texts = [
        ("--address", address),
        ("--namespace", namespace),
        ("--tls-server-name", tls_server_name),
        ("--api-key-env", api_key_env),
        ("--temporal-profile", temporal_profile),
    ];
    let files = [
        ("--tls-ca", tls_ca),
        ("--tls-cert", tls_cert),
        ("--tls-key", tls_key),
        ("--api-key-file", api_key_file),
        ("--temporal-config", temporal_config),
    ];
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name, OsString::from(value.as_ref()?))));
    let files = files.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.clone().into_os_string())));
    let mut list: Vec<OsString> = texts.chain(files).flat_map(|(name, value)| [OsString::from(name), value]).collect();
    list.extend(tls.map(|tls| OsString::from(format!("--tls={tls}"))));
    list
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        connect: ConnectFlags,
    }

    #[test]
    fn flags_survive_the_way_to_another_process() {
        let given = [
            "load",
            "--address",
            "a:1",
            "--namespace",
            "n",
            "--tls-server-name",
            "s",
            "--api-key-env",
            "K",
            "--temporal-profile",
            "p",
            "--tls-ca",
            "ca",
            "--tls-cert",
            "c",
            "--tls-key",
            "k",
            "--temporal-config",
            "t",
            "--tls=false",
        ];
        let connect = Line::parse_from(given).connect;
        let again = std::iter::once(OsString::from("load")).chain(arguments(&connect));
        assert_eq!(format!("{:?}", Line::parse_from(again).connect), format!("{connect:?}"));
        assert_eq!(arguments(&connect).len(), given.len() - 1);
    }
}
