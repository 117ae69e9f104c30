//! Exchanges a refresh token for a new access token (RFC 6749 section 6, RFC 9700 section 4.14).

use super::{TokenRequest, check_grant_type};
use crate::{
    identity::grant_type,
    issued_tokens::IssuedTokens,
    oauth_error::OAuthError,
    scope,
    tokens::{Grant, TokenKind},
};

impl TokenRequest<'_> {
    pub(super) fn refresh_token(&self) -> Result<IssuedTokens, OAuthError> {
        const REQUIRED: &str = "refresh_token and client_id are required";
        let refresh_token = self.required("refresh_token", REQUIRED)?;
        let client = self.identified_client(REQUIRED)?;
        let mut memory = self.gate.memory();
        check_grant_type(
            &memory,
            client,
            grant_type::REFRESH_TOKEN,
            "Refresh tokens are not enabled for this client",
        )?;
        let record = memory
            .tokens
            .get(refresh_token)
            .filter(|record| record.kind == TokenKind::Refresh)
            .cloned()
            .ok_or_else(invalid_grant)?;
        if record.client_id != client.id {
            return Err(OAuthError::invalid_client("Client authentication failed"));
        }
        if record.replaced {
            // Two parties use the same login and one of them may have stolen it, so revoke it for both.
            memory.tokens.revoke_family(record.family);
        }
        if !record.is_active(self.gate.clock.now()) {
            return Err(invalid_grant());
        }
        let granted: Vec<&str> = scope::names(&record.scope).collect();
        let requested = self.parameters.get("scope").unwrap_or(&record.scope);
        if !scope::is_within(requested, &granted) {
            return Err(OAuthError::new(
                "invalid_scope",
                "Requested scope exceeds original grant",
            ));
        }
        let mut grant = Grant {
            client_id: record.client_id,
            subject: record.subject,
            scope: requested.to_owned(),
            nonce: None,
        };
        let family = record.family;
        let mut issued = self.gate.issue_access_token(&mut memory, &grant, family);
        issued.refresh_token = Some(if memory.settings.rotate_refresh_tokens {
            memory.tokens.replace(refresh_token);
            // A narrower scope applies to this access token only, so the new refresh token keeps the whole scope.
            grant.scope = record.scope;
            self.gate.issue_refresh_token(&mut memory, &grant, family)
        } else {
            refresh_token.to_owned()
        });
        Ok(issued)
    }
}

fn invalid_grant() -> OAuthError {
    OAuthError::new("invalid_grant", "Refresh token is invalid or expired")
}
