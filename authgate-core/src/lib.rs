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
//! All names are in this crate's root, and each is there once. The source is in modules, which form
//! layers. A module uses only its own layer and layers with smaller numbers, and no modules depend
//! on each other in a circle:
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 | `error`, `secret`, `text`, `clock` |
//! | 1 | `config`, `http`, `token`, `flight`, `jwt`, `notice` |
//! | 2 | `discovery`, `store` |
//! | 3 | `client`, `resource` |
//! | 4 | `token_source`, `bearer` |
//! | 5 | `flow` |
//! | 6 | `login` |
//! | 7 | `test_util`, `fuzzing` |
//!
//! `store`, `flow` and `login` need the cargo feature `login`, which a service can leave out.
//! `test_util` has what only our tests and benchmarks touch, and `fuzzing` what only the fuzz
//! targets touch; each has a cargo feature of its own.

// Only the programs decide what the user sees, so the library must not print.
#![warn(clippy::print_stdout, clippy::print_stderr)]
// Without its feature, `test_util` is not there, and what it would make public is `pub` for nothing.
// With the feature, these lints still find a `pub` that nobody can reach.
#![cfg_attr(not(feature = "test-util"), allow(unreachable_pub, unused_imports))]

mod clock;
mod error;
mod secret;
mod text;

mod config;
mod flight;
mod http;
mod jwt;
#[cfg(feature = "login")]
mod notice;
mod token;

mod discovery;
#[cfg(feature = "login")]
mod store;

mod client;
mod resource;

mod bearer;
mod token_source;

#[cfg(feature = "login")]
mod flow;

#[cfg(feature = "login")]
mod login;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "test-util")]
pub mod test_util;

// A test holds the list of these names, so that a new one is a decision.
pub use bearer::{BearerAuth, RequestBuilder};
#[cfg(feature = "login")]
pub use client::{AuthorizationRequest, AuthorizationUrl};
pub use client::{DeviceAuth, Introspection, OAuthClient, parse_parameter};
pub use config::{ClientAuthentication, Environment, PlainHttp, Settings, parse_url};
pub use discovery::{DiscoveryClient, Endpoints, Issuer, Metadata};
pub use error::{Cause, Error, Result, TransportFailure, in_one_line};
#[cfg(feature = "login")]
pub use flow::{Browser, BrowserPrompt, DevicePrompt, InFlight, Prompt, RedirectUri};
pub use http::{Body, BodyEnd, HttpClient, read_body};
#[cfg(feature = "login")]
pub use login::{FlowMode, LoginOptions, Logout, Session, authenticate, logout};
#[cfg(feature = "login")]
pub use notice::Notice;
pub use resource::{TokenInfo, UserInfo};
pub use secret::{Secret, mask};
pub use text::{excerpt, printable_url};
pub use token::Token;
pub use token_source::{TokenSource, TokenSourceBuilder};

// Our public signatures use types of this crate, of which `reqwest::Url` is one.
pub use reqwest;
