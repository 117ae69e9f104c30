//! The router: the endpoints at their paths, and a few paths of the development server's own.

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
    routing::{MethodRouter, any, get, post},
};
use serde_json::{Value, json};

use crate::{
    answer::not_found,
    endpoint::{Endpoint, PATHS},
    gate::AuthGate,
};

/// Returns the routes of the whole server, below the path of its issuer.
pub(crate) fn router(gate: Arc<AuthGate>) -> Router {
    let endpoints = PATHS
        .into_iter()
        .fold(Router::new(), |router, (endpoint, path)| {
            router.route(path, methods(endpoint))
        });
    let routes = endpoints
        .merge(development::routes())
        .method_not_allowed_fallback(not_found)
        .fallback(not_found);
    let routes = if gate.prefix.is_empty() {
        routes
    } else {
        Router::new().nest(&gate.prefix, routes).fallback(not_found)
    };
    routes.with_state(gate)
}

fn methods(endpoint: Endpoint) -> MethodRouter<Arc<AuthGate>> {
    match endpoint {
        Endpoint::Discovery => get(discovery::show),
        Endpoint::Authorize => get(authorize::ask).post(authorize::decide),
        Endpoint::Token => post(token::answer),
        Endpoint::DeviceAuthorization => post(device_authorization::begin),
        Endpoint::DevicePage => get(device_page::ask).post(device_page::approve),
        Endpoint::Login => get(login::ask).post(login::log_in),
        Endpoint::UserInfo => get(user_info::show).post(user_info::show),
        Endpoint::TokenInfo => get(token_info::show),
        Endpoint::Introspection => post(introspection::show),
        Endpoint::Revocation => post(revocation::revoke),
        Endpoint::Jwks => get(discovery::key_set),
        Endpoint::Health => get(health),
        Endpoint::Api => any(api::echo),
        Endpoint::Any => any(not_found),
    }
}

async fn health() -> Json<Value> {
    Json(json!({ "database": "connected", "status": "healthy" }))
}
