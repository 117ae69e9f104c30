//! The authorization endpoint (RFC 6749 section 3.1): login, consent, redirect.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::login;
use crate::{
    answer::found,
    authorization::{AuthorizationRequest, Refusal},
    page,
    parameters::{Form, Query},
    random, scope,
    state::{AuthGate, Memory},
};

pub(super) async fn ask(
    State(gate): State<Arc<AuthGate>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query,
) -> Response {
    let session = gate.session(&headers);
    let mut memory = gate.memory();
    let request = match gate.check_authorization_request(&memory, &query) {
        Ok(request) => request,
        Err(Refusal::Redirect(location)) => return found(&location),
        Err(Refusal::Page(reason)) => {
            return page::error(StatusCode::BAD_REQUEST, "This request cannot go on", &reason);
        }
    };
    let Some(session) = session else {
        let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
        return login::first(&gate, path);
    };
    if has_consent(&memory, &request) {
        return found(&gate.authorize(&mut memory, request));
    }
    let consent = random::token();
    let page = page::consent(&gate, &request, &consent, &session.form_token);
    memory.open_consents.insert(consent, request);
    page
}

pub(super) async fn decide(State(gate): State<Arc<AuthGate>>, headers: HeaderMap, Form(form): Form) -> Response {
    let is_own_form =
        gate.session(&headers).is_some_and(|session| form.get("form_token") == Some(session.form_token.as_str()));
    let mut memory = gate.memory();
    let request = form.get("consent").filter(|_| is_own_form).and_then(|consent| memory.open_consents.remove(consent));
    let Some(request) = request else {
        return page::error(
            StatusCode::BAD_REQUEST,
            "This page was answered before",
            "Go back to the program and log in again.",
        );
    };
    if form.get("decision") != Some("allow") {
        return found(&request.denial());
    }
    remember_consent(&mut memory, &request);
    found(&gate.authorize(&mut memory, request))
}

fn has_consent(memory: &Memory, request: &AuthorizationRequest) -> bool {
    memory
        .consents
        .get(&request.client_id)
        .is_some_and(|allowed| scope::names(&request.scope).all(|name| allowed.contains(name)))
}

fn remember_consent(memory: &mut Memory, request: &AuthorizationRequest) {
    let allowed = memory.consents.entry(request.client_id.clone()).or_default();
    allowed.extend(scope::names(&request.scope).map(str::to_owned));
}
