//! Helpers that the tests share: a dev server, its client, and a clock that follows tokio's.

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

use authgate_core::test_util::{Clock, Moment};
use authgate_core::{DiscoveryClient, HttpClient, Metadata, OAuthClient, Result, Secret};
use authgate_dev_server::{Client, DevServer};
use authgate_test_support::redact;
use tokio::time::Instant;

/// A clock that follows tokio's, so that a test that pauses or advances time also moves the expiry
/// of tokens.
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

/// Runs the discovery of a new client at this server.
pub(crate) async fn discover(server: &DevServer) -> Result<Arc<Metadata>> {
    DiscoveryClient::new(server.url(), HttpClient::default())?
        .fetch()
        .await
}

/// Creates a client of the dev server by discovery.
pub(crate) async fn client(server: &DevServer, registered: &Client) -> OAuthClient {
    let http = HttpClient::default();
    let metadata = DiscoveryClient::new(server.url(), http.clone())
        .unwrap()
        .fetch()
        .await
        .unwrap();
    let secret = registered.secret.as_deref().map(Secret::from);
    OAuthClient::new(&registered.id, metadata.to_endpoints(), http).with_secret(secret)
}

pub(crate) async fn confidential_client(server: &DevServer) -> OAuthClient {
    client(server, server.confidential_client())
        .await
        .with_clock(TokioClock::start())
}

/// Joins texts for a snapshot, one per line. Fails if a text can control a terminal or has more
/// than one line.
#[track_caller]
pub(crate) fn lines(texts: impl IntoIterator<Item = impl ToString>) -> String {
    let lines = texts.into_iter().map(|text| {
        let line = redact(&text.to_string());
        assert!(
            !line
                .contains(|character: char| character.is_control()
                    || "\u{202e}\u{feff}".contains(character)),
            "{line:?}"
        );
        line + "\n"
    });
    lines.collect()
}
