//! A service with a token source, on paused time.

use std::time::Duration;

use authgate_core::{Error, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::time::pause;

use crate::support::confidential_client;

pub(crate) struct Service {
    pub(crate) server: DevServer,
    pub(crate) tokens: TokenSource,
}

impl Service {
    /// A token source whose tokens live this long, on paused time.
    pub(crate) async fn with_lifetime(lifetime: Duration) -> Self {
        let server = DevServer::start_with(|settings| settings.access_token_lifetime = lifetime).await;
        let client = confidential_client(&server).await.unwrap();
        pause();
        let tokens = TokenSource::builder(client).scopes(["profile", "email"]).build();
        Self { server, tokens }
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.server.count(Endpoint::Token)
    }

    pub(crate) fn fail(&self, times: Times) {
        self.server.inject(Endpoint::Token, Fault::status(503), times);
    }

    /// This many callers at once, and how each fared.
    pub(crate) async fn ask(&self, callers: usize) -> Vec<Result<String, Error>> {
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let tokens = self.tokens.clone();
                tokio::spawn(async move { tokens.header().await })
            })
            .collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap().map(|header| header.to_str().unwrap().to_owned()));
        }
        outcomes
    }

    pub(crate) async fn header(&self) -> Result<String, Error> {
        self.ask(1).await.remove(0)
    }
}

/// Lets tasks in the background come to an end, without moving the time by more than a little.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
