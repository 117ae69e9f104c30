//! The authorization endpoint (RFC 6749 section 3.1): login, consent, redirect.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::login;
use crate::{
    answer::found,
    authorization_request::{AuthorizationRequest, Refusal},
    endpoint::Endpoint,
    gate::{AuthGate, Memory},
    page,
    parameters::{Form, Query},
    random, scope,
};

pub(super) async fn ask(
    State(gate): State<Arc<AuthGate>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query,
) -> Response {
    let mut memory = gate.memory();
    let request = match gate.check_authorization_request(&memory, &query) {
        Ok(request) => request,
        Err(Refusal::Redirect(location)) => return found(&location),
        Err(Refusal::Page(reason)) => {
            return page::error(
                StatusCode::BAD_REQUEST,
                "This request cannot be processed",
                reason,
            );
        }
    };
    let Some(session) = memory.sessions.find(&headers) else {
        return login::first(&gate, &uri);
    };
    if has_consent(&memory, &request) {
        return found(&gate.authorize(&mut memory, request));
    }
    let request_id = random::token();
    let client = gate.client(&request.client_id);
    let page = page::Consent {
        action: &gate.path(Endpoint::Authorize),
        client_name: client.map_or(&request.client_id, |client| &client.name),
        username: &gate.user.username,
        scopes: scope::names(&request.scope).collect(),
        redirect_uri: &request.redirect_uri,
        form_token: &session.form_token,
        request_id: &request_id,
    }
    .into_response();
    memory.open_consents.insert(request_id, request);
    page
}

pub(super) async fn decide(
    State(gate): State<Arc<AuthGate>>,
    headers: HeaderMap,
    Form(form): Form,
) -> Response {
    let mut memory = gate.memory();
    let is_own_form = memory
        .sessions
        .find(&headers)
        .is_some_and(|session| session.sent(&form));
    let request = form
        .get("consent")
        .filter(|_| is_own_form)
        .and_then(|request_id| memory.open_consents.remove(request_id));
    let Some(request) = request else {
        return page::error(
            StatusCode::BAD_REQUEST,
            "This page was already answered",
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
    let allowed = memory
        .consents
        .entry(request.client_id.clone())
        .or_default();
    allowed.extend(scope::names(&request.scope).map(str::to_owned));
}
