//! What the tests share: a dev server, a client of it, and a clock that follows tokio's.

#[cfg(feature = "login")]
pub(crate) mod device;
#[cfg(feature = "login")]
pub(crate) mod flow;
#[cfg(feature = "login")]
pub(crate) mod fragile;
#[cfg(feature = "login")]
pub(crate) mod logins;
pub(crate) mod service;
#[cfg(all(unix, feature = "login"))]
pub(crate) mod store_process;
#[cfg(feature = "login")]
pub(crate) mod stored_token;
#[cfg(feature = "login")]
pub(crate) mod stores;

use std::sync::Arc;

use authgate_core::clock::{Clock, Moment};
use authgate_core::{DiscoveryClient, HttpClient, OAuthClient, Result, Secret};
use authgate_dev_server::DevServer;
use tokio::time::Instant;

/// Follows tokio's time, so that a test that pauses or advances it moves token expiry too.
#[derive(Debug)]
pub(crate) struct TokioClock(Instant);

impl TokioClock {
    pub(crate) fn start() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Moment {
        Moment::after_start(self.0.elapsed())
    }
}

/// The dev server's confidential client, by way of discovery.
pub(crate) async fn confidential_client(server: &DevServer) -> Result<OAuthClient> {
    let http = HttpClient::default();
    let metadata = DiscoveryClient::new(server.url(), http.clone())?.fetch().await?;
    let registered = server.confidential_client();
    Ok(OAuthClient::new(&registered.id, metadata.to_endpoints(), http)
        .with_secret(registered.secret.as_deref().map(Secret::from))
        .with_clock(TokioClock::start()))
}
