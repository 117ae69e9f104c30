//! A running server, and the builder that starts it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::net::TcpListener;

#[cfg(feature = "tls")]
use crate::certificate::Certificate;
use crate::{
    gate::AuthGate,
    host::AllowedHosts,
    identity::{Client, User},
    listener::{Listener, listen},
    settings::Settings,
    signing::SigningKey,
    start_error::StartError,
    transport::Transport,
};

/// An AuthGate server in this process. Dropping it closes the port and every connection.
pub struct DevServer {
    pub(crate) gate: Arc<AuthGate>,
    address: SocketAddr,
    certificate_authority: Option<String>,
    listener: Listener,
}

impl DevServer {
    /// Starts a server with the default settings on 127.0.0.1 and a free port. It runs on the current
    /// Tokio runtime, which needs I/O and time.
    ///
    /// # Panics
    ///
    /// If the server cannot start. [`DevServerBuilder::start`] returns the error instead.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts a server as [`start`](Self::start) does, and changes some of its settings first.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[expect(clippy::panic, reason = "a test cannot go on without its server")]
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        match Self::builder().settings(change).start().await {
            Ok(server) => server,
            Err(error) => panic!("the dev server cannot start: {error}"),
        }
    }

    /// Builds a server with another address, issuer, client or certificate than the default.
    pub fn builder() -> DevServerBuilder {
        DevServerBuilder::default()
    }

    /// Returns the issuer, which clients know as `AUTHGATE_URL`, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.gate.issuer
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the certificate of the authority that signed the server's certificate, in PEM;
    /// `None` over http.
    pub fn certificate_authority(&self) -> Option<&str> {
        self.certificate_authority.as_deref()
    }

    /// Returns the client with a secret, which may use all four grants.
    pub fn confidential_client(&self) -> &Client {
        &self.gate.confidential_client
    }

    /// Returns the client without a secret.
    pub fn public_client(&self) -> &Client {
        &self.gate.public_client
    }

    /// Returns the person who can log in.
    pub fn user(&self) -> &User {
        &self.gate.user
    }

    /// Ends the server. When this returns, the port and every connection are closed.
    pub async fn stop(self) {
        self.listener.close().await;
    }
}

impl fmt::Debug for DevServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DevServer")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

/// Builds a [`DevServer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct DevServerBuilder {
    address: SocketAddr,
    issuer_host: Option<String>,
    issuer_path: String,
    #[cfg(feature = "tls")]
    certificate: Option<Certificate>,
    confidential_client: Client,
    settings: Settings,
}

impl Default for DevServerBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            issuer_host: None,
            issuer_path: String::new(),
            #[cfg(feature = "tls")]
            certificate: None,
            confidential_client: Client::confidential("dev-service", "dev-service-secret"),
            settings: Settings::default(),
        }
    }
}

impl DevServerBuilder {
    /// Sets the loopback address to listen on. Default: 127.0.0.1.
    pub fn host(mut self, host: impl Into<IpAddr>) -> Self {
        self.address.set_ip(host.into());
        self
    }

    /// Sets the port to listen on. Default: 0, any free port.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Serves https instead of http, with a new [`Certificate`] for loopback and the issuer's host. Clients
    /// have to trust [`DevServer::certificate_authority`].
    #[cfg(feature = "tls")]
    pub fn https(self) -> Self {
        self.certificate(Certificate::default())
    }

    /// Serves https as [`https`](Self::https) does, with this certificate.
    #[cfg(feature = "tls")]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Sets the host in the URL of the issuer and its endpoints, such as `auth.example.test`, with
    /// a port unless it is the scheme's default. Default: the address the server listens on. The
    /// client must be able to reach this server by that name, for example through a proxy. Requests
    /// may name this host, or a loopback name or address with the server's port; all others are
    /// refused.
    pub fn issuer_host(mut self, host: &str) -> Self {
        self.issuer_host = Some(host.to_owned());
        self
    }

    /// Sets the path of the issuer, such as `t1` for `http://127.0.0.1:1234/t1`. All endpoints are
    /// below it.
    pub fn issuer_path(mut self, path: &str) -> Self {
        path.trim_matches('/').clone_into(&mut self.issuer_path);
        self
    }

    /// Sets the credentials of the confidential client. Default: `dev-service` and
    /// `dev-service-secret`.
    pub fn confidential_client(mut self, id: &str, secret: &str) -> Self {
        self.confidential_client = Client::confidential(id, secret);
        self
    }

    /// Changes the [`Settings`].
    pub fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Starts the server on the current Tokio runtime, which needs I/O and time.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub async fn start(self) -> Result<DevServer, StartError> {
        let address = self.address;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address.ip()));
        }
        let prefix = prefix(&self.issuer_path)?;
        let signing_key = SigningKey::generate().map_err(|_| StartError::SigningKey)?;
        let (transport, certificate_authority) = self.transport()?;

        // The issuer's URL contains the port, so bind the socket before the gate is created.
        let failed = |source| StartError::Listen { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let host = self.issuer_host.unwrap_or_else(|| address.to_string());
        let issuer = format!("{}://{host}{prefix}", transport.scheme());

        let allowed_hosts = AllowedHosts::new(address.port(), &issuer, transport.default_port());
        let gate = Arc::new(AuthGate::new(
            issuer,
            prefix,
            allowed_hosts,
            self.confidential_client,
            signing_key,
            self.settings,
        ));
        let listener = listen(socket, transport, Arc::clone(&gate));
        Ok(DevServer {
            gate,
            address,
            certificate_authority,
            listener,
        })
    }

    /// Returns the transport, and over TLS the certificate of the authority to trust, in PEM.
    #[cfg(feature = "tls")]
    fn transport(&self) -> Result<(Transport, Option<String>), StartError> {
        let Some(certificate) = &self.certificate else {
            return Ok((Transport::Plain, None));
        };
        let (tls, authority) = certificate.issue(self.issuer_host.as_deref())?;
        Ok((Transport::Tls(tls), Some(authority)))
    }

    #[cfg(not(feature = "tls"))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "with TLS it makes a certificate, which can fail"
    )]
    fn transport(&self) -> Result<(Transport, Option<String>), StartError> {
        Ok((Transport::Plain, None))
    }
}

/// Returns the path of the issuer, with a slash before each segment; empty if there is none.
fn prefix(path: &str) -> Result<String, StartError> {
    if path.is_empty() {
        return Ok(String::new());
    }
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    if path.split('/').all(is_segment) {
        Ok(format!("/{path}"))
    } else {
        Err(StartError::IssuerPath(path.to_owned()))
    }
}
