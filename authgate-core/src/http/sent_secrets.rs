//! Finds the secrets of a request in the text of its answer.

mod encodings;

use std::cell::Cell;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use url::form_urlencoded::parse;

use crate::secret::Secret;
use encodings::{from_base64, without_escapes};

/// The request parameters that are not secret, and whose values an explanation may need.
const PUBLIC_PARAMETERS: [&str; 8] = [
    "grant_type",
    "client_id",
    "scope",
    "redirect_uri",
    "audience",
    "resource",
    "token_type_hint",
    "response_type",
];

/// We do not look for a shorter value, because almost every text contains it by chance.
const SHORTEST_SECRET: usize = 4;
/// How often a text is decoded. A secret in a form, in a page, in JSON takes three.
const LAYERS: u32 = 4;
/// How many bytes are searched, decoded texts included, before we take a secret for found. A
/// server could otherwise keep us busy with escapes in escapes; a real error answer has far less.
const SEARCH_LIMIT: usize = 4 * 1024 * 1024;

/// The secrets of a request. A careless server echoes them, and then its answer is not shown.
pub(super) struct SentSecrets {
    secrets: Vec<Secret>,
    /// The scopes that the request asks for. They are no secret, and an error names them.
    pub(super) scope: Option<String>,
    is_form: bool,
}

impl SentSecrets {
    pub(super) fn of(request: &reqwest::Request) -> Self {
        let form = request
            .body()
            .and_then(reqwest::Body::as_bytes)
            .unwrap_or_default();
        let mut secrets: Vec<String> = parse(form)
            .filter(|(name, _)| !PUBLIC_PARAMETERS.contains(&name.as_ref()))
            .map(|(_, value)| value.into_owned())
            .collect();
        let authorization = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if let Some((scheme, credentials)) = authorization.and_then(|value| value.split_once(' ')) {
            secrets.push(credentials.to_owned());
            if scheme == "Basic" {
                secrets.extend(password(credentials));
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        // A server that escapes only some characters leaves a text that decodes to a decoded secret.
        let decoded: Vec<String> = secrets
            .iter()
            .flat_map(|secret| without_escapes(secret))
            .collect();
        secrets.extend(decoded);
        let scope = parse(form).find(|(name, _)| name == "scope");
        Self {
            secrets: secrets.iter().map(|secret| comparable(secret)).collect(),
            scope: scope.map(|(_, scope)| scope.into_owned()),
            is_form: !form.is_empty(),
        }
    }

    /// Returns whether anybody could have sent this request, so that its answer is public. A form
    /// is never public: even without a secret, the server answers it with a token or a code.
    pub(super) fn asked_in_public(&self) -> bool {
        self.secrets.is_empty() && !self.is_form
    }

    /// Returns whether a text contains one of the secrets, as it is or encoded for a URL, a form,
    /// JSON or HTML or in base64, also in one another. If that takes too long to find out, says yes.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        // In UTF-16, every second byte of ASCII is zero.
        let text = text.replace('\0', "");
        !self.secrets.is_empty() && self.is_found(&text, LAYERS, &Cell::new(SEARCH_LIMIT))
    }

    fn is_found(&self, text: &str, layers: u32, budget: &Cell<usize>) -> bool {
        let Some(left) = budget.get().checked_sub(text.len()) else {
            return true;
        };
        budget.set(left);
        let comparable = comparable(text);
        let is_here = self.secrets.iter().any(|secret| {
            secret.expose().len() >= SHORTEST_SECRET
                && comparable.expose().contains(secret.expose())
        });
        is_here
            || layers > 0
                && without_escapes(text)
                    .chain(from_base64(text))
                    .any(|decoded| self.is_found(&decoded, layers - 1, budget))
    }
}

/// Makes two spellings of a secret equal: a form writes a blank as `+`, and a server may print a GUID
/// in either letter case.
fn comparable(text: &str) -> Secret {
    Secret::from(text.replace('+', " ").to_ascii_lowercase())
}

/// Reads the secret from Basic credentials, without the form-encoding of RFC 6749 section 2.3.1.
fn password(credentials: &str) -> Option<String> {
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    parse(password.as_bytes())
        .next()
        .map(|(password, _)| password.into_owned())
}
