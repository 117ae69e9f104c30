//! The tokens of one grant.

use serde_json::{Value, json};

/// The tokens of one successful grant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedTokens {
    /// A JWT.
    pub access_token: String,
    /// Opaque; `None` for `client_credentials`.
    pub refresh_token: Option<String>,
    /// A JWT, if `openid` was granted.
    pub id_token: Option<String>,
    /// In seconds.
    pub expires_in: u64,
    /// The granted scopes, separated by spaces.
    pub scope: String,
}

impl IssuedTokens {
    /// Returns the answer of the token endpoint (RFC 6749 section 5.1).
    pub(crate) fn to_json(&self) -> Value {
        let mut answer = json!({
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
        });
        if let Some(refresh_token) = &self.refresh_token {
            answer["refresh_token"] = refresh_token.as_str().into();
        }
        if let Some(id_token) = &self.id_token {
            answer["id_token"] = id_token.as_str().into();
        }
        answer
    }
}
