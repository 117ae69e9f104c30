//! OAuth errors: `{"error": ..., "error_description": ...}` (RFC 6749 section 5.2).

use std::borrow::Cow;

use axum::{
    Json,
    http::{StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use serde_json::json;

#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: Option<Cow<'static, str>>,
    challenge: Option<&'static str>,
}

impl OAuthError {
    /// Creates an error with status 400 and no description.
    pub(crate) fn bare(error: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: None,
            challenge: None,
        }
    }

    /// Creates an error with status 400 and a description.
    pub(crate) fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            description: Some(description.into()),
            ..Self::bare(error)
        }
    }

    /// Reports that client authentication failed: 401 with a challenge (RFC 6749 section 5.2).
    pub(crate) fn invalid_client(description: &'static str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            challenge: Some(r#"Basic realm="authgate""#),
            ..Self::new("invalid_client", description)
        }
    }

    /// Reports that the bearer token is missing, expired or revoked (RFC 6750 section 3).
    pub(crate) fn invalid_token(description: &'static str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            challenge: Some(r#"Bearer error="invalid_token""#),
            ..Self::new("invalid_token", description)
        }
    }

    /// Creates the answer of token info to a request without a token.
    pub(crate) fn missing_token() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::bare("missing_token")
        }
    }

    pub(crate) fn error(&self) -> &'static str {
        self.error
    }

    pub(crate) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error });
        if let Some(description) = self.description {
            body["error_description"] = description.into();
        }
        let answer = (self.status, Json(body));
        match self.challenge {
            Some(challenge) => ([(WWW_AUTHENTICATE, challenge)], answer).into_response(),
            None => answer.into_response(),
        }
    }
}
