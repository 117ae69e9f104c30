//! The loopback server that receives the authorization response (RFC 8252 section 7.3).
//!
//! Any program on this machine, and any page in the browser, can send it a request. So it rejects
//! every request without the login's state and keeps waiting.

#[cfg(feature = "fuzzing")]
mod fuzzing;
mod near_miss;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderMap, Method};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use super::authorization_response::ExpectedResponse;
use super::page::Page;
use super::redirect_uri::RedirectUri;
use crate::error::{Cause, Error, Result};
use crate::secret::Secret;
#[cfg(feature = "fuzzing")]
pub use fuzzing::Callback;
pub(super) use near_miss::NearMiss;

/// How long a browser may take to send its headers. Browsers open spare connections and send
/// nothing on them.
const HEADER_LIMIT: Duration = Duration::from_secs(5);
/// How many connections are open at a time. A new one closes the oldest that has sent no request.
const MAX_CONNECTIONS: usize = 32;
/// Room for the longest URL that the parser accepts, and for the cookies of every program that serves
/// pages on this host: a browser sends them to each port, up to 180 of 4 KiB.
const BUFFER_SIZE: usize = 1024 * 1024;
/// The first byte of a TLS connection (RFC 8446 section 5.1). No HTTP request begins with it.
const TLS_HANDSHAKE: u8 = 0x16;
/// How long a browser may take to read its page once the login is over.
pub(super) const PAGE_LIMIT: Duration = Duration::from_secs(2);

/// Listens at the redirect URI until it is dropped, which frees the port at once.
pub(super) struct CallbackServer {
    listeners: Arc<Listeners>,
    requests: mpsc::Receiver<CallbackRequest>,
    /// Dropping this ends the serving task.
    _open: watch::Sender<()>,
}

/// A request to the redirect URI that concerns the login.
pub(super) enum CallbackRequest {
    /// A request that resembles the authorization response. Only the first one of each kind is
    /// reported, because repeated requests must not fill the terminal.
    NearMiss(NearMiss),
    /// The authorization response of this login. There is at most one.
    Response(AuthorizationResponse),
}

/// The authorization response (RFC 6749 section 4.1.2), sent by a browser that waits for its page.
pub(super) struct AuthorizationResponse {
    /// The code, or the error that ends the login.
    pub(super) code: Result<Secret>,
    /// Sends the browser its page. If this is dropped, the browser shows that the login was not
    /// finished.
    pub(super) page: oneshot::Sender<Page>,
    /// Closed when the browser has read its page, or has gone.
    pub(super) connection: watch::Receiver<()>,
}

impl CallbackServer {
    pub(super) async fn start(
        redirect_uri: &RedirectUri,
        expected: ExpectedResponse,
    ) -> Result<Self> {
        let listeners = Arc::new(Listeners::bind(redirect_uri).await?);
        let (handler, requests) = RequestHandler::new(redirect_uri.clone(), expected);
        let (open, closed) = watch::channel(());
        tokio::spawn(serve(listeners.clone(), Arc::new(handler), closed));
        Ok(Self {
            listeners,
            requests,
            _open: open,
        })
    }

    pub(super) async fn next_request(&mut self) -> CallbackRequest {
        match self.requests.recv().await {
            Some(request) => request,
            // The serving task holds the sender for as long as this server exists.
            None => std::future::pending().await,
        }
    }
}

impl Drop for CallbackServer {
    fn drop(&mut self) {
        self.listeners.close();
    }
}

async fn serve(
    listeners: Arc<Listeners>,
    handler: Arc<RequestHandler>,
    mut closed: watch::Receiver<()>,
) {
    let mut connections = Connections::default();
    loop {
        tokio::select! {
            _ = closed.changed() => break,
            accepted = listeners.accept(), if connections.can_add() => match accepted {
                Ok(stream) => {
                    connections.add(stream, handler.clone());
                    // Let the connection read its request first. Otherwise the next ones, if many
                    // wait, could close it although its request is already there.
                    yield_now().await;
                }
                // The process may be out of file descriptors, so wait for some to be closed.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            Some(()) = connections.next_closed() => {}
        }
    }
    // Answer the pending requests for at most PAGE_LIMIT, then drop every connection.
    let _ = timeout(PAGE_LIMIT, async {
        while connections.next_closed().await.is_some() {}
    })
    .await;
}

/// The open connections. Dropping this closes them.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    /// The oldest first.
    open: Vec<Connection>,
}

