//! What can go wrong, sorted by what the caller can do about it.

mod listener;
mod transport;

use std::time::Duration;

pub use listener::ListenerFailure;
pub(crate) use transport::causes;
pub use transport::{Cause, TransportFailure};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. One variant for each decision that a caller can take.
///
/// The text says what happened, where, and what to do next; it is safe to print: strings from a
/// server have been escaped and shortened, and secrets have been taken out. What lies beneath is
/// in [`source`](std::error::Error::source), once. An error is cheap to clone, because one failed
/// request is reported to everyone who waited for it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting or an argument is missing or wrong. Nothing was sent; mend it and start again.
    #[error("{0}")]
    Config(String),

    /// The server was not reached, or the connection ended before the whole answer was there.
    #[error("{operation}: {failure} {url}{}{}", through(.proxy.as_deref()), .failure.advice(.proxy.is_some()))]
    Transport {
        /// What was being done, such as `discovery`.
        operation: &'static str,
        /// Where, without its query.
        url: String,
        /// The proxy that it was asked through, without its credentials.
        proxy: Option<String>,
        /// How it failed.
        failure: TransportFailure,
        /// What the system or the TLS library said.
        source: Cause,
    },

    /// The server understood the request and refused it (RFC 6749 section 5.2, RFC 6750 section 3).
    #[error("{operation}: {url} answered {status} {code}{}{}", explained(.description.as_deref()), next_step(.code, *.retry_after))]
    OAuth {
        /// What was being done, such as `client credentials grant`.
        operation: &'static str,
        /// Where, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The `error` code, such as `invalid_client`.
        code: String,
        /// The server's explanation, if it gave one.
        description: Option<String>,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },

    /// The answer is not what the protocol says: an error page, a broken body, a body without end.
    /// Something between here and the server may have sent it; what is stored is still good.
    #[error("{operation}: {url} answered {status}, {reason}{}", wait(*.retry_after))]
    Response {
        /// What was being done.
        operation: &'static str,
        /// Where, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with the answer.
        reason: String,
        /// How long the server asks to wait before the next try.
        retry_after: Option<Duration>,
    },

    /// The answer breaks a rule that protects the token (another issuer, a redirect, a plain http
    /// endpoint, an unusable token) or says that there is nothing at this address. Asking again
    /// will not help.
    #[error("{operation}: {url}: {reason}")]
    Protocol {
        /// What was being done.
        operation: &'static str,
        /// Where, without its query.
        url: String,
        /// The HTTP status, where that is what is wrong.
        status: Option<u16>,
        /// Which rule was broken, and what to check.
        reason: String,
    },

    /// The person said no, in the browser or on the device page (RFC 6749 section 4.1.2.1, RFC 8628
    /// section 3.5). Do not ask again.
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

    /// Nobody logged in within the time for it. Another try may succeed, or another flow.
    #[error("login: {reason}")]
    LoginExpired {
        /// What was waited for, how long, and what to do next.
        reason: String,
    },

    /// Somebody came back from the login with the right state and a request that is not what the
    /// protocol says. The login is over, because a code may have leaked; start again.
    #[error("login: the browser came back with {reason}. Start again")]
    Callback {
        /// What is wrong with the request.
        reason: String,
    },

    /// The redirect URI's address cannot be listened on, mostly because another program does.
    #[error("login: cannot listen on {address}: {failure}. {}", .failure.advice())]
    Listener {
        /// The address, such as `127.0.0.1:8088`.
        address: String,
        /// Why not.
        failure: ListenerFailure,
        /// What the system said.
        source: Cause,
    },

    /// No browser can be opened here, or opening it failed. The URL can still be opened by hand.
    #[error("no browser can be opened here: {reason}")]
    BrowserUnavailable {
        /// Why.
        reason: String,
    },

    /// The server does not let this client log in by device code; a browser may do.
    #[error(
        "the device flow is not available: {reason}. Log in with a browser, or enable the device grant in the client's registration"
    )]
    DeviceFlowUnavailable {
        /// Why.
        reason: String,
    },

    /// The server has used up what we showed it, and the answer to that was lost on the way. The
    /// login may have been approved; only another one helps.
    #[error("{operation}: the login was perhaps approved, and the server's answer was lost on the way: start again")]
    AnswerLost {
        /// What was being done.
        operation: &'static str,
    },

    /// The server has ended the person's login, or nothing is stored that could refresh it.
    #[error("the login has ended: log in again")]
    LoginEnded,

    /// A place where tokens are kept cannot be read or written now. It says nothing about the token
    /// itself: one that is in memory serves on, and one that is stored may be there next time.
    #[error("{place}: {reason}")]
    Store {
        /// Which place: a path, or the keyring.
        place: String,
        /// What is wrong there, and what to do next.
        reason: String,
    },

    /// The task that worked on it ended without a result: its runtime was shut down, or it panicked.
    /// The next call starts anew.
    #[error("{operation}: the task that was working on it ended without a result; try again")]
    Interrupted {
        /// What was being done.
        operation: &'static str,
    },
}

impl Error {
    /// Whether the failure may pass by itself, so that nothing stored should be given up for it:
    /// the network, a time-out, 429, any 5xx, an answer that is not OAuth, a locked keyring.
    ///
    /// ```
    /// # use authgate_core::Error;
    /// assert!(!Error::Config("CLIENT_ID is not set".into()).is_transient());
    /// ```
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Response { .. } | Self::Store { .. } | Self::Interrupted { .. } => true,
            Self::OAuth { status, code, .. } => {
                *status == 429 || *status >= 500 || matches!(code.as_str(), "temporarily_unavailable" | "server_error")
            }
            _ => false,
        }
    }

    /// Whether only a new login helps: the server has refused the grant for good
    /// (`invalid_grant`, RFC 6749 section 5.2), or there is no login.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::LoginEnded => true,
            Self::OAuth { code, .. } => code == "invalid_grant",
            _ => false,
        }
    }

    /// How long the server asks to wait before the next try, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OAuth { retry_after, .. } | Self::Response { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The HTTP status of an answer that is an error or cannot be read; `None` where no answer came,
    /// and where one with status 200 breaks a rule.
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
        format!(". The server asks to wait {} s before the next try", wait.as_secs().max(1))
    })
}

fn next_step(code: &str, retry_after: Option<Duration>) -> String {
    let advice = match code {
        "invalid_client" => {
            "Check the client's ID (CLIENT_ID), and its secret (CLIENT_SECRET) if it has one; a service must be \
             registered as a confidential client; in .env, put a secret with $, # or spaces in single quotes"
        }
        "unauthorized_client" => "This client is not allowed this grant: enable it in the client's registration",
        "invalid_scope" => "A scope was asked for that the server does not know or does not grant to this client",
        "insufficient_scope" => "The token lacks a scope that this address wants: ask for it when the token is fetched",
        "invalid_grant" => "The grant has expired, was revoked or was used before: log in again",
        _ => return wait(retry_after),
    };
    format!(". {advice}{}", wait(retry_after))
}
