//! The page where a person approves a device (RFC 8628 section 3.3). Like AuthGate's, it has no button to deny it;
//! `/dev/device/deny` does that.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::login;
use crate::{
    device::Decision,
    endpoint::Endpoint,
    gate::AuthGate,
    page,
    parameters::{Form, Query},
    sessions::Session,
};

pub(super) async fn ask(
    State(gate): State<Arc<AuthGate>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query,
) -> Response {
    let Some(session) = gate.memory().sessions.find(&headers) else {
        return login::first(&gate, &uri);
    };
    page(&gate, &session, query.get("user_code"), None)
}

pub(super) async fn approve(
    State(gate): State<Arc<AuthGate>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Form(form): Form,
) -> Response {
    let now = gate.clock.now();
    let mut memory = gate.memory();
    let Some(session) = memory.sessions.find(&headers) else {
        return login::first(&gate, &uri);
    };
    let user_code = form.get("user_code");
    let approved = session.sent(&form)
        && memory
            .device_codes
            .decide(user_code.unwrap_or_default(), now, Decision::Approved);
    if approved {
        return page::device_approved();
    }
    let reason =
        "No pending device has this code. It may be mistyped, expired or already approved.";
    (
        StatusCode::BAD_REQUEST,
        page(&gate, &session, user_code, Some(reason)),
    )
        .into_response()
}

fn page(
    gate: &AuthGate,
    session: &Session,
    user_code: Option<&str>,
    problem: Option<&str>,
) -> Response {
    page::Device {
        action: &gate.path(Endpoint::DevicePage),
        username: &gate.user.username,
        user_code: user_code.unwrap_or_default(),
        form_token: &session.form_token,
        problem,
    }
    .into_response()
}