struct Connection {
    task: AbortHandle,
    has_sent_request: Arc<AtomicBool>,
}

impl Connections {
    /// Returns whether there is room, or an idle connection that can be closed to make room.
    fn can_add(&self) -> bool {
        self.open.len() < MAX_CONNECTIONS || self.oldest_idle().is_some()
    }

    /// Serves a connection, and closes the oldest idle one if there are too many. So a web page or
    /// a program that opens hundreds of connections cannot keep the browser waiting.
    fn add(&mut self, stream: TcpStream, handler: Arc<RequestHandler>) {
        if self.open.len() >= MAX_CONNECTIONS
            && let Some(idle) = self.oldest_idle()
        {
            self.open.remove(idle).task.abort();
        }
        let has_sent_request = Arc::new(AtomicBool::new(false));
        let served = {
            let has_sent_request = has_sent_request.clone();
            async move {
                if begins_with_tls(&stream).await {
                    handler.report(NearMiss::Https);
                }
                serve_connection(stream, handler, has_sent_request).await;
            }
        };
        self.open.push(Connection {
            task: self.tasks.spawn(served),
            has_sent_request,
        });
    }

    fn oldest_idle(&self) -> Option<usize> {
        self.open
            .iter()
            .position(|connection| !connection.has_sent_request.load(Ordering::SeqCst))
    }

    /// Waits until a connection is closed. Returns `None` if none is open.
    async fn next_closed(&mut self) -> Option<()> {
        let _ = self.tasks.join_next().await?;
        self.open
            .retain(|connection| !connection.task.is_finished());
        Some(())
    }
}

/// Waits for the first byte, and returns whether a browser that uses https has sent it.
async fn begins_with_tls(stream: &TcpStream) -> bool {
    let mut first = [0];
    let peeked = timeout(HEADER_LIMIT, stream.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(1))) && first[0] == TLS_HANDSHAKE
}

