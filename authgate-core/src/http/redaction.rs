//! Removes the secrets of a request from the text of its answer.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use url::form_urlencoded::{byte_serialize, parse};

use crate::secret::Secret;

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

/// The secrets of a request, which its answer must not show again, in every spelling in which a
/// careless server may echo them.
#[derive(Clone)]
pub(super) struct SentSecrets {
    spellings: Vec<Secret>,
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
        let spellings: BTreeSet<String> = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .flat_map(spellings)
            .collect();
        let mut spellings: Vec<Secret> = spellings.into_iter().map(Secret::from).collect();
        // The longest comes first, because one secret may be a part of another.
        spellings.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self {
            spellings,
            is_form: !form.is_empty(),
        }
    }

    /// Returns whether anybody could have sent this request, so that its answer is public. A form
    /// is never public: even without a secret, the server answers it with a token or a code.
    pub(super) fn asked_in_public(&self) -> bool {
        self.spellings.is_empty() && !self.is_form
    }

    pub(super) fn redacted(&self, text: &str) -> String {
        self.spellings.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.expose(), "[redacted]")
        })
    }
}

/// Reads the secret from Basic credentials, without the form-encoding of RFC 6749 section 2.3.1.
fn password(credentials: &str) -> Option<String> {
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    parse(password.as_bytes())
        .next()
        .map(|(password, _)| password.into_owned())
}

fn spellings(secret: &String) -> [String; 6] {
    let form_encoded: String = byte_serialize(secret.as_bytes()).collect();
    let json = serde_json::Value::from(secret.as_str()).to_string();
    [
        secret.clone(),
        form_encoded.replace('+', "%20"),
        form_encoded,
        json[1..json.len() - 1].to_owned(),
        in_html(secret, "&quot;", "&#x27;"),
        in_html(secret, "&#34;", "&#39;"),
    ]
}

/// Escapes a secret as a page shows it; the caller chooses one of the ways to write the quotes.
fn in_html(secret: &str, quote: &str, apostrophe: &str) -> String {
    let escaped = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    escaped.replace('"', quote).replace('\'', apostrophe)
}
