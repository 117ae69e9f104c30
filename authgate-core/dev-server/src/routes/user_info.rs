//! Userinfo (OpenID Connect Core section 5.3).

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use crate::{gate::AuthGate, oauth_error::OAuthError, tokens::Subject};

pub(super) async fn show(
    State(gate): State<Arc<AuthGate>>,
    headers: HeaderMap,
) -> Result<Json<Value>, OAuthError> {
    let token = gate.access_token(&headers)?;
    if token.subject == Subject::Client {
        if gate.memory().settings.user_not_found_for_machines {
            return Err(OAuthError::invalid_token("User not found"));
        }
        return Ok(Json(json!({
            "sub": gate.subject_claim(&token),
            "client_id": token.client_id,
        })));
    }
    let mut claims = json!({ "sub": gate.subject_claim(&token), "iss": gate.issuer });
    gate.add_user_claims(&mut claims, &token.scope);
    Ok(Json(claims))
}
