//! Token revocation (RFC 7009).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::{gate::AuthGate, parameters::Form};

/// Answers 200 also for an unknown token, so that nobody learns which tokens exist.
pub(super) async fn revoke(
    State(gate): State<Arc<AuthGate>>,
    Form(parameters): Form,
) -> StatusCode {
    if let Some(token) = parameters.get("token") {
        gate.memory().tokens.revoke(token);
    }
    StatusCode::OK
}
