//! Tests of the program, run as a service manager or a script runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is not as it must be"
)]

#[cfg(target_os = "linux")]
mod certificates; // certificates and servers that TLS libraries differ about, made with openssl
#[cfg(target_os = "linux")]
mod hosts; // a hosts file that lies
mod https; // certificates and authorities
mod networks; // slow names and proxies, and connections that are closed
mod program; // the six steps, the settings, and failures
mod proxy; // proxies, used, bypassed and refused
mod support;
