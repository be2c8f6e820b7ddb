//! `plimsoll-load target`: the embedded target as a process of its own.

use std::io::{Read, Write};
use std::time::Duration;

use super::block_on;
use crate::cli::{Format, TargetArgs};
use crate::console::Console;
use crate::embedded::{Counts, Embedded};
use crate::engine::ask_for_priority;
use crate::failure::{Exit, Failure};

/// Serves until the time is over, Ctrl-C, or, where asked for, the end of stdin; then writes what was counted.
///
/// # Errors
/// When the address cannot be listened on, or stdout is gone.
pub fn run(arguments: &TargetArgs, console: &Console) -> Result<Exit, Failure> {
    let behaviour = arguments.behaviour.behaviour().map_err(Failure::usage)?;
    block_on(async {
        if arguments.real_time {
            // Before its thread is made, which inherits it.
            ask_for_priority();
        }
        let target = Embedded::start_at(arguments.listen, behaviour).await?;
        console.answer(&format!("listening on {}\n", target.address()))?;
        // Whoever waits for the address reads it from a pipe.
        std::io::stdout().flush().map_err(|error| Failure::io(format!("cannot write to stdout: {error}")))?;
        let over = tokio::time::sleep(Duration::from_nanos(arguments.r#for.0));
        tokio::select! {
            () = over => {}
            _ = tokio::signal::ctrl_c() => {}
            () = stdin_closed(), if arguments.until_stdin_closes => {}
        }
        let counts = target.counts();
        console.answer(&match arguments.format {
            Format::Json => format!("{}\n", serde_json::to_string(&counts).map_err(|e| Failure::io(e.to_string()))?),
            Format::Human => table(&counts),
        })?;
        Ok(Exit::Success)
    })
}

async fn stdin_closed() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    // A thread, not tokio's stdin: that one cannot be given up while it reads.
    let reader = std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut buffer = [0; 256];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        let _ = closed.send(());
    });
    match reader {
        Ok(_) => drop(wait.await),
        Err(_) => std::future::pending().await,
    }
}

fn table(counts: &Counts) -> String {
    let mut text = format!("{:<34} {:>10} {:>10} {:>9} {:>9}\n", "", "received", "answered", "refused", "abandoned");
    for (method, seen) in &counts.methods {
        text.push_str(&format!(
            "{method:<34} {:>10} {:>10} {:>9} {:>9}\n",
            seen.received, seen.answered, seen.refused, seen.abandoned
        ));
    }
    text.push_str(&format!(
        "{} workflows started, {} open · {} connections, {} reset by the target\n",
        counts.workflows_started, counts.workflows_open, counts.connections, counts.connections_reset
    ));
    text
}
