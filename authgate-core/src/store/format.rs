//! The text form of a stored token, and the record beside it.
//!
//! All of AuthGate's clients share the text, so it has exactly the keys that the strictest of them
//! accepts. It has no room for the issuer, the scope and the ID token, so we store those in a
//! record of our own. The record names its token by a digest, because another client that saves a
//! new token does not know of the record.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::object::{Object, quoted};
use super::{LARGEST_WHOLE_NUMBER, StoredToken};
use crate::jwt::unverified_claim;
use crate::secret::Secret;

/// The time that Go writes if no time was set.
const UNSET_TIME_OF_GO: &str = "0001-01-01T00:00:00Z";

/// Parses the token in `text`, and completes it from the one of `records` that belongs to it, if any.
/// Returns `None` if there is no usable token.
pub(super) fn read<'a>(
    text: &str,
    records: impl IntoIterator<Item = &'a str>,
) -> Option<StoredToken> {
    let entry = Object::parse(text)?;
    let access_token = entry.string("access_token").map(Secret::from)?;
    if !access_token.is_visible_ascii() {
        return None;
    }
    let token_type = entry
        .string("token_type")
        .unwrap_or_else(|| "Bearer".to_owned());
    if !token_type.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let record = records
        .into_iter()
        .find_map(|record| read_record(record, &access_token))
        .unwrap_or_default();
    let from_either = |name| record.string(name).or_else(|| entry.string(name));
    Some(StoredToken {
        refresh_token: entry.string("refresh_token").map(Secret::from),
        token_type,
        expires_at: entry.get("expires_at").and_then(time),
        // The token itself knows best who issued it.
        issuer: unverified_claim(&access_token, "iss").or_else(|| record.string("issuer")),
        scope: from_either("scope"),
        id_token: from_either("id_token").map(Secret::from),
        // Empty if the login requested no scopes; missing if another client saved it.
        requested_scope: record
            .get("requested_scope")
            .and_then(|scope| serde_json::from_str(scope).ok()),
        requested_parameters: record.string("requested_parameters"),
        logged_in_at: record.get("logged_in_at").and_then(time),
        access_token,
    })
}

/// Returns whether `text` is an object that certainly has no token.
pub(super) fn has_no_token(text: &str) -> bool {
    let is_empty = |value: Option<&str>| matches!(value, None | Some("null" | r#""""#));
    Object::parse(text).is_some_and(|entry| {
        is_empty(entry.get("access_token")) && is_empty(entry.get("refresh_token"))
    })
}

/// Formats `token` as the text that replaces `previous`.
///
/// Go's client reads only its own time format, and Python's reads only a number. We assume that the
/// client that wrote the previous text reads the next one too, so we use its format.
pub(super) fn write(
    client_id: &str,
    token: &StoredToken,
    previous: Option<&str>,
) -> Zeroizing<String> {
    let previous = previous.and_then(Object::parse).unwrap_or_default();
    let notation_of_go = is_in_notation_of_go(&previous);

    let mut members = vec![
        ("access_token", quoted(token.access_token.expose())),
        (
            "refresh_token",
            quoted(token.refresh_token.as_ref().map_or("", Secret::expose)),
        ),
        ("token_type", quoted(&token.token_type)),
        (
            "expires_at",
            if notation_of_go {
                time_of_go(token.expires_at)
            } else {
                token.expires_at.unwrap_or(0).into()
            },
        ),
        ("client_id", quoted(client_id)),
    ];
    if notation_of_go && previous.get("scope").is_some() {
        members.push(("scope", quoted(token.scope.as_deref().unwrap_or(""))));
    }
    if notation_of_go && previous.get("id_token").is_some() {
        members.push((
            "id_token",
            quoted(token.id_token.as_ref().map_or("", Secret::expose)),
        ));
    }
    object(&members)
}

/// Formats the record beside the text. Returns `None` if there is nothing to store in it.
pub(super) fn write_record(token: &StoredToken) -> Option<Zeroizing<String>> {
    let known = [
        ("issuer", token.issuer.as_deref()),
        ("scope", token.scope.as_deref()),
        ("requested_scope", token.requested_scope.as_deref()),
        (
            "requested_parameters",
            token.requested_parameters.as_deref(),
        ),
        ("id_token", token.id_token.as_ref().map(Secret::expose)),
    ];
    let mut members = vec![(
        "access_token_sha256",
        quoted(&digest(token.access_token.expose())),
    )];
    members.extend(
        known
            .into_iter()
            .filter_map(|(key, value)| Some((key, quoted(value?)))),
    );
    let logged_in_at = token.logged_in_at.map(Value::from);
    members.extend(logged_in_at.map(|time| ("logged_in_at", time)));
    (members.len() > 1).then(|| object(&members))
}

/// Formats a JSON object with the spacing that Python uses.
fn object(members: &[(&str, Value)]) -> Zeroizing<String> {
    let members: Vec<String> = members
        .iter()
        .map(|(key, value)| format!(r#""{key}": {value}"#))
        .collect();
    Zeroizing::new(format!("{{{}}}", members.join(", ")))
}

/// Parses the record if it belongs to this very token.
fn read_record(record: &str, access_token: &Secret) -> Option<Object> {
    let record = Object::parse(record)?;
    (record.string("access_token_sha256")? == digest(access_token.expose())).then_some(record)
}

/// Parses a time in any format into seconds since 1970. Returns `None`, which means unknown, if
/// it cannot be parsed or is 0.
fn time(text: &str) -> Option<u64> {
    let seconds = match serde_json::from_str(text).ok()? {
        Value::Number(number) => whole(number.as_f64()?),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => whole(number),
            Err(_) => u64::try_from(text.parse::<Timestamp>().ok()?.as_second()).ok()?,
        },
        _ => return None,
    };
    Some(seconds).filter(|&seconds| seconds > 0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and NaN becomes 0"
)]
fn whole(number: f64) -> u64 {
    (number as u64).min(LARGEST_WHOLE_NUMBER)
}

fn is_in_notation_of_go(entry: &Object) -> bool {
    entry
        .string("expires_at")
        .is_some_and(|text| text.parse::<Timestamp>().is_ok())
}

fn time_of_go(expires_at: Option<u64>) -> Value {
    let time =
        expires_at.and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
    time.map_or_else(|| UNSET_TIME_OF_GO.into(), |time| time.to_string().into())
}

fn digest(access_token: &str) -> String {
    format!("{:x}", Sha256::digest(access_token))
}
