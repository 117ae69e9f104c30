//! Token introspection (RFC 7662): a client asks about a token.

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use crate::{
    clock::epoch_seconds,
    gate::AuthGate,
    gate::client_authentication::SecretPlace,
    oauth_error::OAuthError,
    parameters::Form,
    tokens::{Subject, TokenKind},
};

pub(super) async fn show(
    State(gate): State<Arc<AuthGate>>,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Json<Value>, OAuthError> {
    gate.authenticate_client(&headers, &parameters, SecretPlace::BasicOrBody)?;
    let token = parameters
        .get("token")
        .ok_or_else(|| OAuthError::new("invalid_request", "token parameter is required"))?;
    let memory = gate.memory();
    let Some(record) = memory
        .tokens
        .get(token)
        .filter(|record| record.is_active(gate.clock.now()))
    else {
        return Ok(Json(json!({ "active": false })));
    };
    let mut answer = json!({
        "active": true,
        "scope": record.scope,
        "client_id": record.client_id,
        "sub": gate.subject_claim(record),
        "iss": gate.issuer,
        "iat": epoch_seconds(record.issued_at),
        "exp": epoch_seconds(record.expires_at),
        "jti": record.id,
    });
    if record.kind == TokenKind::Access {
        answer["token_type"] = "Bearer".into();
    }
    if record.subject == Subject::User {
        answer["username"] = gate.user.username.as_str().into();
    }
    Ok(Json(answer))
}
