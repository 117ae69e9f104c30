//! Calls to an API that wants a bearer token.

use http::StatusCode;
use http::header::AUTHORIZATION;
use reqwest::{Method, Request, Response};
use url::Url;

use crate::client_credentials::{Granted, Origin, TokenSource};
use crate::config::{PlainHttp, check_url};
use crate::error::{Error, Result};
use crate::http::HttpClient;

const OPERATION: &str = "API call";

/// An HTTP client that attaches a valid token to each request (RFC 6750 section 2.1).
///
/// A token goes only to a URL that is https, or http on this machine, and never along with a
/// redirect: a 3xx is the caller's to judge. The connections are those of the token source, so a
/// call to the server that issued the token needs none of its own.
///
/// ```no_run
/// # async fn example(tokens: authgate_core::TokenSource) -> Result<(), Box<dyn std::error::Error>> {
/// use authgate_core::BearerAuth;
///
/// let api = BearerAuth::new(tokens);
/// let response = api.get("https://api.example.com/v1/users".parse()?).await?;
/// println!("{}", response.status());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BearerAuth {
    tokens: TokenSource,
    http: HttpClient,
}

impl BearerAuth {
    /// Attaches the tokens of `tokens`.
    pub fn new(tokens: TokenSource) -> Self {
        Self { http: tokens.http().clone(), tokens }
    }

    /// Lets plain http through as `plain_http` says, for calls inside a cluster, say. The rule for
    /// the token endpoint stays as it is.
    #[must_use]
    pub fn with_plain_http(self, plain_http: PlainHttp) -> Self {
        Self { http: self.http.with_plain_http(plain_http), ..self }
    }

    /// Asks for `url`.
    ///
    /// # Errors
    ///
    /// As for [`BearerAuth::execute`].
    pub async fn get(&self, url: Url) -> Result<Response> {
        self.execute(Request::new(Method::GET, url)).await
    }

    /// Sends `request` with a valid token and returns whatever answer comes.
    ///
    /// When the API refuses the token with 401, a new one is fetched, and if the request's body can
    /// be sent again it is sent once more. A second 401 is the caller's, and so is the first when
    /// there is no new token to be had, or when the token was fetched for this very call: another
    /// would fare no better, and is not asked for during the next 30 s.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a URL that no token may go to, before anything is sent;
    /// [`Error::Transport`] when no answer comes; else as for [`TokenSource::token`].
    pub async fn execute(&self, request: Request) -> Result<Response> {
        check_url(request.url(), self.http.plain_http())
            .map_err(|reason| Error::config(format!("the API's URL is refused: {reason}")))?;
        let (granted, origin) = self.tokens.granted().await?;
        let again = request.try_clone();

        let response = self.send(request, &granted).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        if origin == Origin::Fetched {
            granted.refusal().record(self.tokens.now());
        } else if granted.refusal().allows_renewal(self.tokens.now()) {
            match again {
                Some(again) => return self.send_renewed(again, &granted, response).await,
                None => self.tokens.invalidate(granted.access_token()),
            }
        }
        Ok(response)
    }

    /// Sends the request with another token than the one that was refused; `refusal` is the answer
    /// if there is no other.
    async fn send_renewed(&self, request: Request, refused: &Granted, refusal: Response) -> Result<Response> {
        let renewed = match self.tokens.replace(refused).await {
            Ok(renewed) => renewed,
            Err(error) => {
                tracing::warn!(%error, "the API refused the token, and there is no other");
                return Ok(refusal);
            }
        };
        let response = self.send(request, &renewed).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            renewed.refusal().record(self.tokens.now());
        }
        Ok(response)
    }

    async fn send(&self, mut request: Request, granted: &Granted) -> Result<Response> {
        request.headers_mut().insert(AUTHORIZATION, granted.header());
        self.http.execute(OPERATION, request).await
    }
}
