//! Settings: which client we are, and which server we trust.

mod environment;
mod expansion;
mod url;

use std::fmt;

use ::url::Url;

use crate::error::{Error, Result, causes, in_one_line};
use crate::secret::Secret;
use crate::text::printable_url;

pub use environment::Environment;
use url::Refusal;
pub use url::{PlainHttp, parse_url, parse_url_without_query};
pub(crate) use url::{check_url, is_loopback};

/// The settings that a program reads from the environment or `.env`.
///
/// ```no_run
/// # fn example() -> authgate_core::Result<()> {
/// use authgate_core::{Environment, Settings};
///
/// let settings = Settings::for_service(&Environment::load()?)?;
/// for warning in settings.warnings() {
///     eprintln!("warning: {warning}");
/// }
/// println!("{} at {}", settings.client_id, settings.authgate_url);
/// # Ok(())
/// # }
/// ```
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
    mixed_sources: Option<String>,
}

impl Settings {
    /// Reads a service's settings: `AUTHGATE_URL`, `CLIENT_ID` and `CLIENT_SECRET` are required.
    ///
    /// # Errors
    ///
    /// [`Error::Other`], which names every missing variable, or the variable
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
        let plain_http = environment.plain_http()?;
        let refused = |name: &str, refusal: &Refusal| match refusal {
            Refusal::PlainHttp(_) => Error::permanent(format!(
                "{name} is refused: {refusal}, or set AUTHGATE_ALLOW_HTTP=1 to allow http to other machines than this one"
            )),
            Refusal::Other(_) => refusal.of(name),
        };
        // `DiscoveryClient::new` parses the server's URL again, because it takes any caller's. Here
        // the error names the variable.
        url::parse_without_query(authgate_url.expose(), plain_http)
            .map_err(|refusal| refused("AUTHGATE_URL", &refusal))?;
        let api_url = environment
            .get("API_URL")?
            .map(|value| url::parse(value.expose(), plain_http))
            .transpose()
            .map_err(|refusal| refused("API_URL", &refusal))?;
        Ok(Self {
            authgate_url: authgate_url.expose().to_owned(),
            client_id: client_id.expose().to_owned(),
            client_secret,
            api_url,
            plain_http,
            mixed_sources: environment.mixed_sources(&["AUTHGATE_URL", "API_URL"]),
        })
    }

    /// Formats an error with its causes as one line for a person, as [`in_one_line`] does, and adds
    /// which of these variables to look at.
    ///
    /// ```
    /// use authgate_core::{Error, Settings};
    ///
    /// let error = Error::permanent("the device flow is not available");
    /// assert_eq!(Settings::explain(&error), "the device flow is not available");
    /// ```
    pub fn explain(error: &(dyn std::error::Error + 'static)) -> String {
        let line = in_one_line(error);
        let advice = causes(error)
            .find_map(|cause| cause.downcast_ref())
            .and_then(advice);
        match advice {
            Some(advice) => format!("{line}. {advice}"),
            None => line,
        }
    }

    /// Returns the warnings to show in each run: a setting weakens security, or the file decides
    /// where an exported secret is sent ([`Environment::mixed_sources`]).
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let plain_http = (self.plain_http == PlainHttp::Anywhere).then_some(
            "AUTHGATE_ALLOW_HTTP=1 is set, so secrets and tokens may be sent unencrypted, and everyone on the way can use them",
        );
        plain_http.into_iter().chain(self.mixed_sources.as_deref())
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
            .finish_non_exhaustive()
    }
}

/// Says which variables an error is about.
fn advice(error: &Error) -> Option<&'static str> {
    match error {
        Error::OAuth { code, .. } | Error::LoginRefused { code, .. }
            if code == "invalid_client" =>
        {
            Some(
                "They come from CLIENT_ID and CLIENT_SECRET; in .env, put a secret with $, # or spaces in single quotes",
            )
        }
        Error::WrongServer { .. } => Some("It comes from AUTHGATE_URL"),
        _ => None,
    }
}
