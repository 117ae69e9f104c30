//! Authorization requests, their codes, and the redirects that answer them (RFC 6749 section 4.1).

use std::time::SystemTime;

use url::Url;

use crate::oauth_error::OAuthError;

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

/// An authorization code's request and state.
#[derive(Debug)]
pub(crate) struct AuthorizationCode {
    pub(crate) request: AuthorizationRequest,
    pub(crate) expires_at: SystemTime,
    pub(crate) used: bool,
}

/// The way in which the server refuses a request.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// On a page with this text, so that the client gets no response.
    Page(&'static str),
    /// With a redirect to this URL.
    Redirect(String),
}

impl AuthorizationRequest {
    /// Returns the redirect that carries the code to the client.
    pub(crate) fn approval(&self, code: &str) -> String {
        redirect(&self.redirect_uri, self.state.as_deref(), &[("code", code)])
    }

    /// Returns the redirect that tells the client that the person denied the request.
    pub(crate) fn denial(&self) -> String {
        let denied = OAuthError::new("access_denied", "User denied the authorization request");
        error_redirect(&self.redirect_uri, self.state.as_deref(), &denied)
    }
}

/// Returns the redirect that carries an error to the client.
pub(crate) fn error_redirect(
    redirect_uri: &str,
    state: Option<&str>,
    error: &OAuthError,
) -> String {
    let mut answer = vec![("error", error.error())];
    answer.extend(error.description().map(|text| ("error_description", text)));
    redirect(redirect_uri, state, &answer)
}

fn redirect(redirect_uri: &str, state: Option<&str>, answer: &[(&str, &str)]) -> String {
    match Url::parse(redirect_uri) {
        Ok(mut url) => {
            url.query_pairs_mut()
                .extend_pairs(answer)
                .extend_pairs(state.map(|state| ("state", state)));
            url.into()
        }
        // A test has registered something else than a URL, which cannot take parameters.
        Err(_) => redirect_uri.to_owned(),
    }
}
