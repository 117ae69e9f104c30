//! The start of the device flow (RFC 8628 section 3.1).

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};
use serde_json::json;

use crate::{
    answer::secret_json, endpoint::Endpoint, gate::AuthGate,
    gate::client_authentication::SecretPlace, identity::grant_type, oauth_error::OAuthError,
    parameters::Form, scope,
};

pub(super) async fn begin(
    State(gate): State<Arc<AuthGate>>,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, OAuthError> {
    if let Some(client_id) = parameters.get("client_id")
        && gate.client(client_id).is_none()
    {
        return Err(OAuthError::new("invalid_client", "Unknown client_id"));
    }
    let client = gate.authenticate_client(&headers, &parameters, SecretPlace::BasicOrBody)?;
    let mut memory = gate.memory();
    if !memory.allows(client, grant_type::DEVICE_CODE) {
        return Err(OAuthError::new(
            "unauthorized_client",
            "Device flow is not enabled for this client",
        ));
    }
    let scope = parameters.get("scope").unwrap_or("read write");
    if !scope::is_within(scope, &client.scopes) {
        return Err(OAuthError::new(
            "invalid_scope",
            "Requested scope exceeds client permissions",
        ));
    }
    let lifetime = memory.settings.device_code_lifetime;
    let interval = memory.settings.device_code_interval;
    let (device_code, user_code) = memory.device_codes.begin(
        client.id.clone(),
        scope.to_owned(),
        gate.clock.after(lifetime),
        interval,
    );
    let verification_uri = gate.url(Endpoint::DevicePage);
    Ok(secret_json(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": verification_uri,
        "verification_uri_complete": format!("{verification_uri}?user_code={user_code}"),
        "expires_in": lifetime.as_secs(),
        "interval": interval.as_secs(),
    })))
}
