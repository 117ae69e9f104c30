//! Tests of the server over a real socket. Each is a fact that a client can rely on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

// OAuth and OpenID Connect.
mod authorization_code;
mod client_credentials;
mod device_code;
mod discovery;
mod pages;
mod rate_limits;
mod refresh_token;
mod resources;

// The server as a test uses it.
mod faults;
mod holds;
mod lifecycle;
mod requests;
#[cfg(feature = "tls")]
mod tls;

// The program, alone and with a command.
mod program;
