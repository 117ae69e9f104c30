//! The claims that tokens, userinfo and token info have in common.

use serde_json::Value;

use crate::{
    clock::epoch_seconds,
    gate::AuthGate,
    scope,
    tokens::{Subject, TokenRecord},
};

impl AuthGate {
    /// Returns `sub` and `user_id` of a token.
    pub(crate) fn subject_claim(&self, record: &TokenRecord) -> String {
        match record.subject {
            Subject::Client => format!("client:{}", record.client_id),
            Subject::User => self.user.subject.clone(),
        }
    }

    /// Adds the claims of the scopes `profile` and `email` (OpenID Connect Core section 5.4).
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
