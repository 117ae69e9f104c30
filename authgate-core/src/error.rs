//! Errors, sorted by what the caller can do about them.

mod listener;
mod transport;

use std::time::Duration;

pub use listener::ListenerFailure;
pub(crate) use transport::causes;
pub use transport::{Cause, TransportFailure};

/// The result of every fallible operation in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why an operation failed, with one variant for each decision that a caller can take.
///
/// The message says what happened, where, and what to do next. It is safe to print: we escape and
/// shorten text from a server and take secrets out. [`source`](std::error::Error::source) returns
/// the underlying cause, which the message does not repeat. An error is cheap to clone, because
/// every caller who waited for a failed request gets a copy.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting or an argument is missing or wrong. We sent nothing; correct it and start again.
    #[error("{0}")]
    Config(String),

    /// We did not reach the server, or the connection ended before the whole answer arrived.
    #[error("{operation}: {failure} {url}{}{}", through(.proxy.as_deref()), .failure.advice(.proxy.is_some()))]
    Transport {
        /// The operation, such as `discovery`.
        operation: &'static str,
        /// The URL, without its query.
        url: String,
        /// The proxy that the request went through, without its credentials.
        proxy: Option<String>,
        /// How the connection failed.
        failure: TransportFailure,
        /// The message of the system or of the TLS library.
        source: Cause,
    },

    /// The server understood the request and refused it (RFC 6749 section 5.2, RFC 6750 section 3).
    #[error("{operation}: {url} answered {status} {code}{}{}", explained(.description.as_deref()), next_step(.code, *.retry_after))]
    OAuth {
        /// The operation, such as `client credentials grant`.
        operation: &'static str,
        /// The URL, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The `error` code, such as `invalid_client`.
        code: String,
        /// The server's explanation, if it gave one.
        description: Option<String>,
        /// How long the server asks us to wait before the next attempt.
        retry_after: Option<Duration>,
    },

    /// The answer does not follow the protocol: an error page, a malformed body, an endless body. A
    /// machine between us and the server may have sent it, so the stored tokens are still good.
    #[error("{operation}: {url} answered {status}, {reason}{}", wait(*.retry_after))]
    Response {
        /// The operation.
        operation: &'static str,
        /// The URL, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The problem with the answer.
        reason: String,
        /// How long the server asks us to wait before the next attempt.
        retry_after: Option<Duration>,
    },

    /// The answer breaks a rule that protects the token (another issuer, a redirect, a plain http
    /// endpoint, an unusable token), or the server has nothing at this address. Asking again will
    /// not help.
    #[error("{operation}: {url}: {reason}")]
    Protocol {
        /// The operation.
        operation: &'static str,
        /// The URL, without its query.
        url: String,
        /// The HTTP status, if the status is the problem.
        status: Option<u16>,
        /// Says which rule was broken, and what to check.
        reason: String,
    },

    /// Access denied: the person declined in the browser or on the device page (RFC 6749 section
    /// 4.1.2.1, RFC 8628 section 3.5). Do not ask again.
    #[error("login: it was refused by the person who was asked{}. Start again if that was a mistake", explained(.description.as_deref()))]
    Denied {
        /// The server's explanation, if it gave one.
        description: Option<String>,
    },

    /// The server sent the browser back with an error (RFC 6749 section 4.1.2.1).
    #[error("login: the server refused it: {code}{}{}", explained(.description.as_deref()), next_step(.code, None))]
    LoginRefused {
        /// The `error` code, such as `invalid_scope`.
        code: String,
        /// The server's explanation, if it gave one.
        description: Option<String>,
    },

    /// The time limit passed before the person logged in. Another attempt or another flow may
    /// succeed.
    #[error("login: {reason}")]
    LoginExpired {
        /// Says what we waited for, how long, and what to do next.
        reason: String,
    },

    /// The browser came back with the right state, but its request does not follow the protocol.
    /// The login is over, because its code may have leaked; start again.
    #[error("login: the browser came back with {reason}. Start again")]
    Callback {
        /// The problem with the request.
        reason: String,
    },

    /// We cannot listen on the redirect URI's address, mostly because another program does.
    #[error("login: cannot listen on {address}: {failure}. {}", .failure.advice())]
    Listener {
        /// The address, such as `127.0.0.1:8088`.
        address: String,
        /// Why listening failed.
        failure: ListenerFailure,
        /// The message of the system.
        source: Cause,
    },

    /// We cannot open a browser here, or opening it failed. The person can still open the URL by
    /// hand.
    #[error("no browser can be opened here: {reason}")]
    BrowserUnavailable {
        /// Why we cannot open a browser.
        reason: String,
    },

    /// The server does not let this client log in with a device code; a browser may work.
    #[error(
        "the device flow is not available: {reason}. Log in with a browser, or enable the device grant in the client's registration"
    )]
    DeviceFlowUnavailable {
        /// Why the device flow is not available.
        reason: String,
    },

    /// The server used up our code, but its answer was lost on the way. The person may have
    /// approved the login; only a new login helps.
    #[error(
        "{operation}: the login was perhaps approved, and the server's answer was lost on the way: start again"
    )]
    AnswerLost {
        /// The operation.
        operation: &'static str,
    },

    /// The server has ended the person's login, or nothing is stored that could refresh it.
    #[error("the login has ended: log in again")]
    LoginEnded,

    /// We cannot read or write a token store now. This says nothing about the token itself: a token
    /// in memory still works, and a stored one may be readable next time.
    #[error("{place}: {reason}")]
    Store {
        /// The store: a path, or the keyring.
        place: String,
        /// The problem with the store, and what to do next.
        reason: String,
    },

    /// The task that did the work ended without a result: its runtime was shut down, or it
    /// panicked. The next call starts a new task.
    #[error("{operation}: the task that was working on it ended without a result; try again")]
    Interrupted {
        /// The operation.
        operation: &'static str,
    },
}

