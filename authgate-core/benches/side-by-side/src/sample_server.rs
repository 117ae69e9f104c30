//! The server for every row: the development server, on its own thread.

use std::ops::Deref;

use anyhow::Result;
use authgate_core::{Endpoints, HttpClient, OAuthClient, Secret};
use authgate_dev_server::{DevServer, DevServerBuilder, Endpoint};
use tokio::runtime::Runtime;

/// A running development server; it derefs to [`DevServer`].
pub(crate) struct SampleServer {
    server: DevServer,
    // Dropped last, because the server's connections run on it.
    _runtime: Runtime,
}

impl SampleServer {
    pub(crate) fn start(builder: DevServerBuilder) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let server = runtime.block_on(builder.start())?;
        Ok(Self {
            server,
            _runtime: runtime,
        })
    }

    /// Returns the confidential client's secret.
    pub(crate) fn secret(&self) -> &str {
        self.confidential_client()
            .secret
            .as_deref()
            .unwrap_or_default()
    }

    /// Returns our client for the server's confidential client.
    pub(crate) fn client(&self) -> Result<OAuthClient> {
        let endpoints = Endpoints::from_token_url(format!("{}/oauth/token", self.url()).parse()?);
        let client = OAuthClient::new(
            &self.confidential_client().id,
            endpoints,
            HttpClient::default(),
        );
        Ok(client.with_secret(Some(Secret::from(self.secret()))))
    }

    /// Returns the number of connections and of requests so far.
    pub(crate) fn traffic(&self) -> (usize, usize) {
        (self.connections(), self.count(Endpoint::Any))
    }
}

impl Deref for SampleServer {
    type Target = DevServer;

    fn deref(&self) -> &DevServer {
        &self.server
    }
}
