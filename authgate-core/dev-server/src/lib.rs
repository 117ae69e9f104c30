#![doc = include_str!("../README.md")]
//!
//! ## Test your service
//!
//! ```
//! use authgate_core::{BearerAuth, DiscoveryClient, HttpClient, OAuthClient, Secret, TokenSource};
//! use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
//!
//! // Your service. It takes its settings as arguments, so that a test can pass others.
//! async fn api_client(url: &str, id: &str, secret: &str) -> authgate_core::Result<BearerAuth> {
//!     let http = HttpClient::default();
//!     let metadata = DiscoveryClient::new(url, http.clone())?.fetch().await?;
//!     let client = OAuthClient::new(id, metadata.to_endpoints(), http).with_secret(Secret::from(secret));
//!     Ok(BearerAuth::new(TokenSource::builder(client).scopes(["read"]).build()))
//! }
//!
//! #[tokio::main(flavor = "current_thread")] // a test has #[tokio::test]
//! async fn main() -> authgate_core::Result<()> {
//!     // Start a server on a free port. It runs until it is dropped.
//!     let server = DevServer::start().await;
//!     let client = server.confidential_client();
//!     let secret = client.secret.as_deref().unwrap_or_default();
//!     let api = api_client(server.url(), &client.id, secret).await?;
//!     let url = format!("{}/api/users", server.url()); // answers 200 to a valid token
//!
//!     // Inject a fault: the token endpoint answers 503 once. The client asks again.
//!     server.inject(Endpoint::Token, Fault::status(503), Times::Once);
//!     assert_eq!(api.get(&url).send().await?.status(), 200);
//!
//!     // Count the requests: exactly these have arrived, in this order.
//!     server.assert_requests([Endpoint::Discovery, Endpoint::Token, Endpoint::Token, Endpoint::Api]);
//!
//!     // Revoke the token: the client gets a new one and repeats the call.
//!     server.revoke_everything();
//!     assert_eq!(api.get(&url).send().await?.status(), 200);
//!     assert_eq!((server.count(Endpoint::Token), server.count(Endpoint::Api)), (3, 3));
//!     Ok(())
//! }
//! ```

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
