//! Parameters that a program adds to the requests of a client, such as Auth0's `audience`.

use super::OAuthClient;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text;

/// The parameters that the requests set themselves. Another value would break the grant.
const RESERVED: [&str; 14] = [
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "device_code",
    "grant_type",
    "nonce",
    "redirect_uri",
    "refresh_token",
    "response_type",
    "scope",
    "state",
];

/// Names and values in their order. A name may repeat, such as `resource` (RFC 8707 section 2).
///
/// `Debug` shows no values, because they may be secrets.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExtraParameters(Vec<(String, Secret)>);

impl ExtraParameters {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), Secret::from(value.into())));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
    }

    /// Refuses a name that is empty or that the requests set themselves.
    pub(crate) fn check(&self) -> Result<()> {
        self.iter().try_for_each(|(name, _)| check_name(name))
    }

    /// Returns the parameters in the form in which a login is stored; `None` without any.
    #[cfg(feature = "login")]
    pub(crate) fn encoded(&self) -> Option<String> {
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.iter())
            .finish();
        (!encoded.is_empty()).then_some(encoded)
    }

    /// Returns the parameters that [`ExtraParameters::encoded`] has encoded.
    #[cfg(feature = "login")]
    pub(crate) fn decode(encoded: &str) -> Self {
        let pairs = url::form_urlencoded::parse(encoded.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), Secret::from(value.into_owned())))
                .collect(),
        )
    }

    /// Returns the names of the parameters that `encoded` lacks or has with other values only.
    #[cfg(feature = "login")]
    pub(crate) fn missing_from(&self, encoded: &str) -> Vec<&str> {
        self.iter()
            .filter(|(name, value)| {
                !url::form_urlencoded::parse(encoded.as_bytes())
                    .any(|(known, other)| known == *name && other == *value)
            })
            .map(|(name, _)| name)
            .collect()
    }
}

pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::permanent("a parameter has no name"));
    }
    if is_reserved(name) {
        return Err(Error::permanent(format!(
            "the parameter {name} is set by the request itself, so it cannot be added"
        )));
    }
    Ok(())
}

impl OAuthClient {
    /// Parses a parameter in the form `NAME=VALUE`, as in a program's flag.
    ///
    /// ```
    /// # fn main() -> authgate_core::Result<()> {
    /// use authgate_core::OAuthClient;
    ///
    /// let (name, value) = OAuthClient::parse_parameter("audience=https://api.example.com")?;
    /// assert_eq!((name.as_str(), value.as_str()), ("audience", "https://api.example.com"));
    /// assert!(OAuthClient::parse_parameter("client_id=other").is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the text has no `=`, when the name is empty, or when the requests set this
    /// parameter themselves.
    pub fn parse_parameter(text: &str) -> Result<(String, String)> {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Error::permanent(format!(
                "the parameter {} has no value. Write it as NAME=VALUE",
                text::excerpt(text, 100)
            ))
        })?;
        check_name(name)?;
        Ok((name.to_owned(), value.to_owned()))
    }
}
