//! The identifier of an authorization server, and the one rule for comparing two of them.

use std::fmt;

#[cfg(feature = "login")]
use url::{Origin, Url};

use crate::text;

/// The identifier of an authorization server: its URL, as the server or the user wrote it (OpenID
/// Connect Discovery 1.0 section 3).
///
/// Section 4.3 requires two issuers to be identical, character by character. One trailing slash
/// makes no difference here, because AuthGate and its SDKs allow it.
///
/// ```
/// use authgate_core::Issuer;
///
/// let issuer = Issuer::new("https://auth.example.com/");
/// assert!(issuer.matches("https://auth.example.com"));
/// assert!(!issuer.matches("https://AUTH.example.com"));
/// assert_eq!(issuer.as_str(), "https://auth.example.com");
/// ```
///
/// `Display` makes the text safe to show to a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer(String);

impl Issuer {
    /// Takes the URL as it was written.
    pub fn new(url: &str) -> Self {
        Self(url.strip_suffix('/').unwrap_or(url).to_owned())
    }

    /// Returns the URL without the trailing slash, otherwise as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the scheme, host and port; `None` if the URL cannot be parsed.
    #[cfg(feature = "login")]
    pub(crate) fn origin(&self) -> Option<Origin> {
        Url::parse(&self.0).ok().map(|url| url.origin())
    }

    /// Returns whether `url`, from a document, an answer or a token, names this issuer.
    pub fn matches(&self, url: &str) -> bool {
        *self == Self::new(url)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&text::printable(&self.0))
    }
}
