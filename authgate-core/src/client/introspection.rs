//! The server's answer to an introspection request.

use serde_json::{Map, Value};

use crate::http::string;

/// A server's description of a token (RFC 7662 section 2.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token can be used. If it cannot, all other fields are empty.
    pub active: bool,
    /// The token's scopes, separated by spaces.
    pub scope: Option<String>,
    /// The client that the token was issued to.
    pub client_id: Option<String>,
    /// The subject that the token belongs to.
    pub sub: Option<String>,
    /// The token's expiry in epoch seconds.
    pub exp: Option<i64>,
}

impl Introspection {
    pub(super) fn read(object: &Map<String, Value>) -> Self {
        let active = object
            .get("active")
            .and_then(Value::as_bool)
            .unwrap_or_default();
        // We must not trust other members of an inactive token, even if a server sends them.
        if !active {
            return Self::default();
        }
        let text = |name| string(object, name).map(str::to_owned);
        Self {
            active,
            scope: text("scope"),
            client_id: text("client_id"),
            sub: text("sub"),
            exp: object.get("exp").and_then(Value::as_i64),
        }
    }
}
