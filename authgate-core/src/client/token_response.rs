//! Reads the token endpoint's answer leniently and makes it a [`Token`].

use std::time::Duration;

use serde_json::Value;

use crate::clock::Moment;
use crate::error::Result;
use crate::http::Answer;
use crate::json::seconds;
use crate::secret::Secret;
use crate::token::{Token, read_scope};

/// A longer token is refused: no server issues one, and a few of them would fill the file that all
/// clients share.
const LONGEST_TOKEN: usize = 64 * 1024;

/// Reads the token in an answer (RFC 6749 section 5.1). Members of another type than the RFC's
/// count as missing.
pub(super) fn read(answer: &Answer, obtained: Moment) -> Result<Token> {
    let mut object = answer.object()?;
    let lifetime = object.get("expires_in").and_then(lifetime);
    let scope = object.get("scope").and_then(read_scope);
    // Take the member out instead of copying it: a copy that stays in the answer would not be
    // wiped.
    let mut member = |name: &str| match object.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let Some(access_token) = member("access_token").map(Secret::from) else {
        return Err(answer.refused("the answer has no access_token"));
    };
    if !access_token.is_visible_ascii() {
        return Err(answer.refused("the access_token has characters that no token has"));
    }
    match member("token_type") {
        // RFC 6749 section 5.1 requires it; a server that leaves it out means the common type.
        None => {
            tracing::warn!(
                operation = answer.operation,
                url = answer.url,
                "the answer has no token_type: taken for Bearer"
            );
        }
        Some(bearer) if bearer.eq_ignore_ascii_case("bearer") => {}
        Some(other) => {
            let known = ["DPoP", "PoP", "MAC", "N_A"]
                .into_iter()
                .find(|known| other.eq_ignore_ascii_case(known));
            let other = known.unwrap_or("not one that we know");
            return Err(answer.refused(&format!(
                "the token's type is {other}, and this client can only use Bearer"
            )));
        }
    }
    let refresh_token = member("refresh_token").map(Secret::from);
    let id_token = member("id_token").map(Secret::from);
    let tokens = [
        ("access_token", Some(&access_token)),
        ("refresh_token", refresh_token.as_ref()),
        ("id_token", id_token.as_ref()),
    ];
    for (name, token) in tokens {
        if token.is_some_and(|token| token.expose().len() > LONGEST_TOKEN) {
            return Err(answer.refused(&format!("the {name} is larger than 64 KiB")));
        }
    }
    tracing::info!(
        operation = answer.operation,
        expires_in = lifetime.map(|lifetime| lifetime.as_secs()),
        "the server issued a token"
    );
    Ok(Token {
        access_token,
        refresh_token,
        id_token,
        token_type: "Bearer".to_owned(),
        scope,
        obtained,
        lifetime,
    })
}

/// Reads seconds as a number or as digits in a string; `null` means that the server did not say. A
/// value that is not a number, or is negative, counts as zero: the token serves the call that
/// fetched it, and a `TokenSource` uses it for a few seconds.
fn lifetime(value: &Value) -> Option<Duration> {
    if value.is_null() {
        return None;
    }
    let lifetime = seconds(value).unwrap_or_default();
    Some(Duration::from_secs(lifetime.as_secs()))
}
