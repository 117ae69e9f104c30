//! The discovery document (OpenID Connect Discovery 1.0 section 3).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{endpoint::Endpoint, gate::AuthGate, identity::grant_type, signing::ALGORITHM};

pub(super) async fn show(State(gate): State<Arc<AuthGate>>) -> Response {
    let mut document = document(&gate);
    for (name, value) in &gate.memory().discovery_members {
        document[name] = value.clone();
    }
    let cached = [(CACHE_CONTROL, "public, max-age=3600")];
    (cached, Json(document)).into_response()
}

/// Returns the public keys (RFC 7517 section 5): none, because the key of HS256 is secret.
pub(super) async fn key_set() -> Json<Value> {
    Json(json!({ "keys": [] }))
}

/// Returns the document. Like AuthGate's, it names neither `device_authorization_endpoint` nor
/// `introspection_endpoint`, and under HS256 no `jwks_uri`.
fn document(gate: &AuthGate) -> Value {
    json!({
        "issuer": gate.issuer,
        "authorization_endpoint": gate.url(Endpoint::Authorize),
        "token_endpoint": gate.url(Endpoint::Token),
        "userinfo_endpoint": gate.url(Endpoint::UserInfo),
        "revocation_endpoint": gate.url(Endpoint::Revocation),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "scopes_supported": ["openid", "profile", "email", "read", "write"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
        "grant_types_supported": [
            grant_type::AUTHORIZATION_CODE,
            grant_type::DEVICE_CODE,
            grant_type::REFRESH_TOKEN,
            grant_type::CLIENT_CREDENTIALS,
        ],
        "claims_supported": [
            "sub", "iss", "name", "preferred_username", "email", "email_verified", "picture",
            "updated_at",
        ],
        "code_challenge_methods_supported": ["S256"],
    })
}
