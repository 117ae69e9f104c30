// The example of the README is tested in authgate-core, because it uses that crate.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]

// A running server, as a test or the program uses it.
mod control;
mod server;
mod start_error;

// Settings, faults, and what a test sees of the requests.
mod endpoint;
mod fault;
mod hold;
mod identity;
mod record;
mod settings;

// The server's data.
mod authorization_request;
mod clock;
mod device;
mod issued_tokens;
mod random;
mod rate_limits;
mod scope;
mod sessions;
mod signing;
mod tokens;

// AuthGate's decisions about these data.
mod gate;

// HTTP.
mod answer;
#[cfg(feature = "tls")]
mod certificate;
mod connection;
mod fault_answer;
mod host;
mod listener;
mod oauth_error;
mod page;
mod parameters;
mod routes;
mod transport;

#[cfg(feature = "tls")]
pub use certificate::Certificate;
pub use endpoint::Endpoint;
pub use fault::{Fault, Times};
pub use hold::Hold;
pub use identity::{Client, User, grant_type};
pub use issued_tokens::IssuedTokens;
pub use record::RecordedRequest;
pub use server::{DevServer, DevServerBuilder};
pub use settings::Settings;
pub use start_error::StartError;
