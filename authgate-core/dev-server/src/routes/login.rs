//! The login page.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, Uri, header::SET_COOKIE},
    response::{IntoResponse as _, Response},
};
use url::form_urlencoded;

use crate::{
    answer::found,
    endpoint::Endpoint,
    gate::AuthGate,
    page,
    parameters::{Form, Query},
};

/// Sends a person to the login page, and from there back to this page.
pub(super) fn first(gate: &AuthGate, return_to: &Uri) -> Response {
    let return_to = return_to
        .path_and_query()
        .map_or(return_to.path(), |path| path.as_str());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("return_to", return_to)
        .finish();
    found(&format!("{}?{query}", gate.path(Endpoint::Login)))
}

pub(super) async fn ask(State(gate): State<Arc<AuthGate>>, Query(query): Query) -> Response {
    page(&gate, query.get("return_to").unwrap_or_default(), None)
}

pub(super) async fn log_in(State(gate): State<Arc<AuthGate>>, Form(form): Form) -> Response {
    let return_to = form.get("return_to").unwrap_or_default();
    let user = &gate.user;
    let knows_password = form.get("username") == Some(&user.username)
        && form.get("password") == Some(&user.password);
    if !knows_password {
        let page = page(&gate, return_to, Some("Wrong user name or password."));
        return (StatusCode::UNAUTHORIZED, page).into_response();
    }
    let cookie = gate.memory().sessions.begin();
    let destination = if is_local(return_to) {
        return_to.to_owned()
    } else {
        gate.path(Endpoint::DevicePage)
    };
    ([(SET_COOKIE, cookie)], found(&destination)).into_response()
}

fn page(gate: &AuthGate, return_to: &str, problem: Option<&str>) -> Response {
    let (username, password) = (&gate.user.username, &gate.user.password);
    page::Login {
        action: &gate.path(Endpoint::Login),
        username,
        password,
        return_to,
        problem,
    }
    .into_response()
}

/// Returns whether this is a path on this server. A browser reads `//host` and `/\host` as another
/// server, and it first removes tabs and line ends, so `/<tab>/host` too.
fn is_local(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.starts_with("/\\")
        && !path.contains(char::is_control)
}
