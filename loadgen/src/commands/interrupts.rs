//! Ctrl-C in two stages.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::Failure;

/// How often the user (SIGINT) or the system (SIGTERM) asked for the end.
#[derive(Clone, Debug)]
pub struct Interrupts(watch::Receiver<u32>);

impl Interrupts {
    /// Takes both signals over for the rest of the process. A third one ends it on the spot.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Interrupts, Failure> {
        let failed = |error: std::io::Error| Failure::io(format!("cannot listen for Ctrl-C: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let (sender, receiver) = watch::channel(0);
        tokio::spawn(async move {
            for count in 1.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if count > 2 {
                    #[cfg(feature = "tui")]
                    crate::screen::give_back();
                    std::process::exit(i32::from(crate::failure::Exit::Interrupted.code()));
                }
                sender.send_replace(count);
            }
        });
        Ok(Interrupts(receiver))
    }

    /// How many there were.
    pub fn count(&self) -> u32 {
        *self.0.borrow()
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
