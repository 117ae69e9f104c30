//! Exchanges a code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.6).

use super::{TokenRequest, check_grant_type};
use crate::{
    authorization_request::AuthorizationRequest,
    gate::client_authentication::SecretPlace,
    identity::grant_type,
    issued_tokens::IssuedTokens,
    oauth_error::OAuthError,
    signing::sha256,
    tokens::{Grant, Subject},
};

impl TokenRequest<'_> {
    pub(super) fn authorization_code(&self) -> Result<IssuedTokens, OAuthError> {
        const REQUIRED: &str = "code, redirect_uri, and client_id are required";
        let code = self.required("code", REQUIRED)?;
        let redirect_uri = self.required("redirect_uri", REQUIRED)?;
        self.required("client_id", REQUIRED)?;
        // AuthGate answers `unauthorized_client` here, not `invalid_client`.
        let client = self
            .gate
            .authenticate_client(self.headers, self.parameters, SecretPlace::Body)
            .map_err(|_| OAuthError::new("unauthorized_client", "unauthorized_client"))?;
        let mut memory = self.gate.memory();
        check_grant_type(
            &memory,
            client,
            grant_type::AUTHORIZATION_CODE,
            "unauthorized_client",
        )?;
        let now = self.gate.clock.now();
        let issued_code = memory
            .authorization_codes
            .get_mut(code)
            .filter(|code| code.request.client_id == client.id)
            .ok_or_else(|| invalid_grant("authorization code not found"))?;
        if issued_code.used {
            return Err(invalid_grant("authorization code already used"));
        }
        if issued_code.expires_at <= now {
            return Err(invalid_grant("authorization code expired"));
        }
        if issued_code.request.redirect_uri != redirect_uri {
            return Err(invalid_grant("invalid redirect_uri"));
        }
        check_verifier(&issued_code.request, self.parameters.get("code_verifier"))?;
        issued_code.used = true;
        let grant = Grant {
            client_id: client.id.clone(),
            subject: Subject::User,
            scope: issued_code.request.scope.clone(),
            nonce: issued_code.request.nonce.clone(),
        };
        Ok(self.gate.issue_to_user(&mut memory, &grant))
    }
}

/// Checks the verifier against the challenge. A request without a challenge must come without a verifier, or an
/// attacker could strip PKCE from the request (RFC 9700 section 4.8).
fn check_verifier(
    request: &AuthorizationRequest,
    verifier: Option<&str>,
) -> Result<(), OAuthError> {
    let fits = match (&request.code_challenge, verifier) {
        (Some(challenge), Some(verifier)) => {
            is_verifier(verifier) && sha256(verifier.as_bytes()) == *challenge
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if fits {
        Ok(())
    } else {
        Err(invalid_grant("invalid code_verifier"))
    }
}

/// Returns whether this is a code verifier (RFC 7636 section 4.1).
fn is_verifier(verifier: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_unreserved)
}

fn invalid_grant(description: &'static str) -> OAuthError {
    OAuthError::new("invalid_grant", description)
}
