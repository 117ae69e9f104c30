//! How a connection fails, and what we advise.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::text;

/// How a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportFailure {
    /// No program listens at that address, or at the proxy's.
    Refused,
    /// The host is unknown or unreachable, or a proxy refuses to connect us.
    Unreachable,
    /// The URL begins with `https`, but the program at that address does not speak TLS.
    NotTls,
    /// The two sides could not agree on how to encrypt the connection.
    Handshake,
    /// This machine does not trust the server's certificate.
    Certificate,
    /// We could not connect in time.
    ConnectTimedOut,
    /// We connected, but the answer did not arrive in time.
    AnswerTimedOut,
    /// The connection ended before the whole answer arrived.
    Broken,
    /// The URL begins with `http`, but the answer is not HTTP; it may be TLS.
    NotHttp,
}

impl TransportFailure {
    /// Returns whether the server cannot have seen the request. If so, even a request that must not
    /// be sent twice may be sent again.
    pub fn is_before_sending(self) -> bool {
        !matches!(self, Self::AnswerTimedOut | Self::Broken | Self::NotHttp)
    }

    /// Returns whether the next attempt would fail in the same way until somebody changes
    /// something.
    pub(crate) fn is_lasting(self) -> bool {
        matches!(self, Self::NotTls | Self::Certificate | Self::NotHttp)
    }

    pub(super) fn advice(self, through_proxy: bool) -> &'static str {
        match self {
            Self::Refused if through_proxy => ". Is the proxy running, and is this its address?",
            Self::Refused => ". Is the server running, and is this its address?",
            Self::Unreachable if through_proxy => {
                ". Check the address, the proxy's name and credentials, and whether NO_PROXY should name this host"
            }
            Self::Unreachable => {
                ". Check the address, the network, and whether HTTPS_PROXY should be set"
            }
            Self::NotTls => ". Check the port, or begin the URL with http",
            Self::Handshake => {
                ". Check the address; the server must speak TLS 1.2 or 1.3 and want no client certificate"
            }
            Self::Certificate => {
                ". Is this the server's name, and its certificate up to date? If it comes from a private authority, name \
                 that authority's certificate file in SSL_CERT_FILE"
            }
            Self::ConnectTimedOut | Self::AnswerTimedOut => ". Try again later",
            Self::Broken => ". Try again",
            Self::NotHttp => ". Check the port, and whether the URL should begin with https",
        }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused | Self::Unreachable => "cannot reach",
            Self::NotTls => "plain http instead of https is spoken at",
            Self::Handshake => "the TLS handshake failed with",
            Self::Certificate => "the certificate is not trusted at",
            Self::ConnectTimedOut => "no connection in time to",
            Self::AnswerTimedOut => "no answer in time from",
            Self::Broken => "the connection was lost to",
            Self::NotHttp => "the answer is not HTTP from",
        })
    }
}

/// The innermost message of an [`Error::Transport`](super::Error::Transport), made safe to print.
///
/// We do not keep the error itself: the HTTP client's error carries the URL with its query, and the
/// TLS library's error quotes names from the server's certificate.
#[derive(Debug, Clone)]
pub struct Cause(Arc<str>);

impl Cause {
    pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> Self {
        let innermost = causes(error)
            .last()
            .map(ToString::to_string)
            .unwrap_or_default();
        Self(text::excerpt(&innermost, text::EXPLANATION_LENGTH).into())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// Iterates over an error and its causes, outermost first. An `io::Error` that wraps another error
/// skips it in `source`; we do not.
pub(crate) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}
