//! The token endpoint (RFC 6749 section 3.2).

mod authorization_code;
mod client_credentials;
mod device_code;
mod refresh_token;

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};

use crate::{
    answer::secret_json,
    gate::{AuthGate, Memory},
    identity::{Client, grant_type},
    issued_tokens::IssuedTokens,
    oauth_error::OAuthError,
    parameters::{Form, Parameters},
};

/// A request to the token endpoint.
struct TokenRequest<'a> {
    gate: &'a AuthGate,
    headers: &'a HeaderMap,
    parameters: &'a Parameters,
}

pub(super) async fn answer(
    State(gate): State<Arc<AuthGate>>,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, OAuthError> {
    let request = TokenRequest {
        gate: &gate,
        headers: &headers,
        parameters: &parameters,
    };
    request.grant().map(|issued| secret_json(issued.to_json()))
}

impl TokenRequest<'_> {
    fn grant(&self) -> Result<IssuedTokens, OAuthError> {
        if let Some(name) = self.parameters.repeated() {
            let description = format!("{name} is given more than once");
            return Err(OAuthError::new("invalid_request", description));
        }
        match self.parameters.get("grant_type") {
            Some(grant_type::CLIENT_CREDENTIALS) => self.client_credentials(),
            Some(grant_type::AUTHORIZATION_CODE) => self.authorization_code(),
            Some(grant_type::DEVICE_CODE) => self.device_code(),
            Some(grant_type::REFRESH_TOKEN) => self.refresh_token(),
            _ => Err(OAuthError::new(
                "unsupported_grant_type",
                "Supported grant types: device_code, refresh_token, authorization_code, client_credentials",
            )),
        }
    }

    fn required(&self, name: &str, description: &'static str) -> Result<&str, OAuthError> {
        self.parameters
            .get(name)
            .ok_or_else(|| OAuthError::new("invalid_request", description))
    }
}

fn check_grant_type(
    memory: &Memory,
    client: &Client,
    grant_type: &str,
    description: &'static str,
) -> Result<(), OAuthError> {
    if memory.allows(client, grant_type) {
        Ok(())
    } else {
        Err(OAuthError::new("unauthorized_client", description))
    }
}
