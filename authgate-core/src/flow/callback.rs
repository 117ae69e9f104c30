//! The loopback server that receives the authorization response (RFC 8252 section 7.3).
//!
//! Any program on this machine, and any page in the browser, can send it a request. So it rejects
//! every request without the login's state and keeps waiting.

mod connections;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod listeners;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, Method};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::authorization_response::ExpectedResponse;
use super::page::Page;
use crate::error::Result;
use crate::notice::Notice;
use crate::secret::Secret;
#[cfg(feature = "fuzzing")]
pub use fuzzing::Callback;
use listeners::Listeners;

/// Listens at the redirect URI until it is dropped, which frees the port at once.
#[derive(Debug)]
pub(super) struct CallbackServer {
    listeners: Arc<Listeners>,
    /// Receives until the serving task ends.
    pub(super) requests: mpsc::UnboundedReceiver<CallbackRequest>,
    /// Sending or dropping this tells the serving task to finish.
    closing: watch::Sender<()>,
    serving: JoinHandle<()>,
}

/// A request to the redirect URI that concerns the login.
#[derive(Debug)]
pub(super) enum CallbackRequest {
    /// A request that we ignored although it resembles the authorization response. The notice says
    /// why, and what to do if the login is to go on.
    Ignored(Notice),
    /// The authorization response of this login. There is at most one.
    Response(AuthorizationResponse),
}

/// The authorization response (RFC 6749 section 4.1.2), sent by a browser that waits for its page.
#[derive(Debug)]
pub(super) struct AuthorizationResponse {
    /// The code, or the error that ends the login.
    pub(super) code: Result<Secret>,
    /// Sends the browser its page. If this is dropped, the browser shows that the login was not
    /// finished.
    pub(super) page: oneshot::Sender<Page>,
}

impl CallbackServer {
    /// Listens at the redirect URI of the `expected` response.
    pub(super) async fn start(expected: ExpectedResponse) -> Result<Self> {
        let listeners = Arc::new(Listeners::bind(&expected.redirect_uri).await?);
        let (handler, requests) = RequestHandler::new(expected);
        let (closing, closed) = watch::channel(());
        let serving = tokio::spawn(connections::serve(
            listeners.clone(),
            Arc::new(handler),
            closed,
        ));
        Ok(Self {
            listeners,
            requests,
            closing,
            serving,
        })
    }

    /// Frees the port, and waits until the browser has read its page, for at most 2 s.
    pub(super) async fn finish(mut self) {
        self.listeners.close();
        let _ = self.closing.send(());
        let _ = (&mut self.serving).await;
    }
}

impl Drop for CallbackServer {
    fn drop(&mut self) {
        self.listeners.close();
    }
}

/// Answers the requests of all connections.
struct RequestHandler {
    expected: ExpectedResponse,
    requests: mpsc::UnboundedSender<CallbackRequest>,
    reported: Mutex<Vec<Notice>>,
    response_has_arrived: AtomicBool,
}

impl RequestHandler {
    fn new(expected: ExpectedResponse) -> (Self, mpsc::UnboundedReceiver<CallbackRequest>) {
        // No attacker can fill the channel: we send each notice and the response only once.
        let (requests, receiver) = mpsc::unbounded_channel();
        let handler = Self {
            expected,
            requests,
            reported: Mutex::default(),
            response_has_arrived: AtomicBool::new(false),
        };
        (handler, receiver)
    }

    async fn respond(&self, request: Request) -> Response {
        let page = match self.check(&request) {
            Ok(code) => self.outcome_page(code).await,
            Err(page) => page,
        };
        page.response()
    }

    /// Returns the code, or the error that ends the login, if the request is the authorization
    /// response of this login; otherwise the page that rejects the request.
    fn check(&self, request: &Request) -> Result<Result<Secret>, Page> {
        let redirect_uri = &self.expected.redirect_uri;
        let hosts = Vec::from_iter(request.headers().get_all(HOST));
        // A request that also names its host in the request line is meant for a proxy.
        let is_our_host = request.uri().authority().is_none()
            && matches!(hosts[..], [host] if redirect_uri.matches_host(host.as_bytes()));
        let response = (self.expected).check(request.uri().query().unwrap_or_default());
        if !is_our_host || request.uri().path() != redirect_uri.path() {
            if response.is_some() {
                self.report(format!(
                    "The browser came back to another host or path. Change the beginning of its \
                     address to {redirect_uri} and load the page again"
                ));
            }
            return Err(if is_our_host {
                Page::NOT_FOUND
            } else {
                Page::BAD_REQUEST
            });
        }
        if request.method() != Method::GET {
            if request.method() == Method::POST {
                self.report(
                    "Ignored a POST request to the callback address. The server must send the \
                     browser back with GET (response_mode=query)",
                );
            }
            return Err(Page::METHOD_NOT_ALLOWED);
        }
        let response = response.ok_or_else(|| {
            self.report(
                "Ignored a request to the callback address that was not part of this login",
            );
            Page::BAD_REQUEST
        })?;
        if is_prefetch(request.headers()) {
            return Err(Page::NOT_OPENED);
        }
        Ok(response)
    }

    /// Passes the notice to the login, unless it was passed before: repeated requests must not fill
    /// the terminal.
    fn report(&self, line: impl AsRef<str>) {
        let notice = Notice::new(line);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if !reported.contains(&notice) {
            reported.push(notice.clone());
            let _ = self.requests.send(CallbackRequest::Ignored(notice));
        }
    }

    /// Passes the authorization response to the login, and waits for the page that shows how the
    /// login ended.
    async fn outcome_page(&self, code: Result<Secret>) -> Page {
        if self.response_has_arrived.swap(true, Ordering::SeqCst) {
            return Page::ALREADY_HANDLED;
        }
        let (page, outcome) = oneshot::channel();
        let response = AuthorizationResponse { code, page };
        // If the login is over, this drops the response, and with it the sender of the page.
        let _ = self.requests.send(CallbackRequest::Response(response));
        outcome.await.unwrap_or(Page::UNFINISHED)
    }
}

/// Returns whether the browser loads the page ahead of time. The person has not opened it and perhaps
/// never will, so it must not use up the code.
fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose"].iter().any(|name| {
        let purpose = headers.get(*name).and_then(|value| value.to_str().ok());
        purpose.is_some_and(|purpose| purpose.starts_with("prefetch"))
    })
}
