//! Errors, sorted by what the caller can do about them.

mod transport;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

pub(crate) use transport::causes;
pub use transport::{Cause, TransportFailure};

/// The result of every fallible operation in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why an operation failed, with one variant for each decision that a caller takes.
///
/// The message says what happened, where, and what to do next. It is safe to print: we escape and
/// shorten text from a server and take secrets out. [`source`](StdError::source) returns the
/// underlying cause, which the message does not repeat; [`in_one_line`] formats both. An error is
/// cheap to clone, because every caller who waited for a failed request gets a copy.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// We did not reach the server, or the connection ended before the whole answer arrived.
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
    OAuth {
        /// The operation, such as `client credentials grant`.
        operation: &'static str,
        /// The URL, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The `error` code, such as `invalid_client`.
        code: String,
        /// The server's explanation, if it gave one; for `invalid_scope` also the scopes that the
        /// request asked for.
        description: Option<String>,
        /// How long the server asks us to wait before the next attempt.
        retry_after: Option<Duration>,
    },

    /// The answer does not follow the protocol: an error page, a malformed body, an endless body. A
    /// machine between us and the server may have sent it, so the stored tokens are still good.
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

    /// The URL does not lead to the server that we expect: nothing is there (404), it redirects, or
    /// its discovery document belongs to another issuer. Correct the server's URL.
    WrongServer {
        /// The operation.
        operation: &'static str,
        /// The URL, without its query.
        url: String,
        /// The HTTP status, if the status is the problem.
        status: Option<u16>,
        /// The problem.
        reason: String,
    },

    /// The server's discovery document leads a person's login to another server, which may be an
    /// attack (RFC 9700 section 4.4). We sent nothing there. If the user knows that the two belong
    /// together, they can trust that origin by name.
    UntrustedOrigin {
        /// The endpoint, such as `authorization endpoint`.
        endpoint: &'static str,
        /// Its origin, such as `https://login.example.com`.
        origin: String,
        /// The server whose document names it.
        issuer: String,
    },

    /// Access denied: the person declined in the browser or on the device page (RFC 6749 section
    /// 4.1.2.1, RFC 8628 section 3.5). Do not ask again.
    Denied {
        /// The server's explanation, if it gave one.
        description: Option<String>,
    },

    /// The server sent the browser back with an error (RFC 6749 section 4.1.2.1).
    LoginRefused {
        /// The `error` code, such as `invalid_scope`.
        code: String,
        /// The server's explanation, if it gave one, and the refused scopes or redirect URI.
        description: Option<String>,
    },

    /// The time limit passed before the person logged in. Another attempt or another flow may
    /// succeed.
    LoginExpired {
        /// Says what we waited for, how long, and what to do next.
        reason: String,
    },

    /// The browser came back with the right state, but its request does not follow the protocol.
    /// The login is over, because its code may have leaked.
    Callback {
        /// The problem with the request.
        reason: String,
    },

    /// The browser flow cannot run here: no browser can be opened, or another program listens on
    /// the redirect URI's port. The device flow may work.
    BrowserUnavailable {
        /// The reason: which part is unavailable, and why.
        reason: String,
        /// The message of the system, if it gave one.
        source: Option<Cause>,
    },

    /// The login that is stored for this client is for another server. It was neither used nor
    /// replaced; the user decides.
    OtherLogin {
        /// The server that issued the stored login.
        issuer: String,
        /// The server of this login.
        server: String,
    },

    /// The server has ended the person's login, or nothing is stored that could refresh it.
    LoginEnded,

    /// Any other failure. No caller has to tell these apart, so show the message; create them with
    /// [`Error::permanent`] and [`Error::transient`].
    #[non_exhaustive]
    Other {
        /// The operation, what happened, and what to do next.
        message: String,
        /// Whether the failure may pass by itself.
        is_transient: bool,
    },
}

