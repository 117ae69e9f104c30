//! The loopback server that the browser comes back to after the login (RFC 8252 section 7.3).
//!
//! Any program on this machine, and any page in the browser, can send it a request. It rejects
//! every request without the login's state and keeps waiting.

mod answer;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod listener;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Method;
use http::header::HOST;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::page::Page;
use super::redirect_uri::RedirectUri;
use crate::error::Result;
use crate::secret::Secret;
pub(super) use answer::Expected;
#[cfg(feature = "fuzzing")]
pub use fuzzing::{Callback, Visited};
use listener::Listener;

/// How long a browser may take to send its headers. Browsers open spare connections and send
/// nothing on them.
const HEADER_LIMIT: Duration = Duration::from_secs(5);
const MOST_CONNECTIONS: usize = 32;
/// Room for the longest URL that the parser accepts, and its headers.
const BUFFER_SIZE: usize = 96 * 1024;
/// How long a browser may take to read its page once the login is over.
const PARTING_LIMIT: Duration = Duration::from_secs(2);

/// Listens until it is dropped, which frees the port at once.
pub(super) struct CallbackServer {
    listener: Arc<Listener>,
    visits: mpsc::Receiver<Visit>,
    /// Dropping this tells the serving task that the server is gone.
    _open: watch::Sender<()>,
}

/// The kind of a visit to the callback address.
pub(super) enum Visit {
    /// A request without this login's state. Only the first one is reported.
    WrongState,
    /// The authorization response of this login. There is at most one.
    Answer(Arrival),
}

/// The browser has come back and waits for its page.
pub(super) struct Arrival {
    pub(super) outcome: Result<Secret>,
    pub(super) visitor: Visitor,
}

/// A browser that waits for its page. If this is dropped, the browser shows that the login was not
/// finished.
#[derive(Debug)]
pub(super) struct Visitor {
    page: oneshot::Sender<Page>,
    gone: watch::Receiver<()>,
}

impl CallbackServer {
    pub(super) async fn start(redirect_uri: &RedirectUri, expected: Expected) -> Result<Self> {
        let listener = Arc::new(Listener::bind(redirect_uri).await?);
        // The server announces at most two visits: one with a wrong state, and the authorization
        // response.
        let (announce, visits) = mpsc::channel(2);
        let (open, closed) = watch::channel(());
        let gate = Gate {
            redirect_uri: redirect_uri.clone(),
            expected,
            announce,
            warned: AtomicBool::new(false),
            answered: AtomicBool::new(false),
        };
        tokio::spawn(serve(listener.clone(), Arc::new(gate), closed));
        Ok(Self {
            listener,
            visits,
            _open: open,
        })
    }

    pub(super) async fn visit(&mut self) -> Visit {
        match self.visits.recv().await {
            Some(visit) => visit,
            // The serving task holds the sender for as long as this server exists.
            None => std::future::pending().await,
        }
    }
}

impl Drop for CallbackServer {
    fn drop(&mut self) {
        self.listener.close();
    }
}

impl Visitor {
    /// Shows the page. Waits until the browser has read it, for at most `PARTING_LIMIT`.
    pub(super) async fn show(mut self, page: Page) {
        if self.page.send(page).is_ok() {
            // This waits for an error: the sender is dropped when the connection ends.
            let _ = timeout(PARTING_LIMIT, self.gone.changed()).await;
        }
    }
}

async fn serve(listener: Arc<Listener>, gate: Arc<Gate>, mut closed: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = closed.changed() => break,
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok(stream) => { connections.spawn(converse(stream, gate.clone())); }
                // The process may be out of file descriptors, so wait for some to be closed.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    // Answer the pending requests for at most PARTING_LIMIT, then drop every connection.
    let _ = timeout(PARTING_LIMIT, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}

/// Serves one request on one connection.
///
/// We do not use `axum::serve`, because it has no limit for the headers and waits for incomplete
/// requests when it ends.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, gate: Arc<Gate>) {
    let (connected, gone) = watch::channel(());
    let router = Router::new()
        .fallback(answer)
        .with_state(Reception { gate, gone });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(BUFFER_SIZE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    drop(connected);
}

/// The data that all visits share.
struct Gate {
    redirect_uri: RedirectUri,
    expected: Expected,
    announce: mpsc::Sender<Visit>,
    warned: AtomicBool,
    answered: AtomicBool,
}

/// The data that one connection needs.
#[derive(Clone)]
struct Reception {
    gate: Arc<Gate>,
    gone: watch::Receiver<()>,
}

async fn answer(State(Reception { gate, gone }): State<Reception>, request: Request) -> Response {
    let page = match gate.examine(&request) {
        Ok(outcome) => gate.admit(outcome, gone).await,
        Err(page) => page,
    };
    page.response()
}

impl Gate {
    /// Returns the outcome if the request is a response to this login, otherwise the page that
    /// rejects it.
    fn examine(&self, request: &Request) -> Result<Result<Secret>, Page> {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts
            .next()
            .and_then(|host| host.to_str().ok())
            .filter(|_| hosts.next().is_none());
        // A request that also names its host in the request line is meant for a proxy.
        if request.uri().authority().is_some()
            || !host.is_some_and(|host| self.redirect_uri.is_host(host))
        {
            return Err(Page::BadRequest);
        }
        if request.uri().path() != self.redirect_uri.path() {
            return Err(Page::NotFound);
        }
        if request.method() != Method::GET {
            return Err(Page::MethodNotAllowed);
        }
        self.expected
            .judge(request.uri().query().unwrap_or_default())
            .ok_or_else(|| {
                // Report only the first one, because repeated requests must not fill the terminal.
                if !self.warned.swap(true, Ordering::SeqCst) {
                    let _ = self.announce.try_send(Visit::WrongState);
                }
                Page::BadRequest
            })
    }

    /// Passes the outcome on, and waits for the page that shows how the login ended.
    async fn admit(&self, outcome: Result<Secret>, gone: watch::Receiver<()>) -> Page {
        if self.answered.swap(true, Ordering::SeqCst) {
            return Page::AlreadyHandled;
        }
        let (page, shown) = oneshot::channel();
        let arrival = Arrival {
            outcome,
            visitor: Visitor { page, gone },
        };
        if self.announce.try_send(Visit::Answer(arrival)).is_err() {
            return Page::Unfinished;
        }
        shown.await.unwrap_or(Page::Unfinished)
    }
}