/// Serves one request on one connection. Sets `has_sent_request` when its headers have arrived.
///
/// We do not use `axum::serve`, because it has no limit for the headers and waits for incomplete
/// requests when it ends.
async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    handler: Arc<RequestHandler>,
    has_sent_request: Arc<AtomicBool>,
) {
    let (connected, connection) = watch::channel(());
    let router = Router::new().fallback(move |request| async move {
        has_sent_request.store(true, Ordering::SeqCst);
        handler.respond(request, connection).await
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(BUFFER_SIZE)
        .keep_alive(false)
        // A browser that leaves at once has still sent its request, which counts.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    drop(connected);
}

/// Answers the requests of all connections.
struct RequestHandler {
    redirect_uri: RedirectUri,
    expected: ExpectedResponse,
    requests: mpsc::Sender<CallbackRequest>,
    reported: Mutex<Vec<NearMiss>>,
    response_has_arrived: AtomicBool,
}

impl RequestHandler {
    fn new(
        redirect_uri: RedirectUri,
        expected: ExpectedResponse,
    ) -> (Self, mpsc::Receiver<CallbackRequest>) {
        // We send at most one near miss of each kind, and the authorization response.
        let (requests, receiver) = mpsc::channel(NearMiss::KINDS + 1);
        let handler = Self {
            redirect_uri,
            expected,
            requests,
            reported: Mutex::default(),
            response_has_arrived: AtomicBool::new(false),
        };
        (handler, receiver)
    }

    async fn respond(&self, request: Request, connection: watch::Receiver<()>) -> Response {
        let page = match self.check(&request) {
            Ok(code) => self.outcome_page(code, connection).await,
            Err(page) => page,
        };
        page.response()
    }

    /// Returns the code, or the error that ends the login, if the request is the authorization
    /// response of this login; otherwise the page that rejects the request.
    fn check(&self, request: &Request) -> Result<Result<Secret>, Page> {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts
            .next()
            .and_then(|host| host.to_str().ok())
            .filter(|_| hosts.next().is_none());
        // A request that also names its host in the request line is meant for a proxy.
        let is_our_host = request.uri().authority().is_none()
            && host.is_some_and(|host| self.redirect_uri.matches_host(host));
        let response = (self.expected).check(request.uri().query().unwrap_or_default());
        if !is_our_host || request.uri().path() != self.redirect_uri.path() {
            if response.is_some() {
                self.report(NearMiss::OtherAddress);
            }
            return Err(if is_our_host {
                Page::NotFound
            } else {
                Page::BadRequest
            });
        }
        if request.method() != Method::GET {
            if request.method() == Method::POST {
                self.report(NearMiss::Post);
            }
            return Err(Page::MethodNotAllowed);
        }
        let response = response.ok_or_else(|| {
            self.report(NearMiss::WrongState);
            Page::BadRequest
        })?;
        if is_prefetch(request.headers()) {
            return Err(Page::NotOpened);
        }
        Ok(response)
    }

    fn report(&self, near_miss: NearMiss) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if !reported.contains(&near_miss) {
            reported.push(near_miss);
            let _ = self.requests.try_send(CallbackRequest::NearMiss(near_miss));
        }
    }

    /// Passes the authorization response to the login, and waits for the page that shows how the
    /// login ended.
    async fn outcome_page(&self, code: Result<Secret>, connection: watch::Receiver<()>) -> Page {
        if self.response_has_arrived.swap(true, Ordering::SeqCst) {
            return Page::AlreadyHandled;
        }
        let (page, outcome) = oneshot::channel();
        let response = AuthorizationResponse {
            code,
            page,
            connection,
        };
        if self
            .requests
            .try_send(CallbackRequest::Response(response))
            .is_err()
        {
            return Page::Unfinished;
        }
        outcome.await.unwrap_or(Page::Unfinished)
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

/// One or two listeners that can be closed while another task waits for a connection. The port is
/// free as soon as `close` returns.
struct Listeners(Mutex<Vec<TcpListener>>);

impl Listeners {
    /// Listens at the addresses of `redirect_uri`.
    ///
    /// Tokio sets `SO_REUSEADDR` except on Windows, and that is right. On Unix, it allows a port
    /// whose last connections linger. On Windows, it would allow a port that another program
    /// listens on.
    async fn bind(redirect_uri: &RedirectUri) -> Result<Self> {
        let mut listeners = Vec::new();
        for address in redirect_uri.addresses() {
            match TcpListener::bind(address).await {
                Ok(listener) => listeners.push(listener),
                // Only `localhost` has a second address, `[::1]`. A machine without IPv6 lacks it,
                // so ignore the error. If the port is in use there, `[::1]` exists, and the error
                // counts.
                Err(error) if !listeners.is_empty() && error.kind() != io::ErrorKind::AddrInUse => {
                }
                Err(error) => return Err(port_unavailable(address, &error)),
            }
        }
        Ok(Self(Mutex::new(listeners)))
    }

    /// Returns the next connection. Waits forever once the listeners are closed.
    async fn accept(&self) -> io::Result<TcpStream> {
        poll_fn(|context| {
            for listener in self.lock().iter() {
                if let Poll::Ready(accepted) = listener.poll_accept(context) {
                    return Poll::Ready(accepted.map(|(stream, _)| stream));
                }
            }
            Poll::Pending
        })
        .await
    }

    fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn port_unavailable(address: SocketAddr, error: &io::Error) -> Error {
    let (reason, source) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            "another program, perhaps another login, uses this port",
            None,
        ),
        io::ErrorKind::PermissionDenied => (
            "the system does not allow this program to use this port; register a redirect URI with a port above 1023",
            None,
        ),
        _ => ("the system refuses it", Some(Cause::innermost(error))),
    };
    Error::BrowserUnavailable {
        reason: format!("cannot listen on {address}: {reason}"),
        source,
    }
}
