//! Exchanges a device code for tokens, once the person has approved it (RFC 8628 section 3.4).

use axum::http::header::AUTHORIZATION;

use super::{TokenRequest, check_grant_type};
use crate::{
    gate::client_authentication::SecretPlace,
    identity::{Client, grant_type},
    issued_tokens::IssuedTokens,
    oauth_error::OAuthError,
    tokens::{Grant, Subject},
};

impl TokenRequest<'_> {
    pub(super) fn device_code(&self) -> Result<IssuedTokens, OAuthError> {
        const REQUIRED: &str = "device_code and client_id are required";
        let device_code = self.required("device_code", REQUIRED)?;
        let client = self.identified_client(REQUIRED)?;
        let mut memory = self.gate.memory();
        check_grant_type(
            &memory,
            client,
            grant_type::DEVICE_CODE,
            "Device flow is not enabled for this client",
        )?;
        let slow_down = memory.settings.slow_down;
        let now = self.gate.clock.now();
        let code = memory
            .device_codes
            .poll(device_code, &client.id, now, slow_down)?;
        let grant = Grant {
            client_id: code.client_id.clone(),
            subject: Subject::User,
            scope: code.scope.clone(),
            nonce: None,
        };
        Ok(self.gate.issue_to_user(&mut memory, &grant))
    }

    /// Returns the client of a grant for which AuthGate requires the `client_id` only. Here a
    /// confidential client has to send its secret too, in either place.
    pub(super) fn identified_client(
        &self,
        description: &'static str,
    ) -> Result<&Client, OAuthError> {
        if !self.headers.contains_key(AUTHORIZATION) {
            self.required("client_id", description)?;
        }
        self.gate
            .authenticate_client(self.headers, self.parameters, SecretPlace::BasicOrBody)
    }
}
