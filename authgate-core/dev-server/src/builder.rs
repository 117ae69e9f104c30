//! How a server is to be, before it starts.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

#[cfg(feature = "tls")]
use crate::certificate::Certificate;
use crate::{identity::Client, server::DevServer, settings::Settings, signing::SigningAlgorithm};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its credentials are public: it must not be reachable from another computer.
    #[error("{0} is not a loopback address; this server listens on loopback only")]
    NotLoopback(IpAddr),
    /// The address could not be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The path of the issuer is not one: segments of letters, digits, `-`, `.`, `_` and `~`.
    #[error("{0:?} cannot be the path of an issuer")]
    IssuerPath(String),
    /// The operating system gave no random bytes for the signing key.
    #[error("cannot make a signing key")]
    SigningKey,
    /// The certificates for https could not be made: a name that cannot stand in one.
    #[cfg(feature = "tls")]
    #[error("cannot make a certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Builds a [`DevServer`]; what is not said keeps the default of [`Settings`].
#[derive(Debug, Clone)]
#[must_use]
pub struct DevServerBuilder {
    pub(crate) address: SocketAddr,
    pub(crate) issuer_host: Option<String>,
    pub(crate) issuer_path: String,
    #[cfg(feature = "tls")]
    pub(crate) certificate: Option<Certificate>,
    pub(crate) confidential_client: Client,
    pub(crate) public_client: Client,
    pub(crate) signing_algorithm: SigningAlgorithm,
    pub(crate) settings: Settings,
}

impl Default for DevServerBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            issuer_host: None,
            issuer_path: String::new(),
            #[cfg(feature = "tls")]
            certificate: None,
            confidential_client: Client::confidential("dev-service".to_owned(), "dev-service-secret".to_owned()),
            public_client: Client::public("dev-cli".to_owned()),
            signing_algorithm: SigningAlgorithm::default(),
            settings: Settings::default(),
        }
    }
}

impl DevServerBuilder {
    /// The loopback address to listen on. Default: 127.0.0.1.
    pub fn host(mut self, host: impl Into<IpAddr>) -> Self {
        self.address.set_ip(host.into());
        self
    }

    /// The port to listen on. Default: 0, any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Serves https instead of http, with a [`Certificate`] for loopback and the issuer's host, of an
    /// authority made at the start: see
    /// [`DevServer::certificate_authority`](crate::DevServer::certificate_authority).
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

    /// The host, with its port where that is not the scheme's, by which the issuer and its endpoints
    /// are named, as in `auth.example.test`. Default: where the server listens. How a client gets
    /// from that name to here, through a proxy say, is not the server's concern.
    pub fn issuer_host(mut self, host: &str) -> Self {
        self.issuer_host = Some(host.to_owned());
        self
    }

    /// A path for the issuer, as in `http://127.0.0.1:1234/t1`; every endpoint lies below it.
    pub fn issuer_path(mut self, path: &str) -> Self {
        path.trim_matches('/').clone_into(&mut self.issuer_path);
        self
    }

    /// The confidential client's credentials. Default: `dev-service` and `dev-service-secret`.
    pub fn confidential_client(mut self, id: &str, secret: &str) -> Self {
        self.confidential_client = Client::confidential(id.to_owned(), secret.to_owned());
        self
    }

    /// One more redirect URI for both clients.
    pub fn redirect_uri(mut self, redirect_uri: &str) -> Self {
        for client in [&mut self.confidential_client, &mut self.public_client] {
            client.redirect_uris.push(redirect_uri.to_owned());
        }
        self
    }

    /// How tokens are signed. Default: HS256, without a public key.
    pub fn signing_algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.signing_algorithm = algorithm;
        self
    }

    /// Changes any of the [`Settings`].
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
        DevServer::listen(self).await
    }
}
