//! Reads the answers of an OAuth server; no other module does.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use http_auth::ChallengeParser;
use serde_json::{Map, Value};
use url::Url;

use super::body::read_whole_body;
use super::retry::{LONGEST_WAIT, retry_after};
use super::sent_secrets::SentSecrets;
use crate::error::{Error, Result};
use crate::json::{into_text, is_empty_value, members, seconds, value};
use crate::text;

/// How many characters of an unreadable body we show.
const EXCERPT_LENGTH: usize = 200;

/// Stands for the text of an answer that may contain a secret of its request.
const NOT_SHOWN: &str = "the rest is not shown, because it may repeat a secret of the request";

/// The error codes of RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section
/// 2.2.1 and RFC 8628 section 3.5. None of them is a secret.
const KNOWN_CODES: [&str; 16] = [
    "access_denied",
    "authorization_pending",
    "expired_token",
    "insufficient_scope",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_token",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "unsupported_token_type",
];

/// The members of an answer that are secret.
const GRANTED_SECRETS: [&str; 4] = ["access_token", "refresh_token", "id_token", "device_code"];

/// An answer with status 200, 201 or 204.
pub(crate) struct Answer {
    pub(crate) operation: &'static str,
    /// The URL, safe to print.
    pub(crate) url: String,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    sent: SentSecrets,
}

