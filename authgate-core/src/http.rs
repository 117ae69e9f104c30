//! The HTTP client for every request of this crate.

mod answer;
mod authorization;
mod body;
mod connections;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod proxy;
mod retry;
mod route;
mod sent_secrets;
mod tls;
mod transport_error;

use std::fmt;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

use crate::config::{PlainHttp, check_url, refused};
use crate::error::{Cause, Error, Result, TransportFailure};
use crate::text;

pub(crate) use answer::Answer;
pub(crate) use authorization::{authorization, bearer};
pub use body::{Body, BodyEnd, read_body};
use connections::Connection;
pub use proxy::no_proxy_covers;
pub(crate) use retry::Retry;
use route::Routes;
pub(crate) use route::shorten_limit;
use sent_secrets::SentSecrets;

/// For our own requests. How long an API takes, only its caller knows.
const REQUEST_LIMIT_SECONDS: u32 = 30;

/// An HTTP client made for tokens; clones share their connections.
///
/// It follows no redirect (the token would go along), sends nothing to a URL that
/// [`parse_url`](crate::parse_url) refuses, gives up after 15 s without a connection and, for OAuth
/// requests, 30 s without a whole answer, asks for answers that are not compressed, stores no
/// cookies, and sends no referrer. It connects `localhost` to 127.0.0.1 or `[::1]` without asking the
/// system, and never uses a proxy for loopback; for other hosts it honours `HTTPS_PROXY`,
/// `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
///
/// Creating a client costs nothing. We build what a URL needs on the first request to such a URL,
/// so that a run over http reads no certificates.
#[derive(Clone, Default)]
pub struct HttpClient {
    plain_http: PlainHttp,
    routes: Arc<Routes>,
}

impl HttpClient {
    /// Returns a client that allows plain http as `plain_http` says.
    pub fn new(plain_http: PlainHttp) -> Self {
        Self {
            plain_http,
            routes: Arc::default(),
        }
    }

    /// Returns the same client and connections with another rule for plain http.
    #[must_use]
    pub(crate) fn with_plain_http(self, plain_http: PlainHttp) -> Self {
        Self { plain_http, ..self }
    }

    /// Returns where this client allows plain http.
    pub(crate) fn plain_http(&self) -> PlainHttp {
        self.plain_http
    }

    /// Sends a request, unchanged, and returns any answer, with its body still unread.
    ///
    /// A server may close a connection in the pool at the moment at which we use it. If it did, and
    /// the request is idempotent, we send it once more on a new connection (RFC 9110 section 9.2.2,
    /// RFC 9112 section 9.3.1).
    pub(crate) async fn execute(
        &self,
        operation: &'static str,
        request: reqwest::Request,
    ) -> Result<reqwest::Response> {
        let is_repeatable = request.method().is_idempotent();
        self.exchange(operation, request, Connection::Pooled, is_repeatable)
            .await
    }

    /// Sends an OAuth request, repeats it as `retry` allows, and returns the answer unless it is an
    /// error.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: reqwest::Request,
        retry: Retry,
    ) -> Result<Answer> {
        retry
            .run(operation, |connection| {
                self.send_once(operation, &request, connection)
            })
            .await
    }

    async fn send_once(
        &self,
        operation: &'static str,
        request: &reqwest::Request,
        connection: Connection,
    ) -> Result<Answer> {
        let sent = SentSecrets::of(request);
        // Only a streamed body cannot be cloned, and our bodies are in memory.
        let Some(request) = request.try_clone() else {
            return Err(Error::permanent(format!(
                "{operation}: the request has a streamed body, which can be sent only once"
            )));
        };
        let url = request.url().clone();
        let mut answering = pin!(async {
            let response = self.exchange(operation, request, connection, false).await?;
            Answer::read(operation, &url, response, sent).await
        });
        // While the process is suspended, or no thread polls the runtime, an answer may arrive with the
        // only copy of a refresh token. So we count only seconds in which we could have read it.
        for _ in 0..REQUEST_LIMIT_SECONDS {
            if let Ok(answer) = timeout(Duration::from_secs(1), &mut answering).await {
                return answer;
            }
        }
        Err(Error::Transport {
            operation,
            url: text::printable_url(&url),
            proxy: self.routes.to(&url)?.proxy_name(&url)?,
            failure: TransportFailure::AnswerTimedOut,
            source: Cause::innermost(&std::io::Error::from(ErrorKind::TimedOut)),
        })
    }

    /// Sends a request, and once more if we refused the server's certificate and trust other
    /// authorities by now: the request has not left yet.
    async fn exchange(
        &self,
        operation: &'static str,
        request: reqwest::Request,
        connection: Connection,
        is_repeatable: bool,
    ) -> Result<reqwest::Response> {
        let url = request.url().clone();
        check_url(&url, self.plain_http)
            .map_err(|reason| refused(&format!("{operation}: the URL"), &reason))?;
        #[cfg(feature = "fuzzing")]
        if let Some(answer) = fuzzing::answer() {
            return Ok(answer);
        }
        let route = self.routes.to(&url)?;
        let again = match url.scheme() {
            "https" => request.try_clone(),
            _ => None,
        };
        let outcome = route
            .exchange(operation, request, connection, is_repeatable)
            .await;
        if let Err(Error::Transport {
            failure: TransportFailure::Certificate,
            ..
        }) = outcome
            && let Some(again) = again
            && let Some(route) = self.routes.with_other_authorities(&url, &route)
        {
            return route
                .exchange(operation, again, connection, is_repeatable)
                .await;
        }
        outcome
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpClient")
            .field("plain_http", &self.plain_http)
            .finish_non_exhaustive()
    }
}

/// Builds a GET request that asks for JSON.
pub(crate) fn get_json(url: &Url) -> reqwest::Request {
    request(reqwest::Method::GET, url)
}

/// Builds a POST request with a form that asks for JSON.
pub(crate) fn post_form<'a>(
    url: &Url,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> reqwest::Request {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let form = Bytes::from_owner(Zeroizing::new(form.into_bytes()));
    let mut request = request(reqwest::Method::POST, url);
    request.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    *request.body_mut() = Some(form.into());
    request
}

fn request(method: reqwest::Method, url: &Url) -> reqwest::Request {
    let mut request = reqwest::Request::new(method, url.clone());
    // Without this header, a rate limiter may answer with a page for people.
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    request
}
