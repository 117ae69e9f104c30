//! Token info, which only AuthGate has: a token's holder asks about that token.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header::AUTHORIZATION},
};
use serde_json::{Value, json};

use crate::{clock::epoch_seconds, gate::AuthGate, oauth_error::OAuthError, tokens::Subject};

pub(super) async fn show(
    State(gate): State<Arc<AuthGate>>,
    headers: HeaderMap,
) -> Result<Json<Value>, OAuthError> {
    if !headers.contains_key(AUTHORIZATION) {
        return Err(OAuthError::missing_token());
    }
    let token = gate.access_token(&headers)?;
    let subject_type = match token.subject {
        Subject::Client => "client",
        Subject::User => "user",
    };
    Ok(Json(json!({
        "active": true,
        "user_id": gate.subject_claim(&token),
        "client_id": token.client_id,
        "scope": token.scope,
        "exp": epoch_seconds(token.expires_at),
        "iss": gate.issuer,
        "subject_type": subject_type,
    })))
}
