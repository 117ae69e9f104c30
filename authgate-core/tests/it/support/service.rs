//! A service that gets its tokens from a dev server.

use std::time::Duration;

use authgate_core::{Error, OAuthClient, Result, Token, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Settings, Times};
use tokio::task::JoinSet;
use tokio::time::{pause, sleep};

use crate::support::confidential_client;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A server, its confidential client, and a source of that client's tokens. The server has
/// forgotten the discovery request.
pub(crate) struct Service {
    pub(crate) server: DevServer,
    pub(crate) client: OAuthClient,
    pub(crate) tokens: TokenSource,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::at(DevServer::start().await).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::at(DevServer::start_with(change).await).await
    }

    /// Starts a service whose client has this secret.
    pub(crate) async fn with_secret(secret: &str) -> Self {
        Self::at(
            DevServer::builder()
                .confidential_client("some:service", secret)
                .start()
                .await
                .unwrap(),
        )
        .await
    }

    /// Starts a service whose tokens have this lifetime, and pauses the time.
    pub(crate) async fn with_lifetime(lifetime: Duration) -> Self {
        let service = Self::start_with(|settings| settings.access_token_lifetime = lifetime).await;
        pause();
        service
    }

    pub(crate) async fn at(server: DevServer) -> Self {
        let client = confidential_client(&server).await;
        server.forget_requests();
        let tokens = TokenSource::builder(client.clone())
            .scopes(["profile", "email"])
            .build();
        Self {
            server,
            client,
            tokens,
        }
    }

    /// Injects a fault into answers of the token endpoint.
    pub(crate) fn inject(&self, fault: Fault, times: Times) {
        self.server.inject(Endpoint::Token, fault, times);
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.server.count(Endpoint::Token)
    }

    pub(crate) async fn grant(&self) -> Result<Token> {
        self.client.client_credentials(&[]).await
    }

    /// Requests a grant whose answer has this fault.
    pub(crate) async fn grant_after(&self, fault: Fault) -> Result<Token> {
        self.inject(fault, Times::Once);
        let before = self.token_requests();
        let granted = self.grant().await;
        // A second request would get an answer without the fault, and hide that the first failed.
        assert_eq!(self.token_requests(), before + 1);
        granted
    }

    /// Returns how a grant fails if every answer has this fault.
    pub(crate) async fn failure(&self, fault: Fault) -> Error {
        failure(&self.server, Endpoint::Token, fault, self.grant()).await
    }

    /// Returns how a grant fails after each of these faults, each time after one request.
    pub(crate) async fn failures(&self, faults: impl IntoIterator<Item = Fault>) -> Vec<Error> {
        failures(&self.server, Endpoint::Token, faults, || self.grant()).await
    }

    pub(crate) async fn header(&self) -> Result<String> {
        header(self.tokens.clone()).await
    }

    /// Starts this many callers of the token source, each in its own task.
    pub(crate) fn callers(&self, count: usize) -> JoinSet<Result<String>> {
        (0..count).map(|_| header(self.tokens.clone())).collect()
    }

    /// Returns the outcomes of this many callers that ask at once.
    pub(crate) async fn ask(&self, callers: usize) -> Vec<Result<String>> {
        self.callers(callers).join_all().await
    }

    /// Returns the one header that this many callers get if they ask at once.
    pub(crate) async fn shared_header(&self, callers: usize) -> String {
        one(self.ask(callers).await)
    }

    /// Returns the outcomes of a caller that asks again and again.
    pub(crate) async fn ask_every(&self, pause: Duration, times: usize) -> Vec<Result<String>> {
        let mut outcomes = Vec::new();
        for _ in 0..times {
            outcomes.push(self.header().await);
            sleep(pause).await;
        }
        outcomes
    }
}

pub(crate) async fn header(tokens: TokenSource) -> Result<String> {
    Ok(tokens.header().await?.to_str().unwrap().to_owned())
}

/// Returns how an action fails if every answer of this endpoint has this fault. The server has
/// forgotten all other requests.
pub(crate) async fn failure<T>(
    server: &DevServer,
    endpoint: Endpoint,
    fault: Fault,
    action: impl Future<Output = Result<T>>,
) -> Error {
    server.forget_requests();
    server.inject(endpoint, fault, Times::Always);
    let outcome = action.await;
    server.clear_faults();
    outcome.err().expect("the fault makes it fail")
}

/// Returns how an action fails after each of these faults, each time after one request.
pub(crate) async fn failures<T, F: Future<Output = Result<T>>>(
    server: &DevServer,
    endpoint: Endpoint,
    faults: impl IntoIterator<Item = Fault>,
    action: impl Fn() -> F,
) -> Vec<Error> {
    let mut errors = Vec::new();
    for fault in faults {
        errors.push(failure(server, endpoint, fault, action()).await);
        server.assert_requests([endpoint]);
    }
    errors
}

/// Returns the header that all of these callers got.
#[track_caller]
pub(crate) fn one(outcomes: impl IntoIterator<Item = Result<String>>) -> String {
    let mut headers: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    headers.dedup();
    assert_eq!(headers.len(), 1, "{headers:?}");
    headers.remove(0)
}

/// Lets tasks in the background end, and moves the time only a little.
pub(crate) async fn settle() {
    for _ in 0..200 {
        sleep(Duration::from_millis(1)).await;
    }
}
