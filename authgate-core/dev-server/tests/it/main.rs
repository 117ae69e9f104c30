//! The server on the wire: each fact that a client can rely on, asked over a real socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod authorization_code;
mod client;
mod client_credentials;
mod device_code;
mod discovery;
mod faults;
mod lifecycle;
mod pages;
mod program;
mod rate_limits;
mod refresh_token;
mod resources;
#[cfg(feature = "tls")]
mod tls;
