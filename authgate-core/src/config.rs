//! Settings: which client we are, and which server we trust.

mod environment;
mod url;

use std::fmt;

use ::url::Url;

use crate::error::Result;
use crate::secret::Secret;
use crate::text::printable_url;

pub use environment::Environment;
pub use url::{PlainHttp, Query, parse_url};
pub(crate) use url::{check_url, is_loopback};

/// The settings that a program reads from the environment or `.env`.
///
/// `Debug` shows neither the secret nor the query of a URL.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// `AUTHGATE_URL`: the server's URL as it was written, which is also the issuer.
    pub authgate_url: String,
    /// `CLIENT_ID`.
    pub client_id: String,
    /// `CLIENT_SECRET`: makes the client a confidential one (RFC 6749 section 2.1).
    pub client_secret: Option<Secret>,
    /// `API_URL`: the protected API to call instead of the userinfo endpoint.
    pub api_url: Option<Url>,
    /// `AUTHGATE_ALLOW_HTTP`: whether plain http to other machines is allowed.
    pub plain_http: PlainHttp,
}

impl Settings {
    /// Reads a service's settings: `AUTHGATE_URL`, `CLIENT_ID` and `CLIENT_SECRET` are required.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config), which names every missing variable, or the variable
    /// whose value is refused.
    pub fn for_service(environment: &Environment) -> Result<Self> {
        let [authgate_url, client_id, client_secret] =
            environment.require(["AUTHGATE_URL", "CLIENT_ID", "CLIENT_SECRET"])?;
        Self::checked(environment, &authgate_url, &client_id, Some(client_secret))
    }

    /// Reads a person's settings: `AUTHGATE_URL` and `CLIENT_ID` are required, and `CLIENT_SECRET`
    /// makes the client a confidential one.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Settings::for_service`].
    pub fn for_person(environment: &Environment) -> Result<Self> {
        let [authgate_url, client_id] = environment.require(["AUTHGATE_URL", "CLIENT_ID"])?;
        Self::checked(
            environment,
            &authgate_url,
            &client_id,
            environment.get("CLIENT_SECRET")?,
        )
    }

    fn checked(
        environment: &Environment,
        authgate_url: &Secret,
        client_id: &Secret,
        client_secret: Option<Secret>,
    ) -> Result<Self> {
        let plain_http = plain_http(environment)?;
        parse_url(
            "AUTHGATE_URL",
            authgate_url.expose(),
            plain_http,
            Query::Refused,
        )?;
        let api_url = environment
            .get("API_URL")?
            .map(|url| parse_url("API_URL", url.expose(), plain_http, Query::Allowed))
            .transpose()?;
        Ok(Self {
            authgate_url: authgate_url.expose().to_owned(),
            client_id: client_id.expose().to_owned(),
            client_secret,
            api_url,
            plain_http,
        })
    }

    /// Returns a warning to show in each run, if a setting weakens security.
    pub fn warning(&self) -> Option<&'static str> {
        (self.plain_http == PlainHttp::Anywhere).then_some(
            "AUTHGATE_ALLOW_HTTP=1 is set: secrets and tokens may travel unencrypted, and whoever is on the way can use them",
        )
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("authgate_url", &self.authgate_url)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("api_url", &self.api_url.as_ref().map(printable_url))
            .field("plain_http", &self.plain_http)
            .finish()
    }
}

/// Returns whether `AUTHGATE_ALLOW_HTTP` allows plain http to other machines.
///
/// # Errors
///
/// Returns the errors of [`Environment::switch`].
pub fn plain_http(environment: &Environment) -> Result<PlainHttp> {
    let is_allowed = environment.switch("AUTHGATE_ALLOW_HTTP")?;
    Ok(if is_allowed {
        PlainHttp::Anywhere
    } else {
        PlainHttp::Loopback
    })
}
