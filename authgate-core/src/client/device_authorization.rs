//! The device authorization grant (RFC 8628): its first request, and one poll.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::{OAuthClient, configured};
use crate::clock::Moment;
use crate::config::{PlainHttp, check_url};
use crate::error::{Error, Result};
use crate::http::Retry;
use crate::json::{seconds, string};
use crate::secret::Secret;
use crate::token::Token;

const REQUEST: &str = "device authorization";
const POLL: &str = "device code grant";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The polling interval if the server does not name one (RFC 8628 section 3.2).
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest polling interval, even if the server asks for a shorter one.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// The lifetime of a code if the server names none or a longer one, because no person looks at a
/// code for longer.
const LONGEST_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// The most characters of a user code that a person would still type.
const USER_CODE_LENGTH: usize = 40;
const URI_LENGTH: usize = 2048;

/// The server's answer to the device (RFC 8628 section 3.2), checked. Everything except the device
/// code may be shown as it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeviceAuth {
    /// The code that the device polls with. Never show it (section 5.2).
    pub device_code: Secret,
    /// The code that the person types: visible ASCII, at most 40 characters.
    pub user_code: String,
    /// The page on which the person types the code: https, or http if the client's rule allows it.
    pub verification_uri: Url,
    /// The same page with the code in its URL, for a QR code; only if it is on the same site.
    pub verification_uri_complete: Option<Url>,
    /// How long the code is valid, counted from the request for it; at most 30 minutes.
    pub expires_in: Duration,
    /// The shortest time between two polls.
    pub interval: Duration,
    /// The moment just before the code was requested.
    #[cfg_attr(
        not(feature = "login"),
        expect(dead_code, reason = "only the device flow reads it")
    )]
    pub(crate) requested: Moment,
}

impl OAuthClient {
    /// Requests a device code and a user code (RFC 8628 section 3.1).
    ///
    /// A missing or unusable `interval` means 5 s. A missing or unusable `expires_in` means 30
    /// minutes, and a longer one is cut to that.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the server has no such endpoint, when this client may not use it, or
    /// when the answer lacks a code or an address, or has one that must not be shown; otherwise the
    /// error of the request.
    pub async fn request_device_code(&self, scopes: &[String]) -> Result<DeviceAuth> {
        let url = configured(self.endpoints().device_authorization_url.as_ref(), REQUEST)?;
        let scope = scopes.join(" ");
        let mut parameters = self.with_extra_parameters(&[])?;
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        let requested = self.clock().now();
        // A code that no person has seen does no harm, so we may repeat the request.
        let answer = self
            .post(REQUEST, url, &parameters, Retry::Idempotent)
            .await
            .map_err(unavailable)?;
        DeviceAuth::read(&answer.object()?, requested, self.http().plain_http())
            .map_err(|reason| answer.refused(&reason))
    }

    /// Polls once whether the person has approved (RFC 8628 section 3.4). We do not retry a failed
    /// request here, because the caller polls.
    ///
    /// # Errors
    ///
    /// [`Error::OAuth`] with the codes of section 3.5: `authorization_pending`, `slow_down` (its
    /// `retry_after` is the new interval, if the server named one), `expired_token` and
    /// `access_denied`; [`Error::Other`] when the token names another issuer; otherwise the error of
    /// the request.
    pub async fn exchange_device_code(&self, device: &DeviceAuth) -> Result<Token> {
        let parameters = [
            ("grant_type", GRANT_TYPE),
            ("device_code", device.device_code.expose()),
        ];
        let token = self.grant(POLL, &parameters, Retry::Never).await?;
        self.check_issuer(POLL, token)
    }
}

impl DeviceAuth {
    /// Reads the answer; the error says why we refuse it.
    fn read(
        answer: &Map<String, Value>,
        requested: Moment,
        plain_http: PlainHttp,
    ) -> Result<Self, String> {
        let device_code = string(answer, "device_code").ok_or("the answer has no device_code")?;
        let user_code = string(answer, "user_code")
            .ok_or("the answer has no user_code")?
            .trim();
        let is_typed = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if user_code.is_empty()
            || user_code.len() > USER_CODE_LENGTH
            || !user_code.bytes().all(is_typed)
        {
            return Err("the user_code is not one that a person can type".to_owned());
        }
        // Some servers still use the name from an early draft.
        let verification_uri = string(answer, "verification_uri")
            .or_else(|| string(answer, "verification_url"))
            .ok_or("the answer has no verification_uri")?;
        let verification_uri = page("verification_uri", verification_uri, plain_http)?;
        let verification_uri_complete = string(answer, "verification_uri_complete")
            .and_then(|uri| page("verification_uri_complete", uri, plain_http).ok())
            .filter(|uri| uri.origin() == verification_uri.origin());

        let positive = |name: &str| {
            let seconds = answer.get(name).and_then(seconds);
            seconds.filter(|seconds| !seconds.is_zero())
        };
        let expires_in = positive("expires_in")
            .unwrap_or(LONGEST_LIFETIME)
            .min(LONGEST_LIFETIME);
        let interval = positive("interval").unwrap_or(DEFAULT_INTERVAL);
        if interval >= expires_in {
            return Err("the code expires before the first poll is allowed".to_owned());
        }
        Ok(Self {
            device_code: Secret::from(device_code),
            user_code: user_code.to_owned(),
            verification_uri,
            verification_uri_complete,
            expires_in,
            interval: interval.max(SHORTEST_INTERVAL),
            requested,
        })
    }
}

/// Parses the address of a page for a person. We later show the parser's version of it, which has
/// no control characters and the host in ASCII.
fn page(name: &str, uri: &str, plain_http: PlainHttp) -> Result<Url, String> {
    if uri.len() > URI_LENGTH {
        return Err(format!(
            "the {name} is longer than any address that a person can type"
        ));
    }
    let url = Url::parse(uri).map_err(|reason| format!("the {name} is not a URL ({reason})"))?;
    // A page may have a fragment, but an endpoint may not: check everything else by the rule for
    // endpoints.
    let mut without_fragment = url.clone();
    without_fragment.set_fragment(None);
    check_url(&without_fragment, plain_http)
        .map_err(|reason| format!("the {name} is refused: {reason}"))?;
    Ok(url)
}

/// Says what a refusal of the first request means for the person.
fn unavailable(error: Error) -> Error {
    match &error {
        _ if error.status() == Some(404) => {
            device_flow_unavailable("the server has no device authorization endpoint (404)")
        }
        Error::OAuth {
            code, description, ..
        } if ["unauthorized_client", "unsupported_grant_type"].contains(&code.as_str()) => {
            let description = description
                .as_ref()
                .map_or_else(String::new, |text| format!(": {text}"));
            device_flow_unavailable(&format!(
                "this client is not allowed the device grant ({code}{description})"
            ))
        }
        _ => error,
    }
}

pub(crate) fn device_flow_unavailable(reason: &str) -> Error {
    Error::permanent(format!(
        "the device flow is not available: {reason}. Log in with a browser, or enable the device grant in the client's \
         registration"
    ))
}
