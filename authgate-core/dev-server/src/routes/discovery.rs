//! The discovery document (OpenID Connect Discovery 1.0 section 3).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{identity::grant_type, signing::SigningAlgorithm, state::AuthGate};

pub(super) async fn show(State(gate): State<Arc<AuthGate>>) -> Response {
    let mut document = document(&gate);
    if let Value::Object(members) = &mut document {
        for (name, change) in &gate.memory().discovery_changes {
            match change {
                Some(value) => members.insert(name.clone(), value.clone()),
                None => members.shift_remove(name),
            };
        }
    }
    let cached = [(CACHE_CONTROL, "public, max-age=3600")];
    (cached, Json(document)).into_response()
}

/// AuthGate names neither `device_authorization_endpoint` nor `introspection_endpoint`, and
/// `jwks_uri` only when there is a public key.
fn document(gate: &AuthGate) -> Value {
    let at = |path: &str| format!("{}{path}", gate.issuer);
    let algorithm = gate.signing_key.algorithm();
    let mut document = json!({
        "issuer": gate.issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "revocation_endpoint": at("/oauth/revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm.name()],
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
    });
    if algorithm != SigningAlgorithm::Hs256 {
        document["jwks_uri"] = at("/.well-known/jwks.json").into();
    }
    document
}
