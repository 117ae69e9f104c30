//! OAuth 2.0 and OpenID Connect for clients of an AuthGate server, and of others that speak the
//! same protocols.
//!
//! A service that authenticates itself and calls an API, from top to bottom:
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
//! For a person, `authenticate` (with the cargo feature `login`) finds the stored login or runs the
//! flow that fits.
//!
//! The names are those of AuthGate's Python and Go SDKs, so that code can be read side by side.
//! Everything asynchronous needs a tokio runtime. Nothing here prints, reads standard input or
//! ends the process; what is worth knowing besides results goes to [`tracing`].
//!
//! [`reqwest`] is built without a default for the cryptography. A `reqwest::Client` of your own, in
//! the same program, wants `rustls::crypto::ring::default_provider().install_default()` first, or
//! reqwest's default features; the ones in here do not.
//!
//! The modules in layers, each using only its own and those with a smaller number, and none in a
//! circle:
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 | [`error`], [`secret`], [`text`], [`clock`] |
//! | 1 | [`config`], [`http`], [`token`], `flight`, `jwt` |
//! | 2 | [`discovery`], `store` |
//! | 3 | [`client`], [`resource`] |
//! | 4 | [`token_source`], [`bearer`] |
//! | 5 | `flow` |
//! | 6 | `login` |
//! | 7 | `fuzzing` |
//!
//! `store`, `flow` and `login` come with the cargo feature `login`, which a service does not
//! need; `fuzzing` is there for the fuzz targets only.

// What the user sees is the program's business.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod clock;
pub mod error;
pub mod secret;
pub mod text;

pub mod config;
mod flight;
pub mod http;
#[cfg(feature = "login")]
mod jwt;
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

#[cfg(fuzzing)]
pub mod fuzzing;

pub use bearer::BearerAuth;
#[cfg(feature = "login")]
pub use client::AuthorizationRequest;
pub use client::{DeviceAuth, Introspection, OAuthClient};
pub use config::{Environment, PlainHttp, Settings};
pub use discovery::{ClientAuthentication, DiscoveryClient, Endpoints, Metadata};
pub use error::{Error, Result};
pub use http::HttpClient;
#[cfg(feature = "login")]
pub use login::{FlowMode, LoginOptions, Session, authenticate};
pub use resource::{TokenInfo, UserInfo};
pub use secret::{Secret, mask};
pub use token::{Freshness, Token};
pub use token_source::TokenSource;

// Their types are in the signatures here.
pub use {reqwest, url};
