//! Issues tokens after the server has accepted a grant.

use serde_json::json;

use crate::{
    clock::epoch_seconds,
    gate::{AuthGate, Memory},
    issued_tokens::IssuedTokens,
    random, scope,
    signing::sha256_left_half,
    tokens::{Grant, TokenKind, TokenRecord},
};

impl AuthGate {
    /// Issues an access token to a machine.
    pub(crate) fn issue_to_machine(&self, memory: &mut Memory, grant: &Grant) -> IssuedTokens {
        let family = memory.tokens.new_family();
        self.issue_access_token(memory, grant, family)
    }

    /// Issues the tokens of a login: access token, refresh token and, with `openid`, an ID token.
    pub(crate) fn issue_to_user(&self, memory: &mut Memory, grant: &Grant) -> IssuedTokens {
        let family = memory.tokens.new_family();
        let mut issued = self.issue_access_token(memory, grant, family);
        issued.refresh_token = Some(self.issue_refresh_token(memory, grant, family));
        issued.id_token = scope::contains(&grant.scope, "openid")
            .then(|| self.id_token(memory, grant, &issued.access_token));
        issued
    }

    pub(crate) fn issue_access_token(
        &self,
        memory: &mut Memory,
        grant: &Grant,
        family: u64,
    ) -> IssuedTokens {
        let lifetime = memory.settings.access_token_lifetime;
        let now = self.clock.now();
        let record = TokenRecord::new(
            TokenKind::Access,
            grant,
            family,
            now,
            self.clock.after(lifetime),
        );
        let access_token = self.signing_key.sign(&json!({
            "iss": self.issuer,
            "sub": self.subject_claim(&record),
            "aud": self.issuer,
            "client_id": record.client_id,
            "scope": record.scope,
            "type": "access",
            "iat": epoch_seconds(record.issued_at),
            "exp": epoch_seconds(record.expires_at),
            "jti": record.id,
        }));
        memory.tokens.insert(access_token.clone(), record);
        IssuedTokens {
            access_token,
            refresh_token: None,
            id_token: None,
            // AuthGate rounds the remaining time down when it answers.
            expires_in: lifetime.as_secs().saturating_sub(1),
            scope: grant.scope.clone(),
        }
    }

    pub(crate) fn issue_refresh_token(
        &self,
        memory: &mut Memory,
        grant: &Grant,
        family: u64,
    ) -> String {
        let refresh_token = random::token();
        let expires_at = self.clock.after(memory.settings.refresh_token_lifetime);
        let record = TokenRecord::new(
            TokenKind::Refresh,
            grant,
            family,
            self.clock.now(),
            expires_at,
        );
        memory.tokens.insert(refresh_token.clone(), record);
        refresh_token
    }

    /// Signs an ID token (OpenID Connect Core section 2).
    fn id_token(&self, memory: &Memory, grant: &Grant, access_token: &str) -> String {
        let mut claims = json!({
            "iss": self.issuer,
            "sub": self.user.subject,
            "aud": grant.client_id,
            "iat": epoch_seconds(self.clock.now()),
            "exp": epoch_seconds(self.clock.after(memory.settings.access_token_lifetime)),
            "auth_time": epoch_seconds(self.clock.now()),
            "at_hash": sha256_left_half(access_token.as_bytes()),
            "jti": random::token(),
        });
        if let Some(nonce) = &grant.nonce {
            claims["nonce"] = nonce.as_str().into();
        }
        self.add_user_claims(&mut claims, &grant.scope);
        self.signing_key.sign(&claims)
    }
}
