//! Lets a test read the requests of a running server, change its answers, and act as the user.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::{
    authorization_request::Refusal,
    device::Decision,
    endpoint::Endpoint,
    fault::{Fault, Times},
    hold::Hold,
    identity::Client,
    issued_tokens::IssuedTokens,
    parameters::Parameters,
    record::RecordedRequest,
    server::DevServer,
    settings::Settings,
    tokens::{Grant, Subject},
};

/// Requests and connections.
impl DevServer {
    /// Returns the requests, in the order of arrival: the last 10,000, and fewer if their bodies have more than 64 MiB
    /// together.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests_at(Endpoint::Any)
    }

    /// Returns those of [`requests`](Self::requests) that went to one endpoint.
    pub fn requests_at(&self, endpoint: Endpoint) -> Vec<RecordedRequest> {
        self.gate.memory().requests.at(endpoint).cloned().collect()
    }

    /// Returns the number of all requests at one endpoint.
    pub fn count(&self, endpoint: Endpoint) -> usize {
        self.gate.memory().requests.count(endpoint)
    }

    /// Checks that exactly these requests have arrived, in this order.
    ///
    /// # Panics
    ///
    /// If other requests have arrived. The message lists them.
    #[track_caller]
    pub fn assert_requests(&self, expected: impl IntoIterator<Item = Endpoint>) {
        let expected: Vec<_> = expected.into_iter().collect();
        let requests = self.requests();
        let as_expected = requests
            .iter()
            .map(|request| request.endpoint)
            .eq(expected.iter().copied().map(Some));
        let lines: Vec<_> = requests.iter().map(ToString::to_string).collect();
        assert!(
            as_expected,
            "expected {expected:?}, but these requests arrived: {lines:#?}"
        );
    }

    /// Forgets the requests so far, so that counts and lists start again.
    pub fn forget_requests(&self) {
        self.gate.memory().requests.forget();
    }

    /// Returns the number of accepted connections.
    pub fn connections(&self) -> usize {
        self.gate.memory().connections
    }
}

/// Faults, holds and settings.
impl DevServer {
    /// Injects a fault into the next answer of an endpoint, or into all of them. Faults happen in
    /// the order in which they were injected.
    pub fn inject(&self, endpoint: Endpoint, fault: Fault, times: Times) {
        self.gate.memory().faults.add(endpoint, fault, times);
    }

    /// Removes all faults that have not yet happened.
    pub fn clear_faults(&self) {
        self.gate.memory().faults.clear();
    }

    /// Makes the requests at an endpoint wait until the hold is released or dropped. A waiting
    /// request is already recorded and already has its fault, if there is one, but the server
    /// processes it after the release.
    pub fn hold(&self, endpoint: Endpoint) -> Hold {
        let hold = Hold::new(endpoint);
        self.gate.memory().barriers.push(Arc::clone(&hold.0));
        hold
    }

    /// Changes the settings.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.gate.memory().settings);
    }

    /// Sets a member of the discovery document.
    pub fn set_discovery_member(&self, name: &str, value: impl Into<Value>) {
        self.gate
            .memory()
            .discovery_members
            .insert(name.to_owned(), value.into());
    }

    /// Registers one more redirect URI for both clients.
    pub fn register_redirect_uri(&self, redirect_uri: &str) {
        self.gate
            .memory()
            .redirect_uris
            .push(redirect_uri.to_owned());
    }

    /// Revokes every token.
    pub fn revoke_everything(&self) {
        self.gate.memory().tokens.revoke_everything();
    }

    /// Revokes one token, as the revocation endpoint does.
    pub fn revoke(&self, token: &str) {
        self.gate.memory().tokens.revoke(token);
    }
}

/// The user.
impl DevServer {
    /// Returns the user code of the latest device authorization request.
    pub fn latest_user_code(&self) -> Option<String> {
        self.gate.memory().device_codes.latest_user_code()
    }

    /// Approves the device with this user code; `false` if no device with this code is pending.
    pub fn approve_device(&self, user_code: &str) -> bool {
        self.decide(user_code, Decision::Approved)
    }

    /// Denies the device with this user code; `false` if no device with this code is pending.
    pub fn deny_device(&self, user_code: &str) -> bool {
        self.decide(user_code, Decision::Denied)
    }

    fn decide(&self, user_code: &str, decision: Decision) -> bool {
        let now = self.gate.clock.now();
        self.gate
            .memory()
            .device_codes
            .decide(user_code, now, decision)
    }

    /// Opens an authorization URL, logs in and allows the request, as the user does in a browser. Returns the URL of
    /// the redirect; `None` if the server would show an error page.
    pub fn approve_authorization(&self, authorization_url: &str) -> Option<String> {
        self.authorize(authorization_url, true)
    }

    /// Opens an authorization URL, logs in and denies the request. Returns the same as
    /// [`approve_authorization`](Self::approve_authorization).
    pub fn deny_authorization(&self, authorization_url: &str) -> Option<String> {
        self.authorize(authorization_url, false)
    }

    fn authorize(&self, authorization_url: &str, allow: bool) -> Option<String> {
        let url = Url::parse(authorization_url).ok()?;
        let parameters = Parameters::parse(url.query().unwrap_or_default().as_bytes());
        let mut memory = self.gate.memory();
        match self.gate.check_authorization_request(&memory, &parameters) {
            Ok(request) if allow => Some(self.gate.authorize(&mut memory, request)),
            Ok(request) => Some(request.denial()),
            Err(Refusal::Redirect(location)) => Some(location),
            Err(Refusal::Page(_)) => None,
        }
    }

    /// Issues the same tokens as a login.
    pub fn issue_tokens(&self, client: &Client, scope: &str) -> IssuedTokens {
        let grant = Grant {
            client_id: client.id.clone(),
            subject: Subject::User,
            scope: scope.to_owned(),
            nonce: None,
        };
        self.gate.issue_to_user(&mut self.gate.memory(), &grant)
    }
}
