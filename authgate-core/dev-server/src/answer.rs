//! Answers that several endpoints give.

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// A JSON answer with tokens in it, which nobody may keep (RFC 6749 section 5.1).
pub(crate) fn secret_json(body: Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// 302 to this place.
pub(crate) fn found(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// The answer to a path that does not exist, and to a method that it does not take.
pub(crate) async fn not_found() -> Response {
    let kind = [(CONTENT_TYPE, "text/plain")];
    (StatusCode::NOT_FOUND, kind, "404 page not found").into_response()
}
