//! A login with a device code, seen from the server.

use std::time::Duration;

use authgate_core::test_util::run_device_flow;
use authgate_core::{Error, InFlight, OAuthClient, Result, Token};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::flow::{Recorder, client, strings, while_it_runs};

pub(crate) struct Running {
    pub(crate) server: DevServer,
    pub(crate) prompt: &'static Recorder,
    login: JoinHandle<Result<Token>>,
}

impl Running {
    pub(crate) async fn start(server: DevServer) -> Self {
        let client = client(&server, server.public_client()).await;
        Self::with(server, client)
    }

    pub(crate) fn with(server: DevServer, client: OAuthClient) -> Self {
        let prompt: &'static Recorder = Box::leak(Box::default());
        let scopes = strings(&["profile", "email"]);
        let login = tokio::spawn(async move {
            run_device_flow(&client, &scopes, prompt, &InFlight::default()).await
        });
        Self {
            server,
            prompt,
            login,
        }
    }

    /// Starts a login whose device authorization response has these members.
    pub(crate) async fn with_members<const COUNT: usize>(
        server: DevServer,
        members: [(&str, &Value); COUNT],
    ) -> Self {
        let members = members.map(|(name, value)| (name.to_owned(), Some(value.clone())));
        server.inject(
            Endpoint::DeviceAuthorization,
            Fault::Members(members.into()),
            Times::Once,
        );
        Self::start(server).await
    }

    /// Injects a fault into the next poll that has none yet.
    pub(crate) fn break_poll(&self, fault: Fault) {
        self.server.inject(Endpoint::Token, fault, Times::Once);
    }

    /// Waits until there is a code to approve.
    pub(crate) async fn code(&self) {
        while_it_runs(&self.login, || self.server.latest_user_code().is_some()).await;
    }

    pub(crate) async fn polls(&self, count: usize) {
        while_it_runs(&self.login, || self.server.count(Endpoint::Token) >= count).await;
    }

    /// Returns the pauses between the polls. The first one begins at the request for the code.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        let mut moments =
            vec![self.server.requests_at(Endpoint::DeviceAuthorization)[0].arrived_at];
        moments.extend(
            self.server
                .requests_at(Endpoint::Token)
                .iter()
                .map(|poll| poll.arrived_at),
        );
        moments.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    pub(crate) fn approve(&self) {
        assert!(self.server.approve_device(&self.user_code()));
    }

    pub(crate) fn deny(&self) {
        assert!(self.server.deny_device(&self.user_code()));
    }

    pub(crate) fn user_code(&self) -> String {
        self.server
            .latest_user_code()
            .expect("a code was asked for")
    }

    pub(crate) async fn success(self) -> Token {
        self.login.await.unwrap().expect("the login succeeds")
    }

    pub(crate) async fn failure(self) -> Error {
        self.server_and_failure().await.1
    }

    pub(crate) async fn server_and_failure(self) -> (DevServer, Error) {
        let error = self.login.await.unwrap().expect_err("the login fails");
        (self.server, error)
    }
}

pub(crate) async fn start() -> Running {
    Running::start(DevServer::start().await).await
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
