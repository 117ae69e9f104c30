//! The development server's own: deciding about a device without a browser, and counting what was
//! asked. AuthGate has no such paths.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};

use serde_json::{Value, json};

use crate::{device::Decision, parameters::Form, state::AuthGate};

pub(super) async fn approve(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    decide(&gate, form.get("user_code"), Decision::Approved, "approved\n")
}

pub(super) async fn deny(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    decide(&gate, form.get("user_code"), Decision::Denied, "denied\n")
}

/// How many connections were accepted, and how many requests came to each path. This request and
/// its connection are among them.
pub(super) async fn requests(State(gate): State<Arc<AuthGate>>) -> Json<Value> {
    let memory = gate.memory();
    let mut requests = BTreeMap::<&str, usize>::new();
    for request in &memory.requests {
        *requests.entry(&request.path).or_default() += 1;
    }
    Json(json!({ "connections": memory.connections, "requests": requests }))
}

fn decide(gate: &AuthGate, user_code: Option<&str>, decision: Decision, done: &'static str) -> Response {
    let now = gate.clock.now();
    let known = user_code.is_some_and(|user_code| gate.memory().device_codes.decide(user_code, now, decision));
    let (status, text) =
        if known { (StatusCode::OK, done) } else { (StatusCode::BAD_REQUEST, "no device waits with this user_code\n") };
    (status, [(CONTENT_TYPE, "text/plain")], text).into_response()
}
