//! Tests of the public API, with real sockets, files and processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is not as it must be"
)]

#[cfg(feature = "login")]
mod flow;
mod http;
#[cfg(feature = "login")]
#[path = "../invariants/mod.rs"]
mod invariants;
#[cfg(feature = "login")]
mod login;
mod project;
#[cfg(feature = "login")]
mod properties;
mod settings;
#[cfg(feature = "login")]
mod store;
mod support;
mod token;
