//! Promises of the connection: which setting wins, what is said when something is wrong, and that no secret is ever shown.

mod refusals;
mod settings;
