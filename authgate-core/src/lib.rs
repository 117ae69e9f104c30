//! OAuth 2.0 and OpenID Connect for clients of an AuthGate server, and of others that speak the
//! same protocols.
//!
//! A service gets a token and calls an API:
//!
//! ```no_run
//! use authgate_core::{BearerAuth, DiscoveryClient, HttpClient, OAuthClient, Secret, TokenSource};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let http = HttpClient::default();
//! let metadata = DiscoveryClient::new("https://auth.example.com", http.clone())?.fetch().await?;
//! let client = OAuthClient::new("billing", metadata.to_endpoints(), http)
//!     .with_secret(Secret::from(std::env::var("CLIENT_SECRET")?));
//! let tokens = TokenSource::builder(client).scopes(["read"]).build();
//! let api = BearerAuth::new(tokens);
//! let response = api.get("https://api.example.com/v1/users").send().await?;
//! println!("{}", response.status());
//! # Ok(())
//! # }
//! ```
//!
//! To log a person in, call `authenticate` (cargo feature `login`). It uses the stored login or
//! runs the flow that fits the environment.
//!
//! The names are those of AuthGate's Python and Go SDKs, so that code can be read side by side.
//! Asynchronous functions need a tokio runtime. A program that is not asynchronous builds one and
//! hands it each future. The runtime needs a worker thread, because tokens are refreshed between
//! the calls too:
//!
//! ```no_run
//! # fn example(api: &authgate_core::BearerAuth) -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
//! let response = runtime.block_on(api.get("https://api.example.com/v1/users").send())?;
//! println!("{}", response.status());
//! # Ok(())
//! # }
//! ```
//!
//! The library never prints, reads standard input or ends the process; events that are worth
//! knowing besides results go to [`tracing`].
//!
//! [`reqwest`] is built without a default cryptography provider. A program that builds a
//! `reqwest::Client` of its own must first call
//! `rustls::crypto::ring::default_provider().install_default()`, or enable reqwest's default
//! features. The clients in this crate need neither.
//!
//! The modules form layers. A module uses only its own layer and layers with smaller numbers, and
//! no modules depend on each other in a circle:
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 | [`error`], [`secret`], [`text`], [`clock`] |
//! | 1 | [`config`], [`http`], [`token`], `flight`, `jwt`, `notice` |
//! | 2 | [`discovery`], `store` |
//! | 3 | [`client`], [`resource`] |
//! | 4 | [`token_source`], [`bearer`] |
//! | 5 | `flow` |
//! | 6 | `login` |
//! | 7 | `fuzzing` |
//!
//! `store`, `flow` and `login` need the cargo feature `login`, which a service can leave out.
//! `fuzzing` exists for the fuzz targets only.

// Only the programs decide what the user sees, so the library must not print.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod clock;
pub mod error;
pub mod secret;
pub mod text;

pub mod config;
mod flight;
pub mod http;
mod jwt;
#[cfg(feature = "login")]
pub mod notice;
pub mod token;

pub mod discovery;
#[cfg(feature = "login")]
pub mod store;

pub mod client;
pub mod resource;

pub mod bearer;
pub mod token_source;

#[cfg(feature = "login")]
pub mod flow;

#[cfg(feature = "login")]
pub mod login;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use bearer::BearerAuth;
#[cfg(feature = "login")]
pub use client::AuthorizationRequest;
pub use client::{DeviceAuth, Introspection, OAuthClient};
pub use config::{Environment, PlainHttp, Settings};
pub use discovery::{ClientAuthentication, DiscoveryClient, Endpoints, Issuer, Metadata};
pub use error::{Error, Result};
pub use http::HttpClient;
#[cfg(feature = "login")]
pub use login::{FlowMode, LoginOptions, Session, authenticate};
pub use resource::{TokenInfo, UserInfo};
pub use secret::{Secret, mask};
pub use token::{Freshness, Token};
pub use token_source::TokenSource;

// Our public signatures use types of these crates.
pub use {reqwest, url};
