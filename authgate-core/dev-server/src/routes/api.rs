//! A protected resource for trying tokens: it echoes the request.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, Uri},
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{gate::AuthGate, oauth_error::OAuthError};

pub(super) async fn echo(
    State(gate): State<Arc<AuthGate>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, OAuthError> {
    gate.access_token(&headers)?;
    Ok(Json(json!({
        "method": method.as_str(),
        "path": uri.path(),
        "body": String::from_utf8_lossy(&body),
    })))
}
