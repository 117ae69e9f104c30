//! Accepting connections.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{connection::Connection, gate::AuthGate, routes, transport::Transport};

/// Accepts connections in its own task. Dropping it closes the port and every connection.
pub(crate) struct Listener {
    socket: Arc<Socket>,
    accepting: JoinHandle<()>,
}

/// Serves the gate at this socket.
pub(crate) fn listen(socket: TcpListener, transport: Transport, gate: Arc<AuthGate>) -> Listener {
    let socket = Arc::new(Socket(Mutex::new(Some(socket))));
    let accepting = tokio::spawn(accept(Arc::clone(&socket), transport, gate));
    Listener { socket, accepting }
}

impl Listener {
    /// Closes the port and every connection before it returns.
    pub(crate) async fn close(mut self) {
        self.socket.close();
        self.accepting.abort();
        // The result only says that the task was aborted.
        let _aborted = (&mut self.accepting).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Close the port here, so that the next attempt to connect is refused. The connections close as soon as
        // the runtime drops the aborted task.
        self.socket.close();
        self.accepting.abort();
    }
}

/// A listening socket that can be closed while another task waits for a connection.
struct Socket(Mutex<Option<TcpListener>>);

impl Socket {
    /// Returns the next connection; `None` after [`close`](Self::close).
    async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|context| match &*self.lock() {
            Some(socket) => socket.poll_accept(context).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }

    fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(socket: Arc<Socket>, transport: Transport, gate: Arc<AuthGate>) {
    let router = routes::router(Arc::clone(&gate));
    // Dropped when this task is aborted, which closes the connections.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        match accepted {
            Some(Ok((stream, peer))) => {
                // Send small answers at once.
                let _slower = stream.set_nodelay(true);
                let connection = Connection::new(Arc::clone(&gate), router.clone(), peer.ip());
                connections.spawn(transport.clone().serve(connection, stream));
            }
            // Perhaps out of file descriptors: wait until some are closed.
            Some(Err(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            None => return,
        }
    }
}
