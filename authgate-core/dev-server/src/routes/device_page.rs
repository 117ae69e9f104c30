//! The page where a person approves a device (RFC 8628 section 3.3): login, then the code and one
//! button. Like AuthGate's it has no way to say no; `/dev/device/deny` does.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::login;
use crate::{
    device::Decision,
    page,
    parameters::{Form, Query},
    state::AuthGate,
};

pub(super) async fn ask(
    State(gate): State<Arc<AuthGate>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query,
) -> Response {
    let Some(session) = gate.session(&headers) else {
        let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
        return login::first(&gate, path);
    };
    let user_code = query.get("user_code").unwrap_or_default();
    page::device(&gate, user_code, &session.form_token, None)
}

pub(super) async fn approve(State(gate): State<Arc<AuthGate>>, headers: HeaderMap, Form(form): Form) -> Response {
    let Some(session) = gate.session(&headers) else {
        return login::first(&gate, &format!("{}/device", gate.prefix));
    };
    let user_code = form.get("user_code").unwrap_or_default();
    let is_own_form = form.get("form_token") == Some(session.form_token.as_str());
    let now = gate.clock.now();
    let approved = is_own_form && gate.memory().device_codes.decide(user_code, now, Decision::Approved);
    if approved {
        return page::device_approved();
    }
    let reason = "No device waits with this code. It may be mistyped, expired or approved already.";
    let page = page::device(&gate, user_code, &session.form_token, Some(reason));
    (StatusCode::BAD_REQUEST, page).into_response()
}
