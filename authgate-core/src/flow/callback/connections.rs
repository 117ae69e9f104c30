//! The connections of the callback server, and how many and how long it serves them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet, yield_now};
use tokio::time::{sleep, timeout};

use super::RequestHandler;
use super::listeners::Listeners;

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
const PAGE_LIMIT: Duration = Duration::from_secs(2);

/// Serves the connections until `closed` receives something or its sender is dropped.
pub(super) async fn serve(
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
    connections.close_idle();
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
                    handler.report(
                        "The browser opened the callback address with https. If it shows an error, \
                         change https to http in its address bar",
                    );
                }
                serve_connection(stream, handler, has_sent_request).await;
            }
        };
        self.open.push(Connection {
            task: self.tasks.spawn(served),
            has_sent_request,
        });
    }

    fn close_idle(&mut self) {
        while let Some(idle) = self.oldest_idle() {
            self.open.remove(idle).task.abort();
        }
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
pub(super) async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    handler: Arc<RequestHandler>,
    has_sent_request: Arc<AtomicBool>,
) {
    let router = Router::new().fallback(move |request| async move {
        has_sent_request.store(true, Ordering::SeqCst);
        handler.respond(request).await
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
}
