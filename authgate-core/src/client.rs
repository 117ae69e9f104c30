//! The OAuth 2.0 client, with one method for each request that it can make.

#[cfg(feature = "login")]
mod authorization_request;
mod device_authorization;
mod extra_parameters;
mod grants;
mod introspection;
mod token_response;

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::clock::{Clock, SystemClock};
use crate::config::{ClientAuthentication, check_credential};
use crate::discovery::Endpoints;
use crate::error::{Error, Result};
use crate::http::{Answer, HttpClient, Retry, authorization, post_form};
use crate::jwt::unverified_claim;
use crate::secret::Secret;
use crate::text;
use crate::token::Token;

#[cfg(feature = "login")]
pub use authorization_request::{AuthorizationRequest, AuthorizationUrl};
pub use device_authorization::DeviceAuth;
#[cfg(feature = "login")]
pub(crate) use device_authorization::device_flow_unavailable;
pub(crate) use extra_parameters::ExtraParameters;
pub use introspection::Introspection;

/// An OAuth 2.0 client at one server: its identity, the server's endpoints, and the grants.
///
/// ```no_run
/// # async fn example() -> authgate_core::Result<()> {
/// use authgate_core::{DiscoveryClient, HttpClient, OAuthClient, Secret};
///
/// let http = HttpClient::default();
/// let metadata = DiscoveryClient::new("https://auth.example.com", http.clone())?.fetch().await?;
/// let client = OAuthClient::new("billing", metadata.to_endpoints(), http)
///     .with_secret(Secret::from("the client's secret"));
/// let token = client.client_credentials(&["read".to_owned()]).await?;
/// println!("granted: {}", token.scope.as_deref().unwrap_or("everything"));
/// # Ok(())
/// # }
/// ```
///
/// With a secret it is a confidential client and sends the secret in every request of its own (RFC
/// 6749 section 2.3). Without one it is a public client and sends only its `client_id`.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    client_id: String,
    client_secret: Option<Secret>,
    extra_parameters: ExtraParameters,
    /// Overrides how the secret is sent.
    client_authentication: Option<ClientAuthentication>,
    endpoints: Endpoints,
    http: HttpClient,
    clock: Arc<dyn Clock>,
}

