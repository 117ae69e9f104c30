//! Approving devices without a browser, and counting requests. AuthGate has no such paths.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, HOST, ORIGIN},
    },
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{device::Decision, endpoint::Endpoint, gate::AuthGate, parameters::Form};

pub(super) fn routes() -> Router<Arc<AuthGate>> {
    Router::new()
        .route("/dev/device/approve", post(approve))
        .route("/dev/device/deny", post(deny))
        .route("/dev/requests", get(requests))
        .route_layer(from_fn(refuse_other_sites))
}

/// Refuses the requests of other sites' pages. These paths have no form token, so a page that knows the user code could
/// otherwise make its visitor's browser approve the device.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    if is_of_another_site(request.headers()) {
        let kind = [(CONTENT_TYPE, "text/plain")];
        let reason = "A web page may not send this request.\n";
        return (StatusCode::FORBIDDEN, kind, reason).into_response();
    }
    next.run(request).await
}

/// Returns whether a browser sent the request for a page of another site. Browsers say so in `Sec-Fetch-Site`, older
/// ones only in `Origin`; other programs send neither.
fn is_of_another_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(HeaderValue::as_bytes);
    if let Some(site) = text("sec-fetch-site") {
        return ![&b"same-origin"[..], b"none"].contains(&site);
    }
    // Requests that name a host other than this server's are refused before they come here.
    let host = text(HOST.as_str()).unwrap_or_default();
    text(ORIGIN.as_str()).is_some_and(|origin| {
        let origin_host = [&b"http://"[..], b"https://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(*scheme));
        !origin_host.is_some_and(|origin_host| origin_host.eq_ignore_ascii_case(host))
    })
}

async fn approve(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    decide(
        &gate,
        form.get("user_code"),
        Decision::Approved,
        "approved\n",
    )
}

async fn deny(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    decide(&gate, form.get("user_code"), Decision::Denied, "denied\n")
}

/// Returns the number of connections, and of the recorded requests to each path, including this one.
async fn requests(State(gate): State<Arc<AuthGate>>) -> Json<Value> {
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
