//! Polling for the answer of the person at the device page (RFC 8628 section 3.4).

use super::{TokenRequest, check_grant_type};
use crate::{
    client_authentication::SecretPlace,
    identity::grant_type,
    issue::{Grant, IssuedTokens},
    oauth_error::OAuthError,
    tokens::Subject,
};

impl TokenRequest<'_> {
    pub(super) fn device_code(&self) -> Result<IssuedTokens, OAuthError> {
        const REQUIRED: &str = "device_code and client_id are required";
        let device_code = self.required("device_code", REQUIRED)?;
        let client = self.identified_client(REQUIRED)?;
        let mut memory = self.gate.memory();
        check_grant_type(&memory, client, grant_type::DEVICE_CODE, "Device flow is not enabled for this client")?;
        let slow_down = memory.settings.slow_down;
        let now = self.gate.clock.now();
        let code = memory.device_codes.poll(device_code, &client.id, now, slow_down)?;
        let grant =
            Grant { client_id: code.client_id.clone(), subject: Subject::User, scope: code.scope.clone(), nonce: None };
        Ok(self.gate.issue_to_user(&mut memory, &grant))
    }

    /// The client of a grant where AuthGate asks for `client_id` alone. Here a confidential client
    /// also has to show its secret, in either place.
    pub(super) fn identified_client(&self, otherwise: &'static str) -> Result<&crate::identity::Client, OAuthError> {
        let by_basic = self.headers.contains_key("authorization");
        if !by_basic {
            self.required("client_id", otherwise)?;
        }
        self.gate.authenticate_client(self.headers, self.parameters, SecretPlace::BasicOrBody)
    }
}
