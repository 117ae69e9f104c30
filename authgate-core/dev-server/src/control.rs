//! The hand of a test: looking at what happened, breaking things, and playing the user.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use url::Url;

use crate::{
    authorization::Refusal,
    device::Decision,
    endpoint::Endpoint,
    fault::{Fault, Times},
    hold::Hold,
    identity::Client,
    issue::{Grant, IssuedTokens},
    parameters::Parameters,
    record::RecordedRequest,
    server::DevServer,
    settings::Settings,
    tokens::Subject,
};

/// What happened.
impl DevServer {
    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.gate.memory().requests.clone()
    }

    /// The requests at one endpoint, in the order of arrival.
    pub fn requests_at(&self, endpoint: Endpoint) -> Vec<RecordedRequest> {
        let mut requests = self.requests();
        requests.retain(|request| endpoint.covers(request.endpoint));
        requests
    }

    /// How many requests an endpoint got.
    pub fn count(&self, endpoint: Endpoint) -> usize {
        let memory = self.gate.memory();
        let at = memory.requests.iter();
        at.filter(|request| endpoint.covers(request.endpoint)).count()
    }

    /// Fails the test unless exactly these requests have come, in this order; shows them otherwise.
    ///
    /// # Panics
    ///
    /// As it says.
    #[track_caller]
    pub fn assert_requests(&self, expected: impl IntoIterator<Item = Endpoint>) {
        let requests = self.requests();
        let expected: Vec<_> = expected.into_iter().map(Some).collect();
        let came: Vec<_> = requests.iter().map(|request| request.endpoint).collect();
        let lines: Vec<_> = requests.iter().map(ToString::to_string).collect();
        assert!(came == expected, "expected {expected:?}, and these requests came: {lines:#?}");
    }

    /// Starts counting and listing requests anew.
    pub fn forget_requests(&self) {
        self.gate.memory().requests.clear();
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.gate.memory().connections
    }
}

/// Breaking things.
impl DevServer {
    /// Breaks the next answers of an endpoint. Faults injected one after the other happen one after
    /// the other.
    pub fn inject(&self, endpoint: Endpoint, fault: Fault, times: Times) {
        self.gate.memory().faults.add(endpoint, fault, times);
    }

    /// Keeps the requests at an endpoint waiting, from now until the hold is released or dropped.
    /// They are noted when they arrive, and answered, or broken, when they may go on.
    pub fn hold(&self, endpoint: Endpoint) -> Hold {
        let hold = Hold::new(endpoint);
        self.gate.memory().holds.push(Arc::clone(&hold.0));
        hold
    }

    /// Takes back every fault that is still to come.
    pub fn clear_faults(&self) {
        self.gate.memory().faults.clear();
    }

    /// Changes the settings while the server runs.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.gate.memory().settings);
    }

    /// Moves the server's clock on: tokens, codes and rate limits age. The interval of the device
    /// flow is measured by Tokio's clock instead.
    pub fn advance_clock(&self, duration: Duration) {
        self.gate.clock.advance(duration);
    }

    /// Sets a member of the discovery document.
    pub fn set_discovery_member(&self, name: &str, value: impl Into<Value>) {
        let changes = &mut self.gate.memory().discovery_changes;
        changes.insert(name.to_owned(), Some(value.into()));
    }

    /// Leaves a member out of the discovery document.
    pub fn remove_discovery_member(&self, name: &str) {
        let changes = &mut self.gate.memory().discovery_changes;
        changes.insert(name.to_owned(), None);
    }

    /// Registers one more redirect URI for both clients.
    pub fn register_redirect_uri(&self, redirect_uri: &str) {
        let mut memory = self.gate.memory();
        memory.redirect_uris.push(redirect_uri.to_owned());
    }

    /// Revokes every token that was issued.
    pub fn revoke_everything(&self) {
        self.gate.memory().tokens.revoke_everything();
    }

    /// Revokes this one token, as the revocation endpoint does.
    pub fn revoke(&self, token: &str) {
        self.gate.memory().tokens.revoke(token);
    }
}

/// Playing the user.
impl DevServer {
    /// The user code that was made last.
    pub fn latest_user_code(&self) -> Option<String> {
        self.gate.memory().device_codes.latest_user_code()
    }

    /// Logs in and approves the device that shows this code; `false` when no such code waits.
    pub fn approve_device(&self, user_code: &str) -> bool {
        self.decide(user_code, Decision::Approved)
    }

    /// Says no to the device that shows this code; `false` when no such code waits.
    pub fn deny_device(&self, user_code: &str) -> bool {
        self.decide(user_code, Decision::Denied)
    }

    fn decide(&self, user_code: &str, decision: Decision) -> bool {
        let now = self.gate.clock.now();
        let mut memory = self.gate.memory();
        memory.device_codes.decide(user_code, now, decision)
    }

    /// Does what the user does in the browser who opens this authorization URL, logs in and allows:
    /// returns the URL that the browser is sent to. `None` when the server would show an error page
    /// instead.
    pub fn approve_authorization(&self, authorization_url: &str) -> Option<String> {
        self.authorize(authorization_url, true)
    }

    /// The same for a user who says no.
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

    /// Issues the tokens of a login without one.
    pub fn issue_tokens(&self, client: &Client, scope: &str) -> IssuedTokens {
        let grant =
            Grant { client_id: client.id.clone(), subject: Subject::User, scope: scope.to_owned(), nonce: None };
        self.gate.issue_to_user(&mut self.gate.memory(), &grant)
    }
}
