//! Checks authorization requests and issues codes (RFC 6749 section 4.1, RFC 7636).

use url::Url;

use crate::{
    authorization_request::{AuthorizationCode, AuthorizationRequest, Refusal, error_redirect},
    gate::{AuthGate, Memory},
    identity::{Client, grant_type},
    oauth_error::OAuthError,
    parameters::Parameters,
    random, scope,
};

impl AuthGate {
    pub(crate) fn check_authorization_request(
        &self,
        memory: &Memory,
        parameters: &Parameters,
    ) -> Result<AuthorizationRequest, Refusal> {
        const NOT_REGISTERED: &str = "The redirect_uri is not registered for this client. It must equal a \
                                      registered one exactly, host and port included.";
        let refuse =
            |error: OAuthError, page| refuse_unregistered(memory, parameters, &error, page);
        let client = parameters
            .get("client_id")
            .and_then(|id| self.client(id))
            .ok_or_else(|| refuse(unauthorized_client(), "Unknown client_id."))?;
        let redirect_uri = parameters
            .get("redirect_uri")
            .filter(|uri| is_registered(memory, client, uri))
            .ok_or_else(|| {
                let error = OAuthError::new("invalid_request", "invalid redirect_uri");
                refuse(error, NOT_REGISTERED)
            })?;
        request(memory, client, redirect_uri, parameters).map_err(|error| {
            Refusal::Redirect(error_redirect(
                redirect_uri,
                parameters.get("state"),
                &error,
            ))
        })
    }

    /// Issues a code and returns the URL that carries it to the client.
    pub(crate) fn authorize(&self, memory: &mut Memory, request: AuthorizationRequest) -> String {
        let code = random::token();
        let location = request.approval(&code);
        let expires_at = self
            .clock
            .after(memory.settings.authorization_code_lifetime);
        memory.authorization_codes.insert(
            code,
            AuthorizationCode {
                request,
                expires_at,
                used: false,
            },
        );
        location
    }
}

/// Refuses a request whose client or redirect URI is not registered. RFC 6749 section 4.1.2.1 requires a page, because
/// the URI may be an attacker's, but AuthGate redirects to every URI that it can parse.
fn refuse_unregistered(
    memory: &Memory,
    parameters: &Parameters,
    error: &OAuthError,
    page: &'static str,
) -> Refusal {
    match parameters.get("redirect_uri") {
        Some(uri) if !memory.settings.authorization_error_pages && Url::parse(uri).is_ok() => {
            Refusal::Redirect(error_redirect(uri, parameters.get("state"), error))
        }
        _ => Refusal::Page(page),
    }
}

fn unauthorized_client() -> OAuthError {
    OAuthError::new("unauthorized_client", "unauthorized_client")
}

fn request(
    memory: &Memory,
    client: &Client,
    redirect_uri: &str,
    parameters: &Parameters,
) -> Result<AuthorizationRequest, OAuthError> {
    if let Some(name) = parameters.repeated() {
        let description = format!("{name} is given more than once");
        return Err(OAuthError::new("invalid_request", description));
    }
    if parameters.get("response_type") != Some("code") {
        return Err(OAuthError::new(
            "unsupported_response_type",
            "unsupported_response_type",
        ));
    }
    if !memory.allows(client, grant_type::AUTHORIZATION_CODE) {
        return Err(unauthorized_client());
    }
    let scope = match parameters.get("scope") {
        Some(scope) if !scope::is_within(scope, &client.scopes) => {
            return Err(OAuthError::new("invalid_scope", "invalid_scope"));
        }
        Some(scope) => scope.to_owned(),
        None => client.scopes.join(" "),
    };
    Ok(AuthorizationRequest {
        client_id: client.id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scope,
        state: parameters.get("state").map(str::to_owned),
        code_challenge: code_challenge(client, parameters)?,
        nonce: parameters.get("nonce").map(str::to_owned),
    })
}

fn is_registered(memory: &Memory, client: &Client, redirect_uri: &str) -> bool {
    let mut registered = client.redirect_uris.iter().chain(&memory.redirect_uris);
    registered.any(|uri| uri == redirect_uri)
}

/// Returns the PKCE challenge, which only a confidential client may leave out. It must be S256.
fn code_challenge(client: &Client, parameters: &Parameters) -> Result<Option<String>, OAuthError> {
    let invalid = |description: &'static str| OAuthError::new("invalid_request", description);
    match (
        parameters.get("code_challenge"),
        parameters.get("code_challenge_method"),
    ) {
        (None, None) if client.is_confidential() => Ok(None),
        (None, None) => Err(invalid("pkce required for public clients")),
        // A SHA-256 hash is 43 characters of base64url.
        (Some(challenge), Some("S256")) if challenge.len() == 43 => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(invalid("code_challenge is not a SHA-256 hash")),
        (None, Some(_)) => Err(invalid("code_challenge is missing")),
        (Some(_), _) => Err(invalid("code_challenge_method must be S256")),
    }
}
