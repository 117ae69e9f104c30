//! An HTTP client for an API that wants a bearer token.

mod request_builder;

use http::StatusCode;
use http::header::AUTHORIZATION;
use reqwest::{Method, Request, Response};
use tokio::time::Instant;

use crate::config::{PlainHttp, check_url, refused};
use crate::error::Result;
use crate::http::{HttpClient, shorten_limit};
use crate::text::printable_url;
use crate::token_source::{CachedToken, TokenSource};
pub use request_builder::RequestBuilder;

const OPERATION: &str = "API call";

/// An HTTP client that attaches a valid token to each request (RFC 6750 section 2.1).
///
/// ```no_run
/// # async fn example(tokens: authgate_core::TokenSource) -> authgate_core::Result<()> {
/// use authgate_core::BearerAuth;
///
/// let api = BearerAuth::new(tokens);
/// let users = api.get("https://api.example.com/v1/users").send().await?;
/// let user = serde_json::json!({ "name": "Ada" });
/// let created = api.post("https://api.example.com/v1/users").json(&user).send().await?;
/// println!("{} {}", users.status(), created.status());
/// # Ok(())
/// # }
/// ```
///
/// It sends a token only to a URL that is https, or http on this machine. It follows no redirect
/// with a token, but returns a 3xx as it is. It uses the connections of the token source, so a call
/// to the server that issued the token opens no new one.
///
/// It gives up after 15 s without a connection. Only the API's caller knows how long an upload or a
/// stream of events takes, so there is no other limit until you set one with
/// [`timeout`](RequestBuilder::timeout).
#[derive(Debug, Clone)]
pub struct BearerAuth {
    tokens: TokenSource,
    http: HttpClient,
}

impl BearerAuth {
    /// Creates a client that attaches the tokens of `tokens`.
    pub fn new(tokens: TokenSource) -> Self {
        Self {
            http: tokens.http().clone(),
            tokens,
        }
    }

    /// Allows plain http as `plain_http` says, for calls inside a cluster. The rule for the token
    /// endpoint stays as it is.
    ///
    /// ```no_run
    /// # async fn example(tokens: authgate_core::TokenSource) -> authgate_core::Result<()> {
    /// use authgate_core::{BearerAuth, PlainHttp};
    ///
    /// let api = BearerAuth::new(tokens).with_plain_http(PlainHttp::Anywhere);
    /// let users = api.get("http://users.internal:8080/v1/users").send().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_plain_http(self, plain_http: PlainHttp) -> Self {
        Self {
            http: self.http.with_plain_http(plain_http),
            ..self
        }
    }

    /// Begins a GET request.
    pub fn get(&self, url: impl AsRef<str>) -> RequestBuilder<'_> {
        self.request(Method::GET, url)
    }

    /// Begins a POST request.
    pub fn post(&self, url: impl AsRef<str>) -> RequestBuilder<'_> {
        self.request(Method::POST, url)
    }

    /// Begins a request with any method. If `url` is not a URL, [`send`](RequestBuilder::send)
    /// returns the error.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder<'_> {
        RequestBuilder::new(self, method, url.as_ref())
    }

    /// Sends a request that was built elsewhere, with a valid token, and returns its answer.
    ///
    /// When the API refuses the token with 401, we fetch a new token and send the request once
    /// more. If the request's body cannot be sent again, we return the 401, and the next call
    /// fetches a new token. We return a second 401 as it is. We also return the first 401 when
    /// there is no new token, or when the token was fetched for this very call: the API would
    /// refuse another token too, so we do not ask for one during the next 30 s.
    ///
    /// A server may close an idle connection at the moment at which we use it. We send the request
    /// once more on a new connection if its method is idempotent (RFC 9110 section 9.2.2), such as
    /// GET or PUT, its body can be sent again, and no answer has begun.
    ///
    /// # Errors
    ///
    /// [`Error::Other`](crate::Error::Other) for a URL that no token may go to, before anything is sent;
    /// [`Error::Transport`](crate::Error::Transport) when no answer arrives, or not in the time that the
    /// request allows; otherwise as for [`TokenSource::token`].
    pub async fn execute(&self, request: Request) -> Result<Response> {
        // Refuse the URL before a token is fetched for it. `HttpClient::execute` checks every URL
        // once more.
        check_url(request.url(), self.http.plain_http())
            .map_err(|reason| refused("the API's URL", &reason))?;
        let (token, is_new) = self.tokens.obtain().await?;
        let again = request.try_clone();
        let begun = Instant::now();

        let response = self.send_with(&token, request).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        if is_new {
            // An API that refuses this token would refuse the next one too.
            token.record_refusal(self.tokens.now());
        } else if token.allows_replacement(self.tokens.now()) {
            match again {
                Some(again) => return self.send_again(again, begun, &token, response).await,
                None => self.tokens.invalidate(token.access_token()),
            }
        }
        Ok(response)
    }

    /// Sends the request with another token than the refused one; returns `refusal` if there is no
    /// other token.
    async fn send_again(
        &self,
        mut request: Request,
        begun: Instant,
        refused: &CachedToken,
        refusal: Response,
    ) -> Result<Response> {
        let token = match self.tokens.fetch(Some(refused)).await {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(%error, "the API refused the token, and there is no other");
                return Ok(refusal);
            }
        };
        tracing::debug!(
            operation = OPERATION,
            url = printable_url(request.url()),
            "the API refused the token; sending the request again with a new one"
        );
        shorten_limit(&mut request, begun);
        let response = self.send_with(&token, request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            token.record_refusal(self.tokens.now());
        }
        Ok(response)
    }

    /// Sends the request once, with this token.
    async fn send_with(&self, token: &CachedToken, mut request: Request) -> Result<Response> {
        request.headers_mut().insert(AUTHORIZATION, token.header());
        self.http.execute(OPERATION, request).await
    }
}