impl Error {
    /// Returns whether the failure may pass by itself: the network, a timeout, 429, any 5xx, an
    /// answer that is not OAuth, a locked keyring. Do not give up anything stored for such a
    /// failure.
    ///
    /// ```
    /// # use authgate_core::Error;
    /// assert!(!Error::Config("CLIENT_ID is not set".into()).is_transient());
    /// ```
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. }
            | Self::Response { .. }
            | Self::Store { .. }
            | Self::Interrupted { .. } => true,
            Self::OAuth { status, code, .. } => {
                *status == 429
                    || *status >= 500
                    || matches!(code.as_str(), "temporarily_unavailable" | "server_error")
            }
            _ => false,
        }
    }

    /// Returns whether only a new login helps: the server has refused the grant for good
    /// (`invalid_grant`, RFC 6749 section 5.2), or there is no login.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::LoginEnded => true,
            Self::OAuth { code, .. } => code == "invalid_grant",
            _ => false,
        }
    }

    /// Returns how long the server asks us to wait before the next attempt, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OAuth { retry_after, .. } | Self::Response { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns the HTTP status of an answer that is an error or cannot be read; `None` if no answer
    /// arrived, or if an answer with status 200 breaks a rule.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::OAuth { status, .. } | Self::Response { status, .. } => Some(*status),
            Self::Protocol { status, .. } => *status,
            _ => None,
        }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::Config(message.into())
    }
}

fn through(proxy: Option<&str>) -> String {
    proxy.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"))
}

fn explained(description: Option<&str>) -> String {
    description.map_or_else(String::new, |text| format!(" ({text})"))
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| {
        format!(
            ". The server asks to wait {} s before the next try",
            wait.as_secs().max(1)
        )
    })
}

fn next_step(code: &str, retry_after: Option<Duration>) -> String {
    let advice = match code {
        "invalid_client" => {
            "Check the client's ID (CLIENT_ID), and its secret (CLIENT_SECRET) if it has one; a service must be \
             registered as a confidential client; in .env, put a secret with $, # or spaces in single quotes"
        }
        "unauthorized_client" => {
            "This client is not allowed this grant: enable it in the client's registration"
        }
        "invalid_scope" => {
            "A scope was asked for that the server does not know or does not grant to this client"
        }
        "insufficient_scope" => {
            "The token lacks a scope that this address wants: ask for it when the token is fetched"
        }
        "invalid_grant" => "The grant has expired, was revoked or was used before: log in again",
        _ => return wait(retry_after),
    };
    format!(". {advice}{}", wait(retry_after))
}
