//! Authenticates clients (RFC 6749 section 2.3).

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{gate::AuthGate, identity::Client, oauth_error::OAuthError, parameters::Parameters};

/// Where an endpoint looks for the client's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretPlace {
    /// In HTTP Basic or in the body, but not in both.
    BasicOrBody,
    /// In the body: `authorization_code` does not read HTTP Basic.
    Body,
}

struct Credentials {
    client_id: String,
    client_secret: Option<String>,
}

impl AuthGate {
    /// Returns the client that sent the request. A confidential client has to send its secret. A
    /// public client has none, so one that it sends is ignored, unless the settings refuse it.
    pub(crate) fn authenticate_client(
        &self,
        headers: &HeaderMap,
        parameters: &Parameters,
        place: SecretPlace,
    ) -> Result<&Client, OAuthError> {
        let failed = || OAuthError::invalid_client("Client authentication failed");
        let credentials = credentials(headers, parameters, place)?.ok_or_else(|| {
            OAuthError::invalid_client(
                "Client authentication required: use HTTP Basic Auth or provide client_id and client_secret in the request body",
            )
        })?;
        let client = self.client(&credentials.client_id).ok_or_else(failed)?;
        let is_authentic = match (&client.secret, credentials.client_secret) {
            (None, Some(_)) => !self.memory().settings.refuse_secret_of_public_client,
            (expected, sent) => *expected == sent,
        };
        if is_authentic {
            Ok(client)
        } else {
            Err(failed())
        }
    }
}

fn credentials(
    headers: &HeaderMap,
    parameters: &Parameters,
    place: SecretPlace,
) -> Result<Option<Credentials>, OAuthError> {
    let in_body = parameters.get("client_id").map(|client_id| Credentials {
        client_id: client_id.to_owned(),
        client_secret: parameters.get("client_secret").map(str::to_owned),
    });
    if place == SecretPlace::Body {
        return Ok(in_body);
    }
    let Some(in_header) = basic_credentials(headers) else {
        return Ok(in_body);
    };
    if parameters.get("client_secret").is_some() {
        return Err(OAuthError::new(
            "invalid_request",
            "The client authenticates in more than one way",
        ));
    }
    if in_body.is_some_and(|body| body.client_id != in_header.client_id) {
        return Err(OAuthError::invalid_client("Client authentication failed"));
    }
    Ok(Some(in_header))
}

/// Returns the two halves of HTTP Basic as the client sent them. RFC 6749 section 2.3.1 requires
/// both form-encoded, but AuthGate does not decode them, so this server refuses an encoded secret
/// that differs from the plain one.
fn basic_credentials(headers: &HeaderMap) -> Option<Credentials> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, client_secret) = decoded.split_once(':')?;
    Some(Credentials {
        client_id: client_id.to_owned(),
        client_secret: Some(client_secret.to_owned()),
    })
}
