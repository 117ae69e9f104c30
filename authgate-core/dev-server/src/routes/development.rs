//! Approving devices without a browser, and counting requests. AuthGate has no such paths.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{device::Decision, endpoint::Endpoint, gate::AuthGate, parameters::Form};

pub(super) async fn approve(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    decide(
        &gate,
        form.get("user_code"),
        Decision::Approved,
        "approved\n",
    )
}

pub(super) async fn deny(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    decide(&gate, form.get("user_code"), Decision::Denied, "denied\n")
}

/// Returns the number of connections, and of requests to each path, including this one.
pub(super) async fn requests(State(gate): State<Arc<AuthGate>>) -> Json<Value> {
    let memory = gate.memory();
    let mut requests = BTreeMap::<&str, usize>::new();
    for request in memory.requests.at(Endpoint::Any) {
        *requests.entry(&request.path).or_default() += 1;
    }
    Json(json!({ "connections": memory.connections, "requests": requests }))
}

fn decide(
    gate: &AuthGate,
    user_code: Option<&str>,
    decision: Decision,
    done: &'static str,
) -> Response {
    let now = gate.clock.now();
    let known = user_code
        .is_some_and(|user_code| gate.memory().device_codes.decide(user_code, now, decision));
    let (status, text) = if known {
        (StatusCode::OK, done)
    } else {
        (
            StatusCode::BAD_REQUEST,
            "no pending device has this user_code\n",
        )
    };
    (status, [(CONTENT_TYPE, "text/plain")], text).into_response()
}
