//! Answers that several endpoints give.

use axum::{
    Json,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{clock::epoch_seconds, page, rate_limits::Exceeded};

/// Returns a JSON answer that contains tokens, so caches must not store it (RFC 6749 section 5.1).
pub(crate) fn secret_json(body: Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Returns a redirect with status 302.
pub(crate) fn found(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Answers a request to an unknown path, or with a method that the path does not accept.
pub(crate) async fn not_found() -> Response {
    let kind = [(CONTENT_TYPE, "text/plain")];
    (StatusCode::NOT_FOUND, kind, "404 page not found").into_response()
}

/// Answers a request that names another host than this server's.
pub(crate) fn misdirected() -> Response {
    const REASON: &str =
        "This server answers only requests to the host in its URL, or to localhost.\n";
    let kind = [(CONTENT_TYPE, "text/plain")];
    (StatusCode::MISDIRECTED_REQUEST, kind, REASON).into_response()
}

/// Answers a request whose body is too long.
pub(crate) fn too_large() -> Response {
    let kind = [(CONTENT_TYPE, "text/plain")];
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        kind,
        "The body is longer than 1 MiB.\n",
    )
        .into_response()
}

/// Answers a request over the rate limit: with a page for a browser, or with JSON for a program. It
/// has no `Retry-After`, because AuthGate sends none.
pub(crate) fn too_many_requests(exceeded: &Exceeded, headers: &HeaderMap) -> Response {
    const MESSAGE: &str = "Too many requests. Please try again later.";
    let limits = [
        (
            HeaderName::from_static("x-ratelimit-limit"),
            exceeded.limit.to_string(),
        ),
        (
            HeaderName::from_static("x-ratelimit-remaining"),
            "0".to_owned(),
        ),
        (
            HeaderName::from_static("x-ratelimit-reset"),
            epoch_seconds(exceeded.ends_at).to_string(),
        ),
    ];
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        let page = page::error(
            StatusCode::TOO_MANY_REQUESTS,
            "Rate limit exceeded",
            MESSAGE,
        );
        return (limits, page).into_response();
    }
    let body = json!({ "error": "rate_limit_exceeded", "error_description": MESSAGE });
    (StatusCode::TOO_MANY_REQUESTS, limits, Json(body)).into_response()
}
