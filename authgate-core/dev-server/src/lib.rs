//! An in-memory AuthGate on loopback: an OAuth 2.0 and OpenID Connect server for trying clients out
//! and for their tests.
//!
//! It answers as AuthGate does on the wire and is never lenient: PKCE, redirect URIs, code reuse,
//! polling intervals and client authentication are all checked. It keeps everything in memory, has
//! one user and two clients whose credentials are public, and therefore listens on loopback only.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
//!
//! let server = DevServer::start().await;
//! server.inject(Endpoint::Token, Fault::status(503), Times::Once);
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! assert_eq!(server.count(Endpoint::Token), 0);
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every server runs on the Tokio runtime that started it and measures time with Tokio's clock, so
//! a test that pauses time pauses the server too.

// The server, as a test or the program holds it.
mod builder;
mod control;
mod server;

// What can be set, observed and broken.
mod endpoint;
mod fault;
mod hold;
mod identity;
mod record;
mod settings;

// What it remembers.
mod authorization;
mod clock;
mod device;
mod issue;
mod random;
mod rate_limit;
mod scope;
mod signing;
mod state;
mod tokens;

// What it says over HTTP.
mod answer;
mod bearer;
#[cfg(feature = "tls")]
mod certificate;
mod client_authentication;
mod connection;
mod fault_answer;
mod oauth_error;
mod page;
mod parameters;
mod routes;
mod session;
mod transport;

pub use builder::{DevServerBuilder, StartError};
#[cfg(feature = "tls")]
pub use certificate::Certificate;
pub use endpoint::Endpoint;
pub use fault::{Fault, Times};
pub use hold::Hold;
pub use identity::{Client, User, grant_type};
pub use issue::IssuedTokens;
pub use record::RecordedRequest;
pub use server::DevServer;
pub use settings::Settings;
pub use signing::SigningAlgorithm;
