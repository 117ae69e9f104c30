//! Issues a machine's own token (RFC 6749 section 4.4).

use super::{TokenRequest, check_grant_type};
use crate::{
    gate::client_authentication::SecretPlace,
    identity::{Client, grant_type},
    issued_tokens::IssuedTokens,
    oauth_error::OAuthError,
    scope,
    tokens::{Grant, Subject},
};

impl TokenRequest<'_> {
    pub(super) fn client_credentials(&self) -> Result<IssuedTokens, OAuthError> {
        let client = self.gate.authenticate_client(
            self.headers,
            self.parameters,
            SecretPlace::BasicOrBody,
        )?;
        if !client.is_confidential() {
            return Err(OAuthError::invalid_client("Client authentication failed"));
        }
        let mut memory = self.gate.memory();
        check_grant_type(
            &memory,
            client,
            grant_type::CLIENT_CREDENTIALS,
            "Client credentials flow is not enabled for this client",
        )?;
        let grant = Grant {
            client_id: client.id.clone(),
            subject: Subject::Client,
            scope: granted_scope(client, self.parameters.get("scope"))?,
            nonce: None,
        };
        Ok(self.gate.issue_to_machine(&mut memory, &grant))
    }
}

/// Returns the requested scopes, or all of the client's, but never those that are about a person.
fn granted_scope(client: &Client, requested: Option<&str>) -> Result<String, OAuthError> {
    let grantable: Vec<&str> = client
        .scopes
        .iter()
        .map(String::as_str)
        .filter(|name| !["openid", "offline_access"].contains(name))
        .collect();
    match requested {
        None => Ok(grantable.join(" ")),
        Some(requested) if scope::is_within(requested, &grantable) => Ok(requested.to_owned()),
        Some(_) => Err(OAuthError::new(
            "invalid_scope",
            "Requested scope exceeds client permissions or contains restricted scopes (openid, offline_access are not permitted)",
        )),
    }
}
