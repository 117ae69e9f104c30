//! A running server: listening, and the end of it.

use std::{
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{
    builder::{DevServerBuilder, StartError},
    connection::Connection,
    identity::{Client, User},
    routes,
    settings::Settings,
    signing::SigningKey,
    state::AuthGate,
    transport::Transport,
};

/// An AuthGate in this process. Dropping it closes the port and every connection.
pub struct DevServer {
    pub(crate) gate: Arc<AuthGate>,
    address: SocketAddr,
    listener: Arc<Listener>,
    certificate_authority: Option<String>,
    accepting: JoinHandle<()>,
}

impl DevServer {
    /// Starts a server with the default settings on 127.0.0.1 and a free port, on the current Tokio
    /// runtime, which needs I/O and time.
    ///
    /// # Panics
    ///
    /// Where the server cannot start; [`DevServerBuilder::start`] returns the reason instead.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts a server as [`start`](Self::start) does, with some of its settings changed.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[expect(clippy::panic, reason = "a test without its server has nothing to go on with")]
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        match Self::builder().settings(change).start().await {
            Ok(server) => server,
            Err(error) => panic!("the dev server cannot start: {error}"),
        }
    }

    /// Sets up a server that is not the default one.
    pub fn builder() -> DevServerBuilder {
        DevServerBuilder::default()
    }

    pub(crate) async fn listen(builder: DevServerBuilder) -> Result<Self, StartError> {
        let address = builder.address;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address.ip()));
        }
        let prefix = prefix(&builder.issuer_path)?;
        let signing_key = SigningKey::generate(builder.signing_algorithm).map_err(|_| StartError::SigningKey)?;
        let (transport, certificate_authority) = Transport::new(&builder)?;
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let host = builder.issuer_host.unwrap_or_else(|| address.to_string());
        let gate = Arc::new(AuthGate::new(
            format!("{}://{host}{prefix}", transport.scheme()),
            prefix,
            (builder.confidential_client, builder.public_client),
            signing_key,
            builder.settings,
        ));
        let listener = Arc::new(Listener(Mutex::new(Some(listener))));
        let router = routes::router(Arc::clone(&gate));
        let accepting = tokio::spawn(accept(Arc::clone(&listener), Arc::clone(&gate), router, transport));
        Ok(Self { gate, address, listener, certificate_authority, accepting })
    }

    /// The issuer, which clients know as `AUTHGATE_URL`: without a trailing slash.
    pub fn url(&self) -> &str {
        &self.gate.issuer
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority that vouches for this server, in PEM; `None` over http.
    pub fn certificate_authority(&self) -> Option<&str> {
        self.certificate_authority.as_deref()
    }

    /// The client with a secret and all four grants.
    pub fn confidential_client(&self) -> &Client {
        &self.gate.confidential_client
    }

    /// The client without a secret.
    pub fn public_client(&self) -> &Client {
        &self.gate.public_client
    }

    /// The person who can log in.
    pub fn user(&self) -> &User {
        &self.gate.user
    }

    /// Ends the server; when this returns, the port and every connection are closed.
    pub async fn stop(mut self) {
        self.listener.close();
        self.accepting.abort();
        // The error says that it was aborted.
        let _aborted = (&mut self.accepting).await;
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        // The port at once, so that the next attempt to connect is refused; the connections as soon
        // as the runtime gets round to it.
        self.listener.close();
        self.accepting.abort();
    }
}

impl fmt::Debug for DevServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DevServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// A listener that can be closed while another task waits for it.
struct Listener(Mutex<Option<TcpListener>>);

impl Listener {
    /// The next connection; `None` after [`Listener::close`].
    async fn accept(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        poll_fn(|context| match &*self.lock() {
            Some(listener) => listener.poll_accept(context).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }

    fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: Arc<Listener>, gate: Arc<AuthGate>, router: Router, transport: Transport) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
        };
        match accepted {
            Some(Ok((stream, peer))) => {
                // Small answers should not wait for more to send with them.
                let _slower = stream.set_nodelay(true);
                let connection = Connection::new(Arc::clone(&gate), router.clone(), peer.ip());
                connections.spawn(transport.clone().serve(connection, stream));
            }
            // Out of file descriptors, say: wait for some to be closed.
            Some(Err(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            None => return,
        }
    }
}

/// The path of the issuer with a slash before each segment; empty when there is none.
fn prefix(path: &str) -> Result<String, StartError> {
    if path.is_empty() {
        return Ok(String::new());
    }
    let is_segment = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    if path.split('/').all(is_segment) { Ok(format!("/{path}")) } else { Err(StartError::IssuerPath(path.to_owned())) }
}
