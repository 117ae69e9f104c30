//! Checks the authorization response (RFC 6749 section 4.1.2).

use url::form_urlencoded;

use super::redirect_uri::RedirectUri;
use crate::discovery::Issuer;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text;

/// The longest code that we accept, in bytes. No server's code is nearly as long.
const MAX_CODE_LENGTH: usize = 4096;

/// The values that an authorization response must have to belong to this login.
#[derive(Debug)]
pub(super) struct ExpectedResponse {
    pub(super) state: Secret,
    /// The issuer, if known.
    pub(super) issuer: Option<Issuer>,
    /// Whether the server has promised to name its issuer (RFC 9207 section 3).
    pub(super) issuer_required: bool,
    /// The redirect URI of the request.
    pub(super) redirect_uri: RedirectUri,
    /// The scopes of the request, which an error names.
    pub(super) scope: String,
}

impl ExpectedResponse {
    /// Returns the code of an authorization response, or the error that ends the login. Returns
    /// `None` if the query is not a response to this login.
    ///
    /// Any program can send an `error`, which must not end the login, so the state is checked
    /// first.
    pub(super) fn check(&self, query: &str) -> Option<Result<Secret>> {
        let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let values = |name: &str| {
            parameters
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| &**value)
                .collect()
        };
        let state: Vec<&str> = values("state");
        match state[..] {
            [state] if Secret::from(state) == self.state => {}
            _ => return None,
        }
        let [codes, errors, issuers, descriptions]: [Vec<&str>; 4] =
            ["code", "error", "iss", "error_description"].map(values);
        Some(
            self.check_issuer(&issuers)
                .and_then(|()| match (&codes[..], &errors[..]) {
                    ([code], []) if is_code(code) && !has_broken_escape(query) => {
                        Ok(Secret::from(*code))
                    }
                    ([], [error]) if !error.is_empty() && descriptions.len() <= 1 => {
                        Err(self.refusal(error, descriptions.first().copied()))
                    }
                    ([_], []) => unusable("an empty or malformed code"),
                    ([], []) => unusable("neither a code nor an error"),
                    ([_], [_]) => unusable("both a code and an error"),
                    _ => unusable("an empty or repeated parameter"),
                }),
        )
    }

    /// Checks the issuer (RFC 9207 section 2.4), because a code from another server must not be
    /// sent to this one.
    fn check_issuer(&self, issuers: &[&str]) -> Result<()> {
        match (issuers, &self.issuer) {
            ([], _) if self.issuer_required => {
                unusable("no iss parameter, although this server says that it sends one (RFC 9207)")
            }
            ([], _) | ([_], None) => Ok(()),
            ([named], Some(issuer)) if issuer.matches(named) => Ok(()),
            ([named], Some(_)) => unusable(&format!(
                "the response of another server, {}, in a possible mix-up attack (RFC 9207)",
                text::excerpt(named, 200)
            )),
            _ => unusable("more than one iss parameter"),
        }
    }

    fn refusal(&self, code: &str, description: Option<&str>) -> Error {
        let explanation = text::explanation(code, description, Some(&self.scope));
        match code {
            "access_denied" => Error::Denied {
                description: explanation,
            },
            code => Error::LoginRefused {
                code: text::excerpt(code, 100),
                // AuthGate's "invalid redirect_uri" does not say which one it got.
                description: explanation.map(|text| {
                    if text.contains("redirect") && !text.contains(self.redirect_uri.as_str()) {
                        format!("{text}: {}", self.redirect_uri)
                    } else {
                        text
                    }
                }),
            },
        }
    }
}

fn unusable<T>(reason: &str) -> Result<T> {
    Err(Error::Callback {
        reason: reason.to_owned(),
    })
}

/// Returns whether the code is visible ASCII (RFC 6749 appendix A.11). Invalid UTF-8 was decoded as
/// U+FFFD, which is not ASCII.
fn is_code(code: &str) -> bool {
    (1..=MAX_CODE_LENGTH).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

/// Returns whether a `%` lacks its two hexadecimal digits. The URL parser would keep such a `%`
/// unchanged.
fn has_broken_escape(query: &str) -> bool {
    query.split('%').skip(1).any(|rest| {
        let digits = rest.as_bytes().get(..2).unwrap_or_default();
        digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit)
    })
}
