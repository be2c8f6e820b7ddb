//! Where the target is, who we are to it, and connections to it.
//!
//! | file | subject |
//! | --- | --- |
//! | `flags` | the flags |
//! | `layers`, `file` | flags, environment and `temporal.toml`, each as one layer of settings |
//! | `origin` | values that know where they came from |
//! | `address` | a frontend's address |
//! | `secret` | what is never shown |
//! | `tls` | certificates and keys, checked |
//! | `endpoint` | all of it put together |
//! | `probe` | name, TCP, TLS, HTTP/2 one by one, so that what fails can be named |
//! | `server` | what the target says of itself; its namespaces |
//! | `connected` | the SDK's client and raw channels |
//!
//! A value that is wrong before anything was sent ends with exit code 2; whatever the target or the way to it refuses, with 4.

mod address;
mod connected;
mod endpoint;
mod file;
mod flags;
mod layers;
mod origin;
mod probe;
mod secret;
mod server;
mod tls;

#[cfg(test)]
mod tests;

pub use address::{Address, DEFAULT_PORT};
pub use connected::{Connected, Headers, Service};
pub use endpoint::Endpoint;
pub use flags::ConnectFlags;
pub use layers::Environment;
pub use origin::{Origin, Setting};
pub use secret::Secret;
pub use server::Server;
