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
    /// The server broke off the TLS handshake.
    Handshake,
    /// The server requires a feature that we do not support, such as an older cipher suite or a
    /// client certificate.
    Incompatible,
    /// This machine does not trust the server's certificate.
    Certificate,
    /// The proxy requires a user name and a password, or its answer is too long for us.
    ProxyRefused,
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
        matches!(
            self,
            Self::NotTls
                | Self::Incompatible
                | Self::Certificate
                | Self::ProxyRefused
                | Self::NotHttp
        )
    }

    pub(super) fn advice(self, through_proxy: bool) -> &'static str {
        match self {
            Self::Refused if through_proxy => "Check that the proxy is running at this address",
            Self::Refused => "Check that the server is running at this address",
            Self::Unreachable if through_proxy => {
                "Check the address and the proxy's name and credentials. To bypass the proxy, name this host in NO_PROXY"
            }
            Self::Unreachable => {
                "Check the address and the network. If a proxy is needed, name it in HTTPS_PROXY"
            }
            Self::NotTls if through_proxy => {
                "Check the port. Unless the proxy itself uses TLS, begin its URL with http://"
            }
            Self::NotTls => "Check the port, or begin the URL with http://",
            Self::Handshake => "Check the address, and try again",
            Self::Incompatible => {
                "The server's operator must allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, use \
                 an RSA, P-256, P-384 or Ed25519 key, and require no client certificate"
            }
            Self::Certificate => "The server's operator must replace the certificate",
            Self::ProxyRefused => "Check the user name and the password in the proxy's URL",
            Self::ConnectTimedOut | Self::AnswerTimedOut => "Try again later",
            Self::Broken => "Try again",
            Self::NotHttp => "Check the port, or begin the URL with https://",
        }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Refused | Self::Unreachable | Self::ProxyRefused => "cannot reach",
            Self::NotTls => "the server does not use TLS at",
            Self::Handshake | Self::Incompatible => "the TLS handshake failed with",
            Self::Certificate => "this machine does not trust the certificate of",
            Self::ConnectTimedOut => "timed out while connecting to",
            Self::AnswerTimedOut => "timed out while waiting for an answer from",
            Self::Broken => "lost the connection to",
            Self::NotHttp => "got an answer that is not HTTP from",
        })
    }
}

/// Why a connection failed, in the words of the system or of the TLS library, safe to print; and
/// advice, if the one for this kind of failure does not fit.
///
/// We do not keep the error itself: the HTTP client's error carries the URL with its query, and the
/// TLS library's error quotes names from the server's certificate.
#[derive(Debug, Clone)]
pub struct Cause {
    message: Arc<str>,
    advice: Option<&'static str>,
}

impl Cause {
    pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> Self {
        let innermost = causes(error)
            .last()
            .map(ToString::to_string)
            .unwrap_or_default();
        Self {
            message: text::excerpt(&innermost, text::EXPLANATION_LENGTH).into(),
            advice: None,
        }
    }

    /// Creates a cause whose advice replaces the one for this kind of failure.
    pub(crate) fn with_advice(message: &str, advice: &'static str) -> Self {
        Self {
            message: text::excerpt(message, text::EXPLANATION_LENGTH).into(),
            advice: Some(advice),
        }
    }

    pub(super) fn advice(&self) -> Option<&'static str> {
        self.advice
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
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
