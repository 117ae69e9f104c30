// Some examples of the README need the feature `login`; without it, they are shown and not tested.
#![cfg_attr(any(feature = "login", not(doctest)), doc = include_str!("../README.md"))]
//! # Where to find what
//!
//! | For | Start with |
//! | --- | --- |
//! | A service's token | [`DiscoveryClient`], [`OAuthClient`], [`TokenSource`] |
//! | Calls to an API | [`BearerAuth`], [`RequestBuilder`], [`read_body`] |
#![cfg_attr(
    feature = "login",
    doc = "| A person's login | [`authenticate`], [`LoginOptions`], [`Session`], [`Prompt`], [`logout`] |"
)]
//! | Settings of a program | [`Environment`], [`Settings`], [`parse_url`] |
//! | What went wrong | [`Error`], [`in_one_line`] |
//!
//! Asynchronous functions need a tokio runtime. The library reads no standard input, does not end the
//! process, and prints nothing but the default prompt of a login. It logs to [`tracing`].

#![cfg_attr(docsrs, feature(doc_cfg))]
// Only the programs decide what the user sees, so the library must not print.
#![warn(clippy::print_stdout, clippy::print_stderr)]
// Without its feature, `test_util` is not there, and what it would make public is `pub` for nothing.
// With the feature, these lints still find a `pub` that nobody can reach.
#![cfg_attr(not(feature = "test-util"), allow(unreachable_pub, unused_imports))]

mod clock;
mod error;
mod json;
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
pub use client::{DeviceAuth, Introspection, OAuthClient};
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

// Tests the example of the development server's README.
#[cfg(doctest)]
#[doc = include_str!("../dev-server/README.md")]
struct DevServerReadme;
