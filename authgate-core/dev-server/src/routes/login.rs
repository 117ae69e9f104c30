//! The login page.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header::SET_COOKIE},
    response::{IntoResponse as _, Response},
};
use url::form_urlencoded;

use crate::{
    answer::found,
    page,
    parameters::{Form, Query},
    state::AuthGate,
};

/// Sends a visitor to log in first and to come back to this path.
pub(super) fn first(gate: &AuthGate, return_to: &str) -> Response {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
    found(&format!("{}/login?{query}", gate.prefix))
}

pub(super) async fn ask(State(gate): State<Arc<AuthGate>>, Query(query): Query) -> Response {
    page::login(&gate, query.get("return_to").unwrap_or_default(), None)
}

pub(super) async fn log_in(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    let return_to = form.get("return_to").unwrap_or_default();
    let user = &gate.user;
    let knows_password =
        form.get("username") == Some(user.username.as_str()) && form.get("password") == Some(user.password.as_str());
    if !knows_password {
        let page = page::login(&gate, return_to, Some("Wrong user name or password."));
        return (StatusCode::UNAUTHORIZED, page).into_response();
    }
    let cookie = gate.memory().sessions.begin();
    let destination = if is_local(return_to) { return_to.to_owned() } else { format!("{}/device", gate.prefix) };
    ([(SET_COOKIE, cookie)], found(&destination)).into_response()
}

/// A path on this server. A browser reads `//host` and `/\host` as another one.
fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\")
}
