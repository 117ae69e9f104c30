//! The paths and what answers them.

mod api;
mod authorize;
mod development;
mod device_authorization;
mod device_page;
mod discovery;
mod introspection;
mod login;
mod revocation;
mod token;
mod token_info;
mod user_info;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    routing::{any, get, post},
};
use serde_json::{Value, json};

use crate::{answer::not_found, state::AuthGate};

/// The whole server below the path of its issuer.
pub(crate) fn router(gate: Arc<AuthGate>) -> Router {
    let routes = Router::new()
        .route("/.well-known/openid-configuration", get(discovery::show))
        .route("/.well-known/jwks.json", get(key_set))
        .route("/oauth/authorize", get(authorize::ask).post(authorize::decide))
        .route("/oauth/token", post(token::answer))
        .route("/oauth/device/code", post(device_authorization::begin))
        .route("/oauth/userinfo", get(user_info::show).post(user_info::show))
        .route("/oauth/tokeninfo", get(token_info::show))
        .route("/oauth/introspect", post(introspection::show))
        .route("/oauth/revoke", post(revocation::revoke))
        .route("/login", get(login::ask).post(login::log_in))
        .route("/device", get(device_page::ask).post(device_page::approve))
        .route("/dev/device/approve", post(development::approve))
        .route("/dev/device/deny", post(development::deny))
        .route("/dev/requests", get(development::requests))
        .route("/api/{*path}", any(api::echo))
        .route("/health", get(health))
        .method_not_allowed_fallback(not_found)
        .fallback(not_found);
    let routes =
        if gate.prefix.is_empty() { routes } else { Router::new().nest(&gate.prefix, routes).fallback(not_found) };
    routes.with_state(gate)
}

async fn key_set(State(gate): State<Arc<AuthGate>>) -> Json<Value> {
    Json(gate.signing_key.key_set())
}

async fn health() -> Json<Value> {
    Json(json!({ "database": "connected", "status": "healthy" }))
}
