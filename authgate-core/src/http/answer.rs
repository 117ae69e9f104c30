//! The one place that reads what a server of the OAuth protocol answers.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use super::body::read_whole_body;
use super::redaction::SentSecrets;
use super::retry::{LONGEST_WAIT, retry_after};
use crate::error::{Error, NOTHING_THERE, Result};
use crate::text::{self, EXPLANATION_LENGTH};

/// Characters of an unreadable body that are shown.
const EXCERPT_LENGTH: usize = 200;

/// An answer with status 200.
pub(crate) struct Answer {
    operation: &'static str,
    url: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    sent: SentSecrets,
}

impl Answer {
    /// Reads a response; every status but 200 becomes the error that it means. An error's text is
    /// freed of the secrets that were `sent`, which a careless server echoes.
    pub(super) async fn read(
        operation: &'static str,
        url: &Url,
        response: reqwest::Response,
        sent: SentSecrets,
    ) -> Result<Self> {
        let mut answer = Self {
            operation,
            url: text::printable_url(url),
            status: response.status(),
            headers: response.headers().clone(),
            body: Vec::new(),
            sent,
        };
        if answer.status.is_redirection() {
            return Err(answer.redirected(url));
        }
        match read_whole_body(operation, response).await? {
            Some(body) => answer.body = body,
            None => return Err(answer.unexpected("with a body larger than 1 MiB".to_owned())),
        }
        match answer.refusal() {
            Some(refusal) => Err(refusal),
            None => Ok(answer),
        }
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>> {
        serde_json::from_slice(&self.body).map_err(|_| self.not_an_object())
    }

    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The error that this answer is, if it is one.
    fn refusal(&self) -> Option<Error> {
        let object: Option<Map<String, Value>> = serde_json::from_slice(&self.body).ok();
        let member = |name: &str| object.as_ref()?.get(name).filter(|value| !value.is_null() && *value != "");
        // Some servers answer 200 with an error in it.
        if let Some(code) = member("error") {
            let description = member("error_description").map(|value| self.shown(value, EXPLANATION_LENGTH));
            let error = self.oauth_error(self.shown(code, 100), description);
            return Some(match member("interval").and_then(seconds) {
                Some(interval) => slowed_down(error, interval),
                None => error,
            });
        }
        if let Some((code, description)) = self.bearer_challenge() {
            return Some(self.oauth_error(
                self.shown(&code.into(), 100),
                description.map(|text| self.shown(&text.into(), EXPLANATION_LENGTH)),
            ));
        }
        match self.status {
            StatusCode::OK => None,
            StatusCode::NOT_FOUND => Some(Error::Protocol {
                operation: self.operation,
                url: self.url.clone(),
                reason: NOTHING_THERE.to_owned(),
            }),
            _ if object.is_some() => {
                Some(self.unexpected("which is not the answer that the protocol has for this".to_owned()))
            }
            _ => Some(self.not_an_object()),
        }
    }

    /// `error` and `error_description` of a `WWW-Authenticate: Bearer` header (RFC 6750 section 3).
    fn bearer_challenge(&self) -> Option<(String, Option<String>)> {
        let challenge = self.headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
        let (scheme, parameters) = challenge.split_once(' ')?;
        if self.status.is_success() || !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let parameter = |name: &str| {
            let value = parameters.split_once(&format!("{name}=\""))?.1;
            Some(value.split_once('"')?.0.to_owned())
        };
        Some((parameter("error")?, parameter("error_description")))
    }

    fn redirected(&self, url: &Url) -> Error {
        let target =
            self.header(&LOCATION).and_then(|location| url.join(location).ok()).map_or_else(String::new, |target| {
                format!(" to {}", text::printable(&self.sent.redacted(&target.origin().ascii_serialization())))
            });
        Error::Protocol {
            operation: self.operation,
            url: self.url.clone(),
            reason: format!(
                "unexpected redirect{target} ({}), which is not followed because the credentials would go along: check the server's URL",
                self.status.as_u16()
            ),
        }
    }

    fn not_an_object(&self) -> Error {
        let content_type = match self.header(&CONTENT_TYPE) {
            Some(content_type) => text::excerpt(&self.sent.redacted(content_type), 100),
            None => "no content type".to_owned(),
        };
        let body = String::from_utf8_lossy(&self.body);
        let body = match self.sent.redacted(body.trim()) {
            body if body.is_empty() => "an empty body".to_owned(),
            // An answer that was meant to carry a token may carry one, whatever else is wrong with it.
            _ if self.status.is_success() && !self.sent.is_empty() => "a body that is not shown".to_owned(),
            body => format!("a body that begins: {}", text::excerpt(&body, EXCERPT_LENGTH)),
        };
        self.unexpected(format!("which is not a JSON object ({content_type}; {body})"))
    }

    /// A member of an error answer as one safe line, whatever its type.
    fn shown(&self, value: &Value, limit: usize) -> String {
        match value {
            Value::String(text) => text::excerpt(&self.sent.redacted(text), limit),
            other => text::excerpt(&self.sent.redacted(&other.to_string()), limit),
        }
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn unexpected(&self, reason: String) -> Error {
        Error::Response {
            operation: self.operation,
            url: self.url.clone(),
            status: self.status.as_u16(),
            reason,
            retry_after: retry_after(self.status, &self.headers),
        }
    }

    fn oauth_error(&self, code: String, description: Option<String>) -> Error {
        Error::OAuth {
            operation: self.operation,
            url: self.url.clone(),
            status: self.status.as_u16(),
            code,
            description,
            retry_after: retry_after(self.status, &self.headers),
        }
    }
}

/// The `slow_down` of a device flow may name the new interval in its body (RFC 8628 section 3.5).
fn slowed_down(mut error: Error, interval: f64) -> Error {
    if let Error::OAuth { code, retry_after, .. } = &mut error
        && code == "slow_down"
    {
        let interval = Duration::try_from_secs_f64(interval).ok();
        *retry_after = (*retry_after).max(interval.map(|interval| interval.min(LONGEST_WAIT)));
    }
    error
}

/// A number of seconds, which some servers write as a string.
pub(crate) fn seconds(value: &Value) -> Option<f64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds.filter(|seconds: &f64| seconds.is_finite())
}