impl Answer {
    /// Reads a response; every status but 200, 201 and 204 becomes the error that it means. The error
    /// shows nothing of an answer that contains one of the `sent` secrets, because a careless server
    /// echoes them.
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
            return Err(answer.redirect(url));
        }
        match read_whole_body(operation, response).await? {
            Some(body) => answer.body = body,
            None => return Err(answer.unexpected("with a body larger than 1 MiB".to_owned())),
        }
        answer.check()?;
        Ok(answer)
    }

    /// Returns the body as a JSON object. We refuse an object that names a member twice, because
    /// the next reader might take the other value.
    pub(crate) fn object(&self) -> Result<Map<String, Value>> {
        let members = members(&self.body).ok_or_else(|| self.not_an_object())?;
        let count = members.len();
        let object: Map<String, Value> = members
            .into_iter()
            .map(|(name, written)| (name, value(written)))
            .collect();
        if object.len() < count {
            return Err(self.unreadable("which names a member twice"));
        }
        Ok(object)
    }

    /// Creates the error for an answer that we could read and do not accept.
    pub(crate) fn refused(&self, reason: &str) -> Error {
        Error::permanent(format!("{}: {}: {reason}", self.operation, self.url))
    }

    /// Returns the error that this answer means, if it means one.
    fn check(&self) -> Result<()> {
        let members = members(&self.body);
        let member = |name: &str| {
            let mut members = members.iter().flatten().rev();
            let (_, written) = members.find(|(known, _)| known == name)?;
            Some(value(written)).filter(|value| !is_empty_value(value))
        };
        // Some servers answer 200 with an error in the body.
        if let Some(code) = member("error").map(into_text) {
            let description = member("error_description").map(into_text);
            // The server may name the new interval in the body (RFC 8628 section 3.5).
            let interval = member("interval").filter(|_| code == "slow_down");
            let wait = interval.as_ref().and_then(seconds);
            return Err(self.oauth_error(&code, description.as_deref(), wait));
        }
        if let Some((code, description)) = self.bearer_challenge() {
            return Err(self.oauth_error(&code, description.as_deref(), None));
        }
        // Okta writes the code for an unknown client into a member of its own format.
        let other_code = member("errorCode");
        let other_code = other_code.as_ref().and_then(Value::as_str);
        if let Some(code) = other_code.filter(|code| KNOWN_CODES.contains(code)) {
            let description = member("errorSummary").map(into_text);
            return Err(self.oauth_error(code, description.as_deref(), None));
        }
        match self.status {
            // Some servers answer 201, because they have created a token, or 204 to a revocation.
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            StatusCode::NOT_FOUND => {
                let content = match members {
                    Some(_) => format!(" ({})", self.content()),
                    None => String::new(),
                };
                Err(self.wrong_server(format!("there is nothing at this address{content}")))
            }
            _ if members.is_some() => Err(self.unreadable("which is not an OAuth answer")),
            _ => Err(self.not_an_object()),
        }
    }

    /// Returns `error` and `error_description` of the first Bearer challenge that has them (RFC
    /// 6750 section 3), from all `WWW-Authenticate` headers.
    fn bearer_challenge(&self) -> Option<(String, Option<String>)> {
        if self.status.is_success() {
            return None;
        }
        let mut headers = self
            .headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|header| header.to_str().ok());
        headers.find_map(|header| {
            let challenges = ChallengeParser::new(header).map_while(Result::ok);
            let mut bearer =
                challenges.filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"));
            bearer.find_map(|challenge| {
                let parameter = |name: &str| {
                    let (_, value) = challenge
                        .params
                        .iter()
                        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                    Some(value.to_unescaped())
                };
                Some((parameter("error")?, parameter("error_description")))
            })
        })
    }

    fn redirect(&self, url: &Url) -> Error {
        let target = self
            .header(&LOCATION)
            .and_then(|location| url.join(location).ok())
            .filter(|_| !self.repeats_a_secret())
            .map_or_else(String::new, |target| {
                let origin = target.origin().ascii_serialization();
                format!(" to {}", text::printable(&origin))
            });
        self.wrong_server(format!(
            "a redirect{target}, which we do not follow because the credentials would go along"
        ))
    }

    /// Returns whether anything in the answer may contain a secret of the request.
    fn repeats_a_secret(&self) -> bool {
        let headers = self.headers.values().map(HeaderValue::as_bytes);
        headers
            .chain([self.body.as_slice()])
            .any(|bytes| self.sent.may_be_in(&String::from_utf8_lossy(bytes)))
    }

    fn wrong_server(&self, reason: String) -> Error {
        Error::WrongServer {
            operation: self.operation,
            url: self.url.clone(),
            status: Some(self.status.as_u16()),
            reason,
        }
    }

    fn not_an_object(&self) -> Error {
        self.unreadable("which is not a JSON object")
    }

    /// Builds an error that also shows what arrived instead.
    fn unreadable(&self, reason: &str) -> Error {
        self.unexpected(format!("{reason} ({})", self.content()))
    }

    /// Returns the content type and the beginning of the body, as far as they may be shown.
    fn content(&self) -> String {
        if self.repeats_a_secret() {
            return NOT_SHOWN.to_owned();
        }
        let content_type = match self.header(&CONTENT_TYPE) {
            Some(content_type) => text::excerpt(content_type, 100),
            None => "no content type".to_owned(),
        };
        let body = String::from_utf8_lossy(&self.body);
        let coding = self
            .header(&CONTENT_ENCODING)
            .filter(|coding| !coding.eq_ignore_ascii_case("identity"));
        let body = match (body.trim(), coding) {
            ("", _) => "an empty body".to_owned(),
            (_, Some(coding)) => format!(
                "a body with Content-Encoding {}, which we did not ask for",
                text::excerpt(coding, 100)
            ),
            // An answer that was meant to carry a token may still contain one, so we do not show
            // it. Neither do we show the error of a gateway that quotes such an answer.
            _ if !self.sent.asked_in_public()
                && (self.status.is_success() || names_a_granted_secret(&body)) =>
            {
                "a body that is not shown".to_owned()
            }
            (body, None) => format!(
                "a body that begins: {}",
                text::excerpt(body, EXCERPT_LENGTH)
            ),
        };
        format!("{content_type}; {body}")
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

    /// Builds the error with this code. Its wait is the one that the headers ask for, or `wait` if
    /// that is longer.
    fn oauth_error(&self, code: &str, description: Option<&str>, wait: Option<Duration>) -> Error {
        let wait = wait.map(|wait| wait.min(LONGEST_WAIT));
        let (code, description) = if self.repeats_a_secret() {
            let known = KNOWN_CODES.into_iter().find(|known| *known == code);
            let code = known.unwrap_or("[not shown]").to_owned();
            (code, Some(NOT_SHOWN.to_owned()))
        } else {
            (
                text::excerpt(code, 100),
                text::explanation(code, description, self.sent.scope.as_deref()),
            )
        };
        Error::OAuth {
            operation: self.operation,
            url: self.url.clone(),
            status: self.status.as_u16(),
            code,
            description,
            retry_after: retry_after(self.status, &self.headers).max(wait),
        }
    }
}

/// Returns whether a text has a secret that a server grants, as a member of JSON (quoted in another
/// JSON, too) or as a parameter of a form.
fn names_a_granted_secret(text: &str) -> bool {
    GRANTED_SECRETS.iter().any(|name| {
        let after_it = text.split(name).skip(1);
        after_it
            .map(|rest| rest.trim_start_matches('\\'))
            .any(|rest| rest.starts_with(['"', '=']))
    })
}
