//! Authorization requests and the codes that answer them (RFC 6749 section 4.1, RFC 7636).

use std::time::SystemTime;

use url::Url;

use crate::{
    identity::{Client, grant_type},
    oauth_error::OAuthError,
    parameters::Parameters,
    random, scope,
    state::{AuthGate, Memory},
};

/// A request that passed every check.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) nonce: Option<String>,
}

/// A code that was handed out, with the request that it answers.
#[derive(Debug)]
pub(crate) struct AuthorizationCode {
    pub(crate) request: AuthorizationRequest,
    pub(crate) expires_at: SystemTime,
    pub(crate) used: bool,
}

/// How a bad request is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// On a page: where the answer should go cannot be trusted (RFC 6749 section 4.1.2.1).
    Page(String),
    /// To the client, at this URL.
    Redirect(String),
}

impl AuthGate {
    pub(crate) fn check_authorization_request(
        &self,
        memory: &Memory,
        parameters: &Parameters,
    ) -> Result<AuthorizationRequest, Refusal> {
        let client = parameters
            .get("client_id")
            .and_then(|id| self.client(id))
            .ok_or_else(|| Refusal::Page("Unknown client_id.".to_owned()))?;
        let redirect_uri =
            parameters.get("redirect_uri").filter(|uri| is_registered(memory, client, uri)).ok_or_else(|| {
                Refusal::Page(
                    "The redirect_uri is not registered for this client. It has to equal a \
                     registered one to the letter, host and port included."
                        .to_owned(),
                )
            })?;
        let state = parameters.get("state");
        check_answerable(memory, client, parameters, redirect_uri)
            .map_err(|error| Refusal::Redirect(error_redirect(redirect_uri, state, &error)))
    }

    /// Issues a code and returns the URL that carries it to the client.
    pub(crate) fn authorize(&self, memory: &mut Memory, request: AuthorizationRequest) -> String {
        let code = random::token();
        let mut answer = vec![("code", code.as_str())];
        answer.extend(request.state.as_deref().map(|state| ("state", state)));
        let location = redirect(&request.redirect_uri, &answer);
        let lifetime = memory.settings.authorization_code_lifetime;
        memory
            .authorization_codes
            .insert(code, AuthorizationCode { request, expires_at: self.clock.after(lifetime), used: false });
        location
    }
}

impl AuthorizationRequest {
    /// The URL that tells the client that the user said no.
    pub(crate) fn denial(&self) -> String {
        let denied = OAuthError::new("access_denied", "User denied the authorization request");
        error_redirect(&self.redirect_uri, self.state.as_deref(), &denied)
    }
}

/// The checks whose failure the client hears of.
fn check_answerable(
    memory: &Memory,
    client: &Client,
    parameters: &Parameters,
    redirect_uri: &str,
) -> Result<AuthorizationRequest, OAuthError> {
    if let Some(name) = parameters.repeated() {
        let description = format!("{name} is given more than once");
        return Err(OAuthError::new("invalid_request", description));
    }
    if parameters.get("response_type") != Some("code") {
        return Err(OAuthError::new("unsupported_response_type", "unsupported_response_type"));
    }
    if !memory.allows(client, grant_type::AUTHORIZATION_CODE) {
        return Err(OAuthError::new("unauthorized_client", "unauthorized_client"));
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

/// PKCE: S256 or nothing, and for a public client not nothing.
fn code_challenge(client: &Client, parameters: &Parameters) -> Result<Option<String>, OAuthError> {
    let invalid = |description: &'static str| OAuthError::new("invalid_request", description);
    match (parameters.get("code_challenge"), parameters.get("code_challenge_method")) {
        (None, None) if client.is_confidential() => Ok(None),
        (None, None) => Err(invalid("pkce required for public clients")),
        // A SHA-256 hash is 43 characters of base64url.
        (Some(challenge), Some("S256")) if challenge.len() == 43 => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(invalid("code_challenge is not a SHA-256 hash")),
        (None, Some(_)) => Err(invalid("code_challenge is missing")),
        (Some(_), _) => Err(invalid("code_challenge_method must be S256")),
    }
}

fn error_redirect(redirect_uri: &str, state: Option<&str>, error: &OAuthError) -> String {
    let mut answer = vec![("error", error.error())];
    answer.extend(error.description().map(|text| ("error_description", text)));
    answer.extend(state.map(|state| ("state", state)));
    redirect(redirect_uri, &answer)
}

fn redirect(redirect_uri: &str, answer: &[(&str, &str)]) -> String {
    match Url::parse(redirect_uri) {
        Ok(mut url) => {
            url.query_pairs_mut().extend_pairs(answer);
            url.into()
        }
        // Registered, but not a URL: there is nothing to add parameters to.
        Err(_) => redirect_uri.to_owned(),
    }
}
