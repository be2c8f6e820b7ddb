//! Values that know where they came from, so that a message can say what to change.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(&'static str),
    /// A variable of the environment.
    Environment(String),
    /// A key of `temporal.toml`.
    File {
        /// The file.
        path: PathBuf,
        /// The profile in it.
        profile: String,
        /// The key in that, with dots.
        key: String,
    },
    /// The environment file of the cluster that `loadgen/cluster/up` started on this machine.
    LocalCluster(PathBuf),
    /// It was given nowhere.
    Default,
    /// The program itself: its own embedded target.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "from {name}"),
            Origin::Environment(name) => write!(f, "from {name} in the environment"),
            Origin::File { path, profile, key } => write!(f, "from {key} of profile '{profile}' in {}", path.display()),
            Origin::LocalCluster(file) => write!(f, "of the cluster started by loadgen/cluster/up, {}", file.display()),
            Origin::Default => f.write_str("the default"),
            Origin::Program => f.write_str("this program's own"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// A value with its origin.
    pub fn new(value: T, origin: Origin) -> Self {
        Setting { value, origin }
    }

    /// Changes the value, keeps the origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), origin: self.origin }
    }
}

impl<T: fmt::Display> fmt::Display for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.origin)
    }
}
