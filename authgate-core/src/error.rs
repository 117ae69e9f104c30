//! What can go wrong, sorted by what the caller can do about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::text;

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
    #[error("{operation}: {failure} {url}{}", .failure.advice())]
    Transport {
        /// What was being done, such as `discovery`.
        operation: &'static str,
        /// Where, without its query.
        url: String,
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
        /// Which rule was broken, and what to check.
        reason: String,
    },

    /// A place where tokens are kept cannot be read or written now. It says nothing about the token
    /// itself: one that is in memory serves on, and one that is stored may be there next time.
    #[error("{place}: {reason}")]
    Store {
        /// Which place: a path, or the keyring.
        place: String,
        /// What is wrong there, and what to do next.
        reason: String,
    },

    /// The task that worked on the shared request ended without a result, because its runtime was
    /// shut down. The next call starts anew.
    #[error("{operation}: the runtime that was working on it was shut down; try again")]
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
            Self::Config(_) | Self::Protocol { .. } => false,
        }
    }

    /// Whether only a new login helps: the server has refused the grant for good
    /// (`invalid_grant`, RFC 6749 section 5.2).
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::OAuth { code, .. } if code == "invalid_grant")
    }

    /// How long the server asks to wait before the next try, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OAuth { retry_after, .. } | Self::Response { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The HTTP status, where an answer came.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::OAuth { status, .. } | Self::Response { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::Config(message.into())
    }
}

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportFailure {
    /// Nobody listens at that address.
    Refused,
    /// The host is unknown or cannot be reached, or a proxy will not let us through.
    Unreachable,
    /// The server's certificate is not one that this machine trusts.
    Certificate,
    /// No connection was made in time.
    ConnectTimedOut,
    /// The connection was made, but the answer did not come in time.
    AnswerTimedOut,
    /// The connection ended before the whole answer was there.
    Broken,
}

impl TransportFailure {
    /// Whether the server cannot have seen the request: even a request that must not be sent twice
    /// may be sent again.
    pub fn is_before_sending(self) -> bool {
        !matches!(self, Self::AnswerTimedOut | Self::Broken)
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Refused => ". Is the server running, and is this its address?",
            Self::Unreachable => ". Check the address, the network, and HTTPS_PROXY/NO_PROXY",
            Self::Certificate => {
                ". If the server's certificate comes from a private authority, name its \
                 certificate file in SSL_CERT_FILE"
            }
            Self::ConnectTimedOut | Self::AnswerTimedOut => ". Try again later",
            Self::Broken => ". Try again",
        }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused | Self::Unreachable => "cannot reach",
            Self::Certificate => "the certificate is not trusted at",
            Self::ConnectTimedOut => "no connection in time to",
            Self::AnswerTimedOut => "no answer in time from",
            Self::Broken => "the connection was lost to",
        })
    }
}

/// What lies beneath a [`Error::Transport`]: the innermost message, made safe to print.
///
/// The error itself is not kept: the HTTP client's carries the URL with its query, and the TLS
/// library's quotes names out of the server's certificate.
#[derive(Debug, Clone)]
pub struct Cause(Arc<str>);

impl Cause {
    pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self(text::excerpt(&innermost.to_string(), text::EXPLANATION_LENGTH).into())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Cause {}

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
            "Check CLIENT_ID and CLIENT_SECRET, and that the client is registered here as a \
             confidential client; in .env, put a secret with $, # or spaces in single quotes"
        }
        "unauthorized_client" => "This client is not allowed this grant: enable it in the client's registration",
        "invalid_scope" => "A scope was asked for that the server does not know or does not grant to this client",
        "insufficient_scope" => "The token lacks a scope that this address wants: ask for it when the token is fetched",
        "invalid_grant" => "The grant has expired, was revoked or was used before: log in again",
        _ => return wait(retry_after),
    };
    format!(". {advice}{}", wait(retry_after))
}
