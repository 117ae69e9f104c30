//! Issuing tokens after a grant was accepted.

use serde_json::{Value, json};

use crate::{
    clock::epoch_seconds,
    random, scope,
    signing::sha256_left_half,
    state::{AuthGate, Memory},
    tokens::{Subject, TokenKind, TokenRecord},
};

/// What was granted, to whom.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) subject: Subject,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
}

/// The tokens of one successful grant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedTokens {
    /// A JWT.
    pub access_token: String,
    /// Opaque; `None` for `client_credentials`.
    pub refresh_token: Option<String>,
    /// A JWT; only when `openid` was granted.
    pub id_token: Option<String>,
    /// In seconds.
    pub expires_in: u64,
    /// What was granted, space-separated.
    pub scope: String,
}

impl IssuedTokens {
    /// The answer of RFC 6749 section 5.1.
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

impl AuthGate {
    /// An access token alone, for a machine.
    pub(crate) fn issue_to_machine(&self, memory: &mut Memory, grant: &Grant) -> IssuedTokens {
        let family = memory.tokens.new_family();
        self.issue_access_token(memory, grant, family)
    }

    /// Everything a login brings: access token, refresh token and, with `openid`, an ID token.
    pub(crate) fn issue_to_user(&self, memory: &mut Memory, grant: &Grant) -> IssuedTokens {
        let family = memory.tokens.new_family();
        let mut issued = self.issue_access_token(memory, grant, family);
        issued.refresh_token = Some(self.issue_refresh_token(memory, grant, family));
        issued.id_token =
            scope::contains(&grant.scope, "openid").then(|| self.id_token(memory, grant, &issued.access_token));
        issued
    }

    pub(crate) fn issue_access_token(&self, memory: &mut Memory, grant: &Grant, family: u64) -> IssuedTokens {
        let lifetime = memory.settings.access_token_lifetime;
        let record = TokenRecord {
            kind: TokenKind::Access,
            client_id: grant.client_id.clone(),
            subject: grant.subject,
            scope: grant.scope.clone(),
            id: random::token(),
            issued_at: self.clock.now(),
            expires_at: self.clock.after(lifetime),
            family,
            replaced: false,
            revoked: false,
        };
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
            // AuthGate rounds down what is left by the time it answers.
            expires_in: lifetime.as_secs().saturating_sub(1),
            scope: grant.scope.clone(),
        }
    }

    pub(crate) fn issue_refresh_token(&self, memory: &mut Memory, grant: &Grant, family: u64) -> String {
        let refresh_token = random::token();
        let record = TokenRecord {
            kind: TokenKind::Refresh,
            client_id: grant.client_id.clone(),
            subject: grant.subject,
            scope: grant.scope.clone(),
            id: random::token(),
            issued_at: self.clock.now(),
            expires_at: self.clock.after(memory.settings.refresh_token_lifetime),
            family,
            replaced: false,
            revoked: false,
        };
        memory.tokens.insert(refresh_token.clone(), record);
        refresh_token
    }

    /// `sub` and `user_id` of a token.
    pub(crate) fn subject_claim(&self, record: &TokenRecord) -> String {
        match record.subject {
            Subject::Client => format!("client:{}", record.client_id),
            Subject::User => self.user.subject.clone(),
        }
    }

    /// OpenID Connect Core section 2.
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

    /// What `profile` and `email` open up.
    pub(crate) fn add_user_claims(&self, claims: &mut Value, granted: &str) {
        if scope::contains(granted, "profile") {
            claims["name"] = self.user.name.as_str().into();
            claims["preferred_username"] = self.user.username.as_str().into();
            claims["updated_at"] = epoch_seconds(self.started_at).into();
        }
        if scope::contains(granted, "email") {
            claims["email"] = self.user.email.as_str().into();
            claims["email_verified"] = false.into();
        }
    }
}