impl Error {
    /// Creates an error that lasts until somebody changes something, such as a setting.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Other {
            message: message.into(),
            is_transient: false,
        }
    }

    /// Creates an error that may pass by itself, such as that of a store that cannot be read now.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Other {
            message: message.into(),
            is_transient: true,
        }
    }

    /// Creates the error for a task that ended without a result, because its runtime was shut down
    /// or it panicked. The next call starts a new task.
    pub(crate) fn interrupted(operation: &'static str) -> Self {
        Self::transient(format!(
            "{operation}: the task ended without a result. Try again"
        ))
    }

    /// Returns whether the failure may pass by itself: the network, a timeout, 408, 429, any 5xx, an
    /// answer that is not OAuth, a locked keyring. Do not give up anything stored for such a
    /// failure.
    ///
    /// ```
    /// # use authgate_core::Error;
    /// assert!(!Error::permanent("the client ID is empty").is_transient());
    /// ```
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Response { .. } => true,
            Self::OAuth { status, code, .. } => {
                matches!(*status, 408 | 429 | 500..)
                    || matches!(code.as_str(), "temporarily_unavailable" | "server_error")
            }
            Self::Other { is_transient, .. } => *is_transient,
            _ => false,
        }
    }

    /// Returns whether only a new login helps: the server has finally refused the grant
    /// (`invalid_grant`, RFC 6749 section 5.2), or there is no login.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::LoginEnded => true,
            Self::OAuth { code, .. } => code == "invalid_grant",
            _ => false,
        }
    }

    /// Returns whether the browser flow failed in a way that the device flow does not: no browser,
    /// no port, or nobody came back in time.
    pub fn is_browser_failure(&self) -> bool {
        matches!(
            self,
            Self::BrowserUnavailable { .. } | Self::LoginExpired { .. }
        )
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
            Self::WrongServer { status, .. } => *status,
            _ => None,
        }
    }

    /// Says what happened, where, and what to do next. The cause precedes the advice, because it
    /// belongs to what happened.
    fn message(&self, cause: Option<&dyn StdError>) -> String {
        let cause = cause.map_or_else(String::new, |cause| format!(" ({cause})"));
        let advice = self
            .advice()
            .map_or_else(String::new, |advice| format!(". {advice}"));
        let wait = self.retry_after().map_or_else(String::new, |wait| {
            format!(". Try again in {} s", wait.as_secs().max(1))
        });
        format!("{}{cause}{advice}{wait}", self.happened())
    }

    /// Says what happened and where, without advice, for a caller that goes on by itself.
    pub(crate) fn happened(&self) -> String {
        match self {
            Self::Transport {
                operation,
                url,
                proxy,
                failure,
                ..
            } => {
                let through = proxy
                    .as_ref()
                    .map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
                format!("{operation}: {failure} {url}{through}")
            }
            Self::OAuth {
                operation,
                url,
                status,
                code,
                description,
                ..
            } => format!(
                "{operation}: {url} answered {status} {code}{}",
                explained(description.as_ref())
            ),
            Self::Response {
                operation,
                url,
                status,
                reason,
                ..
            } => format!("{operation}: {url} answered {status}, {reason}"),
            Self::WrongServer {
                operation,
                url,
                status,
                reason,
            } => {
                let answered =
                    status.map_or_else(String::new, |status| format!(" answered {status}"));
                format!("{operation}: {url}{answered}: {reason}")
            }
            Self::UntrustedOrigin {
                endpoint,
                origin,
                issuer,
            } => format!("discovery: the {endpoint} of {issuer} is at {origin}, another server"),
            Self::Denied { description } => format!(
                "access denied: the login request was declined{}",
                explained(description.as_ref())
            ),
            Self::LoginRefused { code, description } => format!(
                "the server refused the login: {code}{}",
                explained(description.as_ref())
            ),
            Self::LoginExpired { reason } => format!("the login timed out: {reason}"),
            Self::Callback { reason } => format!("the browser came back with {reason}"),
            Self::BrowserUnavailable { reason, .. } => reason.clone(),
            Self::OtherLogin { issuer, server } => format!(
                "the stored login of this client is for {issuer}, not for {server}, so it is neither used nor replaced"
            ),
            Self::LoginEnded => "the login has expired or was revoked".to_owned(),
            Self::Other { message, .. } => message.clone(),
        }
    }

    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Transport {
                failure,
                proxy,
                source,
                ..
            } => {
                let advice = source.advice();
                Some(advice.unwrap_or_else(|| failure.advice(proxy.is_some())))
            }
            Self::OAuth { code, .. } => advice_for(code),
            Self::WrongServer { .. } => Some("Check the server's URL"),
            Self::UntrustedOrigin { .. } => {
                Some("Unless you know that it belongs to this server, do not log in")
            }
            Self::LoginRefused { code, description } => login_advice(code, description.as_deref()),
            Self::Callback { .. } | Self::LoginEnded => Some("Log in again"),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message(None))
    }
}

/// Formats an error with its causes as one line for a person: what happened, the cause in brackets,
/// and what to do next.
///
/// ```
/// use authgate_core::in_one_line;
/// use std::io;
///
/// let error = io::Error::from(io::ErrorKind::BrokenPipe);
/// assert_eq!(in_one_line(&error), "broken pipe");
/// ```
pub fn in_one_line(error: &(dyn StdError + 'static)) -> String {
    match (error.downcast_ref::<Error>(), error.source()) {
        (Some(error), cause) => error.message(cause.map(|cause| cause as &dyn StdError)),
        (None, Some(cause)) => format!("{error}: {}", in_one_line(cause)),
        (None, None) => error.to_string(),
    }
}

fn explained(description: Option<&String>) -> String {
    description.map_or_else(String::new, |text| format!(" ({text})"))
}

/// Returns the advice for an error at the authorization endpoint.
fn login_advice(code: &str, description: Option<&str>) -> Option<&'static str> {
    match code {
        "invalid_request" if description.is_some_and(|text| text.contains("redirect")) => {
            Some("Register exactly this redirect URI for the client")
        }
        "unauthorized_client" => Some(
            "Allow the client the authorization code grant in its registration, and check the client ID",
        ),
        code => advice_for(code),
    }
}

fn advice_for(code: &str) -> Option<&'static str> {
    match code {
        "invalid_client" => Some(
            "A new client may have to be approved. Check the client ID and, for a confidential client, the secret",
        ),
        "unauthorized_client" => Some("Enable this grant in the client's registration"),
        "invalid_scope" => {
            Some("Request only scopes that the server knows and grants to this client")
        }
        "insufficient_scope" => Some("Get a token with the scope that this address requires"),
        "invalid_grant" => {
            Some("The grant has expired, was revoked or was already used. Log in again")
        }
        _ => None,
    }
}
