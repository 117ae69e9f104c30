//! The HTTP client for every request of this crate.

mod answer;
mod authorization;
mod body;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod loopback;
mod proxy;
mod retry;
mod sent_secrets;
mod tls;

use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use rustls::ClientConfig;
use url::Url;
use zeroize::Zeroizing;

use crate::config::{PlainHttp, check_url, is_loopback};
use crate::error::{Cause, Error, Result, TransportFailure, causes};
use crate::text;

pub(crate) use answer::{Answer, seconds, string};
pub(crate) use authorization::bearer;
pub use body::{Body, BodyEnd, read_body};
use loopback::LoopbackOnly;
use proxy::Proxies;
pub(crate) use retry::Retry;
use sent_secrets::SentSecrets;
use tls::Authorities;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// The most headers of an answer that we read; proxies add many.
const HEADER_COUNT_LIMIT: usize = 500;
const USER_AGENT: &str = concat!("authgate-rust/", env!("CARGO_PKG_VERSION"));

/// An HTTP client made for tokens; clones share their connections.
///
/// It follows no redirect (the token would go along), sends nothing to a URL that
/// [`parse_url`](crate::parse_url) refuses, gives up after 5 s without a connection and
/// 30 s without a whole answer, stores no cookies, and sends no referrer. It connects `localhost` to
/// 127.0.0.1 or `[::1]` without asking the system, and never uses a proxy for loopback; for other
/// hosts it honours `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
///
/// Creating a client costs nothing. We build what a URL needs on the first request to such a URL,
/// so that a run over http reads no certificates.
#[derive(Clone, Default)]
pub struct HttpClient {
    plain_http: PlainHttp,
    routes: Arc<Routes>,
}

/// The routes to a server, each built on first use.
#[derive(Default)]
struct Routes {
    loopback: Mutex<Option<Arc<Route>>>,
    loopback_tls: Mutex<Option<Arc<Route>>>,
    remote: Mutex<Option<Arc<Route>>>,
    remote_tls: Mutex<Option<Arc<Route>>>,
}

struct Route {
    client: reqwest::Client,
    proxies: Arc<Proxies>,
    /// `None` without encryption.
    authorities: Option<Authorities>,
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

    /// Sends a request once, unchanged, and returns any answer, with its body still unread.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] for a URL that no token may go to, certificates that cannot be read, or a
    /// proxy that cannot be used; [`Error::Transport`] when no answer arrives.
    pub(crate) async fn execute(
        &self,
        operation: &'static str,
        request: reqwest::Request,
    ) -> Result<reqwest::Response> {
        let url = request.url().clone();
        check_url(&url, self.plain_http)
            .map_err(|refusal| refusal.of(&format!("{operation}: the URL")))?;
        #[cfg(feature = "fuzzing")]
        if let Some(answer) = fuzzing::answer() {
            return Ok(answer);
        }
        let route = self.route(&url)?;
        let again = route.authorities.is_some().then(|| request.try_clone());
        let outcome = route.execute(operation, &url, request).await;
        if let Err(Error::Transport {
            failure: TransportFailure::Certificate,
            ..
        }) = outcome
            && let Some(again) = again.flatten()
            && let Some(route) = self.route_with_other_authorities(&url, &route)
        {
            return route.execute(operation, &url, again).await;
        }
        outcome
    }

