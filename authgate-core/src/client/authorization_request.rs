//! The URL to open in a person's browser, and what we must remember until the browser comes back.

use std::borrow::Cow;

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope};
use url::Url;

use super::extra_parameters::is_reserved;
use super::{OAuthClient, configured};
use crate::config::{check_url, refused};
use crate::error::{Error, Result};
use crate::jwt::unverified_claim;
use crate::secret::Secret;
use crate::token::Token;

/// Random bytes in a state and a nonce: 256 bits, as in a PKCE verifier.
const RANDOM_BYTES: u32 = 32;

/// One browser login that is about to begin; each attempt needs a new one.
///
/// `Debug` shows neither the URL's state nor the verifier.
#[derive(Debug)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// The URL at which the person logs in. It contains the state, so show it to that person only.
    pub url: AuthorizationUrl,
    /// The value that the answer must carry again (RFC 6749 section 10.12): 256 random bits.
    pub state: Secret,
    /// The secret that proves at the exchange that we began this login (RFC 7636 section 4.1).
    pub code_verifier: Secret,
    /// The value that the ID token must carry again, if `openid` was requested (OpenID Connect Core
    /// section 3.1.2.1).
    pub nonce: Option<Secret>,
}

/// An authorization URL with its parameters, which `Debug` leaves out.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationUrl(Url);

impl AuthorizationUrl {
    /// Returns the URL to open, as the parser writes it: http or https, and no control characters.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl std::fmt::Display for AuthorizationUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

impl std::fmt::Debug for AuthorizationUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "AuthorizationUrl({})",
            crate::text::printable_url(&self.0)
        )
    }
}

impl OAuthClient {
    /// Builds the request for the authorization code grant (RFC 6749 section 4.1.1) with PKCE S256
    /// (RFC 7636), whatever challenge methods the server's discovery document lists.
    ///
    /// We send `redirect_uri` unchanged, because the server compares it character by character. The
    /// endpoint's own query stays.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the server has no authorization endpoint, when that endpoint has a
    /// fragment (section 3.1) or is plain http to another machine, when `redirect_uri` is not a URL,
    /// or for an added parameter that the request sets itself.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use authgate_core::{Endpoints, HttpClient, OAuthClient};
    ///
    /// let mut endpoints = Endpoints::from_token_url("https://auth.example.com/oauth/token".parse()?);
    /// endpoints.authorize_url = Some("https://auth.example.com/oauth/authorize".parse()?);
    /// let client = OAuthClient::new("desktop", endpoints, HttpClient::default());
    ///
    /// let request = client.authorize_url("http://127.0.0.1:8088/callback", &["profile".to_owned()])?;
    /// assert!(request.url.to_string().contains("code_challenge_method=S256"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn authorize_url(
        &self,
        redirect_uri: &str,
        scopes: &[String],
    ) -> Result<AuthorizationRequest> {
        self.check_credentials()?;
        let endpoint = configured(self.endpoints().authorize_url.as_ref(), "authorization")?;
        self.extra_parameters.check()?;
        check_url(endpoint, self.http().plain_http())
            .map_err(|reason| refused("the authorization endpoint", &reason))?;
        let redirect = RedirectUrl::new(redirect_uri.to_owned()).map_err(|reason| {
            Error::permanent(format!("the redirect URI is not a URL ({reason})"))
        })?;

        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = scopes.iter().any(|scope| scope == "openid").then(random);
        let client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(self.without_own_parameters(endpoint)));
        let mut request = client
            .authorize_url(|| CsrfToken::new_random_len(RANDOM_BYTES))
            .set_redirect_uri(Cow::Owned(redirect))
            .set_pkce_challenge(challenge)
            .add_scopes(scopes.iter().cloned().map(Scope::new));
        if let Some(nonce) = &nonce {
            request = request.add_extra_param("nonce", nonce.expose());
        }
        for (name, value) in self.extra_parameters.iter() {
            request = request.add_extra_param(name, value);
        }
        let (url, state) = request.url();
        Ok(AuthorizationRequest {
            url: AuthorizationUrl(url),
            state: Secret::from(state.into_secret()),
            code_verifier: Secret::from(verifier.into_secret()),
            nonce,
        })
    }

    /// Removes the parameters that would otherwise appear twice (RFC 6749 section 3.1) from the
    /// endpoint's query; the others keep their spelling.
    fn without_own_parameters(&self, endpoint: &Url) -> Url {
        let mut endpoint = endpoint.clone();
        let is_own = |pair: &&str| {
            url::form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| {
                is_reserved(&name) || self.extra_parameters.iter().any(|(own, _)| own == name)
            })
        };
        let kept = endpoint
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !is_own(pair))
            .collect::<Vec<_>>();
        let kept = kept.join("&");
        endpoint.set_query(Some(kept.as_str()).filter(|query| !query.is_empty()));
        endpoint
    }
}

impl AuthorizationRequest {
    /// Returns whether the ID token, if there is one, belongs to this request (OpenID Connect Core
    /// section 3.1.3.7, rule 11). We accept an ID token without a nonce and one that we cannot
    /// read, because PKCE has tied the code to this request already.
    pub fn is_answered_by(&self, token: &Token) -> bool {
        let id_token = token.id_token.as_ref();
        let named = id_token.and_then(|id_token| unverified_claim(id_token, "nonce"));
        match (&self.nonce, named) {
            (Some(expected), Some(named)) => *expected == Secret::from(named),
            _ => true,
        }
    }
}

fn random() -> Secret {
    Secret::from(CsrfToken::new_random_len(RANDOM_BYTES).into_secret())
}
