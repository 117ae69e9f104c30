//! The server's answer to an introspection request.

use serde_json::{Map, Value};

use crate::token::read_scope;

/// A server's description of a token (RFC 7662 section 2.2).
///
/// Only `active` is always there. A member of another type than the RFC's is in `other`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token can be used. If it cannot, all other fields are empty.
    pub active: bool,
    /// The token's scopes, separated by spaces.
    pub scope: Option<String>,
    /// The client that the token was issued to.
    pub client_id: Option<String>,
    /// The readable name of the user who authorized the token.
    pub username: Option<String>,
    /// The token's type, such as `Bearer`.
    pub token_type: Option<String>,
    /// The token's expiry in epoch seconds.
    pub exp: Option<i64>,
    /// When the token was issued, in epoch seconds.
    pub iat: Option<i64>,
    /// The moment in epoch seconds before which the token cannot be used.
    pub nbf: Option<i64>,
    /// The subject that the token belongs to.
    pub sub: Option<String>,
    /// The APIs that the token is for.
    pub aud: Vec<String>,
    /// The issuer.
    pub iss: Option<String>,
    /// The token's own identifier.
    pub jti: Option<String>,
    /// All other members of the answer, as the server wrote them.
    pub other: Map<String, Value>,
}

impl Introspection {
    pub(super) fn read(mut object: Map<String, Value>) -> Self {
        let active = object.remove("active").and_then(|active| active.as_bool());
        // We must not trust other members of an inactive token, even if a server sends them.
        if active != Some(true) {
            return Self::default();
        }
        Self {
            active: true,
            scope: take(&mut object, "scope", read_scope),
            client_id: take(&mut object, "client_id", text),
            username: take(&mut object, "username", text),
            token_type: take(&mut object, "token_type", text),
            exp: take(&mut object, "exp", Value::as_i64),
            iat: take(&mut object, "iat", Value::as_i64),
            nbf: take(&mut object, "nbf", Value::as_i64),
            sub: take(&mut object, "sub", text),
            aud: take(&mut object, "aud", one_or_more).unwrap_or_default(),
            iss: take(&mut object, "iss", text),
            jti: take(&mut object, "jti", text),
            other: object,
        }
    }
}

/// Moves a member out of the answer if it has the type that `read` expects.
fn take<T>(
    object: &mut Map<String, Value>,
    name: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    let value = object.get(name).and_then(read)?;
    object.remove(name);
    Some(value)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Reads one text, or a list of them (RFC 7519 section 4.1.3).
fn one_or_more(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        one => text(one).map(|one| vec![one]),
    }
}
