//! What the measurement ran on.

use std::fs;
use std::thread;

use serde::Serialize;

/// Facts of the machine and the build that a speed cannot be read without.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// Cores this process may use.
    pub cores: usize,
    /// Load average over the last minute at the start: above the number of cores, times are those of a busy machine.
    pub load_average: Option<f64>,
    /// Operating system and architecture.
    pub platform: String,
    /// The compiler's version.
    pub rustc: &'static str,
    /// Whether the build is optimised; times of a debug build mean nothing.
    pub optimised: bool,
}

impl Machine {
    /// Looks.
    pub fn look() -> Self {
        Self {
            processor: processor(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            load_average: load_average(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            rustc: env!("PLIMSOLL_RUSTC_VERSION"),
            optimised: !cfg!(debug_assertions),
        }
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