impl OAuthClient {
    /// Creates a public client.
    pub fn new(client_id: impl Into<String>, endpoints: Endpoints, http: HttpClient) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: None,
            extra_parameters: ExtraParameters::default(),
            client_authentication: None,
            endpoints,
            http,
            clock: Arc::new(SystemClock),
        }
    }

    /// Makes this a confidential client; `None` leaves it a public one.
    #[must_use]
    pub fn with_secret(self, client_secret: impl Into<Option<Secret>>) -> Self {
        Self {
            client_secret: client_secret.into(),
            ..self
        }
    }

    /// Adds a parameter to each grant: the authorization URL, the device authorization request, and
    /// each request to the token endpoint. The same name may be added again (RFC 8707 section 2).
    ///
    /// A name that these requests set themselves, such as `scope`, makes each of them fail with
    /// [`Error::Other`].
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra_parameters.add(name, value);
        self
    }

    /// Overrides how the client sends its secret; `None` leaves it to discovery.
    #[must_use]
    pub fn with_client_authentication(
        self,
        method: impl Into<Option<ClientAuthentication>>,
    ) -> Self {
        Self {
            client_authentication: method.into(),
            ..self
        }
    }

    #[cfg(feature = "login")]
    pub(crate) fn with_parameters(self, extra_parameters: ExtraParameters) -> Self {
        Self {
            extra_parameters,
            ..self
        }
    }

    /// Measures the lifetime of tokens by another clock.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Returns the client's identifier.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the endpoints of the server.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub(crate) fn http(&self) -> &HttpClient {
        &self.http
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Asks the server about a token (RFC 7662), as a resource server does.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] without an introspection endpoint; otherwise the error of the request.
    pub async fn introspect(&self, token: &Secret) -> Result<Introspection> {
        let url = self.endpoints.introspection_url.as_ref();
        let answer = self.post_token("introspection", url, token).await?;
        Ok(Introspection::read(answer.object()?))
    }

    /// Revokes one token (RFC 7009). The other token of a login stays valid, so revoke both.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] without a revocation endpoint; otherwise the error of the request. A token
    /// that the server does not know is no error (section 2.2).
    pub async fn revoke(&self, token: &Secret) -> Result<()> {
        let url = self.endpoints.revocation_url.as_ref();
        self.post_token("revocation", url, token).await?;
        Ok(())
    }

    async fn post_token(
        &self,
        operation: &'static str,
        url: Option<&Url>,
        token: &Secret,
    ) -> Result<Answer> {
        let url = configured(url, operation)?;
        let parameters = [("token", token.expose())];
        self.post(operation, url, &parameters, Retry::Idempotent)
            .await
    }

    /// Sends a grant with the client's credentials to the token endpoint and reads the token in the
    /// answer.
    async fn grant(
        &self,
        operation: &'static str,
        parameters: &[(&str, &str)],
        retry: Retry,
    ) -> Result<Token> {
        let url = &self.endpoints.token_url;
        let parameters = self.with_extra_parameters(parameters)?;
        let obtained = self.clock.now();
        let answer = self.post(operation, url, &parameters, retry).await?;
        token_response::read(&answer, obtained)
    }

    fn with_extra_parameters<'a>(
        &'a self,
        own: &[(&'a str, &'a str)],
    ) -> Result<Vec<(&'a str, &'a str)>> {
        self.extra_parameters.check()?;
        Ok(own
            .iter()
            .copied()
            .chain(self.extra_parameters.iter())
            .collect())
    }

    /// Refuses a person's access token that names another issuer: it may be a token of another server
    /// that this server has borrowed (RFC 9700 section 4.4).
    fn check_issuer(&self, operation: &str, token: Token) -> Result<Token> {
        let named = unverified_claim(&token.access_token, "iss");
        match (&self.endpoints.issuer, named) {
            (Some(issuer), Some(named)) if !issuer.matches(&named) => {
                Err(Error::permanent(format!(
                    "{operation}: {issuer} sent an access token of {}, so we do not use it",
                    text::excerpt(&named, 200)
                )))
            }
            _ => Ok(token),
        }
    }

    /// Posts a form with the client's credentials.
    async fn post(
        &self,
        operation: &'static str,
        url: &Url,
        parameters: &[(&str, &str)],
        retry: Retry,
    ) -> Result<Answer> {
        self.check_credentials()?;
        let by_discovery = self.endpoints.client_authentication;
        let method = self.client_authentication.unwrap_or(by_discovery);
        let mut parameters = parameters.to_vec();
        let mut basic = None;
        match (&self.client_secret, method) {
            (Some(secret), ClientAuthentication::Basic) => basic = Some(self.basic(secret)?),
            (Some(secret), ClientAuthentication::Body) => {
                parameters.extend([
                    ("client_id", self.client_id.as_str()),
                    ("client_secret", secret.expose()),
                ]);
            }
            (None, _) => parameters.push(("client_id", &self.client_id)),
        }
        let mut request = post_form(url, parameters);
        request
            .headers_mut()
            .extend(basic.map(|basic| (AUTHORIZATION, basic)));
        self.http.send(operation, request, retry).await
    }

    /// Refuses credentials that were copied together with a line break, before they are sent.
    fn check_credentials(&self) -> Result<()> {
        check_credential("the client ID", &self.client_id)?;
        match &self.client_secret {
            Some(secret) => check_credential("the client secret", secret.expose()),
            None => Ok(()),
        }
    }

    /// Builds the client's Basic credentials, each form-encoded as RFC 6749 section 2.3.1 requires.
    fn basic(&self, secret: &Secret) -> Result<HeaderValue> {
        let encode = |value: &str| byte_serialize(value.as_bytes()).collect::<String>();
        let credentials = format!("{}:{}", encode(&self.client_id), encode(secret.expose()));
        authorization("Basic", &BASE64_STANDARD.encode(credentials))
    }
}

pub(crate) fn configured<'a>(url: Option<&'a Url>, name: &str) -> Result<&'a Url> {
    url.ok_or_else(|| {
        Error::permanent(format!(
            "the server has no {name} endpoint: its discovery document does not name one"
        ))
    })
}
