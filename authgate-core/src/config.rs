//! Settings: which client we are, and which server we trust.

mod client_authentication;
mod env_file;
mod environment;
mod expansion;
mod url;

use std::fmt;

use ::url::Url;

use crate::error::{Error, Result, causes, in_one_line};
use crate::secret::Secret;
use crate::text::printable_url;

pub use client_authentication::ClientAuthentication;
pub(crate) use client_authentication::check_credential;
#[cfg(feature = "login")]
pub(crate) use env_file::belongs_to_another_user;
pub use environment::Environment;
pub(crate) use url::{LOCALHOST, check_url, is_loopback, refused};
pub use url::{PlainHttp, parse_url, parse_url_without_query};

/// The values in `.env.example`, which name no real server and no real client.
const PLACEHOLDERS: [(&str, &str); 3] = [
    ("AUTHGATE_URL", "https://auth.example.com"),
    ("CLIENT_ID", "your-client-id"),
    ("CLIENT_SECRET", "your-client-secret"),
];

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
    /// `AUTHGATE_CLIENT_AUTHENTICATION`: how the client sends its secret, if discovery is not to
    /// decide.
    pub client_authentication: Option<ClientAuthentication>,
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
    /// [`Error::Other`], which names every missing variable, or the variable whose value is refused.
    pub fn for_service(environment: &Environment) -> Result<Self> {
        environment.require(["AUTHGATE_URL", "CLIENT_ID", "CLIENT_SECRET"])?;
        Self::for_person(environment)
    }

    /// Reads a person's settings: `AUTHGATE_URL` and `CLIENT_ID` are required, and `CLIENT_SECRET`
    /// makes the client a confidential one.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Settings::for_service`].
    pub fn for_person(environment: &Environment) -> Result<Self> {
        let [authgate_url, client_id] = environment.require(["AUTHGATE_URL", "CLIENT_ID"])?;
        let client_secret = environment.get("CLIENT_SECRET")?;
        let plain_http = environment.plain_http()?;
        // `DiscoveryClient::new` parses the server's URL again, because it takes any caller's. Here
        // the error names the variable.
        checked_url(
            parse_url_without_query,
            "AUTHGATE_URL",
            &authgate_url,
            plain_http,
        )?;
        let api_url = environment
            .get("API_URL")?
            .map(|value| checked_url(parse_url, "API_URL", &value, plain_http))
            .transpose()?;
        check_credential("CLIENT_ID", client_id.expose())?;
        if let Some(client_secret) = &client_secret {
            check_credential("CLIENT_SECRET", client_secret.expose())?;
        }
        refuse_placeholders([
            Some(&authgate_url),
            Some(&client_id),
            client_secret.as_ref(),
        ])?;
        Ok(Self {
            authgate_url: authgate_url.expose().to_owned(),
            client_id: client_id.expose().to_owned(),
            client_secret,
            client_authentication: client_authentication(environment)?,
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
            .field("client_authentication", &self.client_authentication)
            .field("api_url", &self.api_url.as_ref().map(printable_url))
            .field("plain_http", &self.plain_http)
            .finish_non_exhaustive()
    }
}

/// Parses a URL, and says which variable would allow it if only the rule for plain http refuses it.
fn checked_url(
    parse: impl Fn(&str, &str, PlainHttp) -> Result<Url>,
    name: &str,
    value: &Secret,
    plain_http: PlainHttp,
) -> Result<Url> {
    parse(name, value.expose(), plain_http).map_err(|error| {
        match parse(name, value.expose(), PlainHttp::Anywhere) {
            Ok(_) => Error::permanent(format!(
                "{error}, or set AUTHGATE_ALLOW_HTTP=1 to allow http to other machines than this one"
            )),
            Err(_) => error,
        }
    })
}

fn client_authentication(environment: &Environment) -> Result<Option<ClientAuthentication>> {
    let value = environment.get("AUTHGATE_CLIENT_AUTHENTICATION")?;
    match value.as_ref().map(Secret::expose) {
        None => Ok(None),
        Some("basic") => Ok(Some(ClientAuthentication::Basic)),
        Some("post") => Ok(Some(ClientAuthentication::Body)),
        Some(_) => Err(Error::permanent(
            "AUTHGATE_CLIENT_AUTHENTICATION is neither basic nor post. Set it to basic to send the secret in a \
             header, or to post to send it in the body",
        )),
    }
}

/// Refuses the values of `.env.example`, because a request to that server would fail
/// with an unknown host.
fn refuse_placeholders(values: [Option<&Secret>; PLACEHOLDERS.len()]) -> Result<()> {
    let unchanged: Vec<&str> = PLACEHOLDERS
        .iter()
        .zip(values)
        .filter(|((_, placeholder), value)| {
            value.is_some_and(|value| value.expose() == *placeholder)
        })
        .map(|((name, _), _)| *name)
        .collect();
    if unchanged.is_empty() {
        return Ok(());
    }
    let has_secret = unchanged.contains(&"CLIENT_SECRET");
    let advice = if has_secret {
        ". A public client has no secret: delete that line"
    } else {
        ""
    };
    Err(Error::permanent(format!(
        "not changed since .env.example: {}. Set your own server and client{advice}",
        unchanged.join(", ")
    )))
}

/// Says which variables an error is about.
fn advice(error: &Error) -> Option<&'static str> {
    match error {
        Error::OAuth {
            code, description, ..
        } if code == "invalid_client" && description.as_deref().is_some_and(is_about_method) => {
            Some(
                "They come from CLIENT_ID and CLIENT_SECRET; to send the secret in the other way, set \
                 AUTHGATE_CLIENT_AUTHENTICATION to basic or post",
            )
        }
        Error::OAuth { code, .. } | Error::LoginRefused { code, .. }
            if code == "invalid_client" =>
        {
            Some(
                "They come from CLIENT_ID and CLIENT_SECRET; in .env, put a secret with $, # or spaces in single quotes",
            )
        }
        Error::LoginRefused { code, .. } if code == "unauthorized_client" => {
            Some("It comes from CLIENT_ID")
        }
        Error::WrongServer { .. } => Some("It comes from AUTHGATE_URL"),
        _ => None,
    }
}

/// Returns whether a description speaks of the way in which the client authenticates.
fn is_about_method(description: &str) -> bool {
    let description = description.to_ascii_lowercase();
    [
        "authentication method",
        "auth_method",
        "client_secret_basic",
        "client_secret_post",
    ]
    .iter()
    .any(|words| description.contains(words))
}
