//! Tests of the log, which must contain no secret. A separate binary, because a process has only
//! one subscriber that records everything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is not as it must be"
)]

mod log;
mod secrecy; // a service's requests and errors
#[cfg(feature = "login")]
mod secrecy_login; // a person's login
#[cfg(unix)]
mod secrecy_tls; // certificates and encrypted requests
#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "../it/support/mod.rs"]
mod support;
mod warnings; // the warnings of a service
