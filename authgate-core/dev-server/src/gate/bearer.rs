//! Checks bearer tokens at protected resources (RFC 6750 section 2.1).

use axum::http::{HeaderMap, header::AUTHORIZATION};

use crate::{
    gate::AuthGate,
    oauth_error::OAuthError,
    tokens::{TokenKind, TokenRecord},
};

impl AuthGate {
    /// Returns the access token of a request, if it is active.
    pub(crate) fn access_token(&self, headers: &HeaderMap) -> Result<TokenRecord, OAuthError> {
        let token = bearer_token(headers)
            .ok_or_else(|| OAuthError::invalid_token("Bearer token required"))?;
        self.memory()
            .tokens
            .active(token, TokenKind::Access, self.clock.now())
            .cloned()
            .ok_or_else(|| OAuthError::invalid_token("Token is invalid, expired or revoked"))
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