    /// Sends an OAuth request, repeats it as `retry` allows, and returns the answer if its status
    /// is 200.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: reqwest::Request,
        retry: Retry,
    ) -> Result<Answer> {
        retry
            .run(operation, || self.send_once(operation, &request))
            .await
    }

    async fn send_once(
        &self,
        operation: &'static str,
        request: &reqwest::Request,
    ) -> Result<Answer> {
        let sent = SentSecrets::of(request);
        // Only a streamed body cannot be cloned, and our bodies are in memory.
        let Some(request) = request.try_clone() else {
            return Err(Error::permanent(format!(
                "{operation}: the request has a streamed body, which can be sent only once"
            )));
        };
        let url = request.url().clone();
        let response = self.execute(operation, request).await?;
        Answer::read(operation, &url, response, sent).await
    }

    fn route(&self, url: &Url) -> Result<Arc<Route>> {
        let mut current = self.current_route(url);
        if let Some(route) = &*current {
            return Ok(Arc::clone(route));
        }
        let authorities = match url.scheme() {
            "https" => Some(Authorities::read()?),
            _ => None,
        };
        let route = Arc::new(Route::new(is_loopback(url), authorities)?);
        *current = Some(Arc::clone(&route));
        Ok(route)
    }

    /// Reads the authorities again after a certificate was refused, because a server may move to a
    /// new authority while a service runs. Returns a new route if they differ from those of `used`.
    fn route_with_other_authorities(&self, url: &Url, used: &Arc<Route>) -> Option<Arc<Route>> {
        // A file that is just being written may be unreadable. Then the failure stays.
        let authorities = Authorities::read().ok()?;
        if used.authorities.as_ref()?.are_those_of(&authorities) {
            return None;
        }
        let mut current = self.current_route(url);
        match &*current {
            // Another request has read them too.
            Some(route) if !Arc::ptr_eq(route, used) => Some(Arc::clone(route)),
            _ => {
                let route = Arc::new(Route::new(is_loopback(url), Some(authorities)).ok()?);
                *current = Some(Arc::clone(&route));
                Some(route)
            }
        }
    }

    fn current_route(&self, url: &Url) -> MutexGuard<'_, Option<Arc<Route>>> {
        let route = match (is_loopback(url), url.scheme()) {
            (true, "https") => &self.routes.loopback_tls,
            (true, _) => &self.routes.loopback,
            (false, "https") => &self.routes.remote_tls,
            (false, _) => &self.routes.remote,
        };
        route.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    fn new(is_loopback: bool, authorities: Option<Authorities>) -> Result<Self> {
        let trust = match &authorities {
            Some(authorities) => authorities.configuration()?,
            None => tls::trusting_nobody()?,
        };
        let proxies = Arc::new(if is_loopback {
            Proxies::none()
        } else {
            Proxies::from_environment(authorities.is_some())
        });
        let client = build(is_loopback, trust, &proxies)?;
        Ok(Self {
            client,
            proxies,
            authorities,
        })
    }

    async fn execute(
        &self,
        operation: &'static str,
        url: &Url,
        request: reqwest::Request,
    ) -> Result<reqwest::Response> {
        let proxy = self.proxies.between_us_and(url)?;
        let sent = self.client.execute(request).await;
        sent.map_err(|error| {
            transport_error(operation, url, proxy, self.authorities.as_ref(), &error)
        })
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

fn build(
    is_loopback: bool,
    trust: ClientConfig,
    proxies: &Arc<Proxies>,
) -> Result<reqwest::Client> {
    let proxies = Arc::clone(proxies);
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(trust)
        // This turns off the HTTP client's own reading of the variables.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(REQUEST_LIMIT)
        .http1_max_headers(HEADER_COUNT_LIMIT)
        .user_agent(USER_AGENT);
    if is_loopback {
        builder = builder.dns_resolver(LoopbackOnly);
    } else {
        let proxy = reqwest::Proxy::custom(move |url| proxies.url_for(url).map(str::to_owned));
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| {
        Error::permanent(format!(
            "cannot create the HTTP client: {}",
            Cause::innermost(&error)
        ))
    })
}

fn transport_error(
    operation: &'static str,
    url: &Url,
    proxy: Option<String>,
    authorities: Option<&Authorities>,
    error: &reqwest::Error,
) -> Error {
    let (failure, source) = match causes(error).find_map(|cause| cause.downcast_ref()) {
        Some(cause) => tls::explain(cause, error.is_connect(), authorities),
        None => proxy::explain(error)
            .unwrap_or_else(|| (failure_of(error, url), Cause::innermost(error))),
    };
    Error::Transport {
        operation,
        url: text::printable_url(url),
        proxy,
        failure,
        source,
    }
}

fn failure_of(error: &reqwest::Error, url: &Url) -> TransportFailure {
    let refused = any_cause(error, |error: &std::io::Error| {
        error.kind() == ErrorKind::ConnectionRefused
    });
    let not_http = url.scheme() == "http" && any_cause(error, hyper::Error::is_parse);
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => TransportFailure::ConnectTimedOut,
        (true, false) if refused => TransportFailure::Refused,
        (true, false) => TransportFailure::Unreachable,
        (false, true) => TransportFailure::AnswerTimedOut,
        (false, false) if not_http => TransportFailure::NotHttp,
        (false, false) => TransportFailure::Broken,
    }
}

fn any_cause<E: std::error::Error + 'static>(
    error: &reqwest::Error,
    is_it: impl Fn(&E) -> bool,
) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(is_it)
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
