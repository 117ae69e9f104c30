//! What a server says of a token to those who ask about it.

use serde_json::{Map, Value};

/// What a server says of a token (RFC 7662 section 2.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token can be used; when it cannot, nothing else is told.
    pub active: bool,
    /// The token's scopes, separated by spaces.
    pub scope: Option<String>,
    /// The client it was issued to.
    pub client_id: Option<String>,
    /// Who it belongs to.
    pub sub: Option<String>,
    /// Its expiry in epoch seconds.
    pub exp: Option<i64>,
}

impl Introspection {
    pub(super) fn read(object: &Map<String, Value>) -> Self {
        let active = object.get("active").and_then(Value::as_bool).unwrap_or_default();
        // Other members of an inactive token must not be trusted, even if a server sends them.
        if !active {
            return Self::default();
        }
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            active,
            scope: text("scope"),
            client_id: text("client_id"),
            sub: text("sub"),
            exp: object.get("exp").and_then(Value::as_i64),
        }
    }
}
