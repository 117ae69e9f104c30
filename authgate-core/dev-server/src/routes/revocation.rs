//! Token revocation (RFC 7009).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use crate::{parameters::Form, state::AuthGate};

/// Always 200, also for a token that never was: nobody learns here which tokens exist.
pub(super) async fn revoke(State(gate): State<Arc<AuthGate>>, Form(parameters): Form) -> StatusCode {
    if let Some(token) = parameters.get("token") {
        gate.memory().tokens.revoke(token);
    }
    StatusCode::OK
}
