//! Finds the secrets of a request in the text of its answer.

use std::cell::Cell;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use url::form_urlencoded::parse;

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

/// We do not look for a shorter value, because almost every text contains it by chance.
const SHORTEST_SECRET: usize = 4;
/// How often a text is decoded. A secret in a form, in a page, in JSON takes three.
const LAYERS: u32 = 4;
/// How many bytes are searched, decoded texts included, before we take a secret for found. A
/// server could otherwise keep us busy with escapes in escapes; a real error answer has far less.
const SEARCH_LIMIT: usize = 4 * 1024 * 1024;

/// Base64 without padding, which the search leaves out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The secrets of a request. A careless server echoes them, and then its answer is not shown.
#[derive(Clone)]
pub(super) struct SentSecrets {
    secrets: Vec<Secret>,
    /// The scopes that the request asks for. They are no secret, and an error names them.
    scope: Option<String>,
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

    /// Returns the scopes that the request asks for.
    pub(super) fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
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

/// A form writes a blank as `+`, so the two are the same to us, and so are the cases of a letter: a
/// server may print a GUID in its own case.
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

/// Returns the text without the escapes of URLs, of JSON and of HTML, each if it has such escapes.
fn without_escapes(text: &str) -> impl Iterator<Item = String> {
    let kinds: [(char, ReadEscape); 3] = [
        ('%', percent_escape),
        ('\\', json_escape),
        ('&', html_escape),
    ];
    kinds
        .into_iter()
        .filter_map(|(mark, read)| replace_escapes(text, mark, read))
}

/// Reads an escape after its first character; returns what it stands for and the text after it.
type ReadEscape = fn(&str) -> Option<(Vec<u8>, &str)>;

fn replace_escapes(text: &str, mark: char, read: ReadEscape) -> Option<String> {
    let mut decoded = Vec::new();
    let mut has_escapes = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        decoded.extend_from_slice(before.as_bytes());
        rest = after;
        if let Some((bytes, after)) = read(after) {
            decoded.extend(bytes);
            rest = after;
            has_escapes = true;
        } else {
            decoded.extend(encoded(mark));
        }
    }
    decoded.extend_from_slice(rest.as_bytes());
    has_escapes.then(|| String::from_utf8_lossy(&decoded).into_owned())
}

/// Reads the two digits of `%2F`.
fn percent_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let (byte, rest) = hexadecimal(text, 2)?;
    Some((vec![u8::try_from(byte).ok()?], rest))
}

/// Reads the rest of `\/`, `\n` or `\u002f` (RFC 8259 section 7), or of `\x2f`, which JavaScript, PHP
/// and Python write.
fn json_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut characters = text.chars();
    let character = match characters.next()? {
        'u' => return utf16_escape(characters.as_str()),
        'x' => return percent_escape(characters.as_str()),
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other @ ('"' | '\'' | '\\' | '/') => other,
        _ => return None,
    };
    Some((encoded(character), characters.as_str()))
}

/// Reads the digits of `\u002f`, or of the two escapes that stand for one character together.
fn utf16_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let (unit, rest) = hexadecimal(text, 4)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((encoded(character), rest));
    }
    let (second, rest) = hexadecimal(rest.strip_prefix("\\u")?, 4)?;
    let units = [u16::try_from(unit).ok()?, u16::try_from(second).ok()?];
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((encoded(character), rest))
}

/// Reads the rest of `&amp;`, `&#47;` or `&#x2F;`.
fn html_escape(text: &str) -> Option<(Vec<u8>, &str)> {
    const LONGEST: usize = 10;
    /// Each name and its character.
    const NAMED: &str = "amp& lt< gt> quot\" apos' plus+ sol/ equals= percnt% num# dollar$ excl! colon: semi; quest? \
         commat@ lowbar_ lpar( rpar) lsqb[ rsqb] lcub{ rcub} comma, period. ast* bsol\\ Hat^ grave` vert|";

    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let (name, rest) = (&text[..end], &text[end + 1..]);
    let character = if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        char::from_u32(number.ok()?)?
    } else {
        let named = NAMED.split(' ').filter_map(|one| one.strip_prefix(name));
        let mut characters = named.filter_map(|character| character.parse().ok());
        characters.next()?
    };
    Some((encoded(character), rest))
}

fn hexadecimal(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = is_number.then(|| u32::from_str_radix(number, 16).ok())??;
    Some((number, rest))
}

fn encoded(character: char) -> Vec<u8> {
    character.to_string().into_bytes()
}

/// Decodes every part of the text that may be base64, of either alphabet and broken into lines. A
/// part may begin with other letters, so we begin at each of its first four.
fn from_base64(text: &str) -> impl Iterator<Item = String> {
    /// Fewer characters cannot encode a secret.
    const SHORTEST_RUN: usize = SHORTEST_SECRET * 4 / 3;

    let is_in_run = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_\r\n".contains(byte);
    let runs: Vec<Vec<u8>> = text
        .as_bytes()
        .split(move |byte| !is_in_run(byte))
        .filter(|run| run.len() >= SHORTEST_RUN)
        .map(|run| {
            let characters = run.iter().filter(|byte| !b"\r\n".contains(byte));
            characters
                .map(|byte| match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => *other,
                })
                .collect()
        })
        .collect();
    (0..4).filter_map(move |skipped| {
        let mut decoded = String::new();
        for run in &runs {
            let mut characters = run.get(skipped..).unwrap_or_default();
            // One character alone encodes nothing.
            if characters.len() % 4 == 1 {
                characters = &characters[..characters.len() - 1];
            }
            let bytes = BASE64.decode(characters).unwrap_or_default();
            decoded.push_str(&String::from_utf8_lossy(&bytes));
            decoded.push('\n');
        }
        (!runs.is_empty()).then_some(decoded)
    })
}
