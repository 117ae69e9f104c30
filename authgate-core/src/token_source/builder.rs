//! The options of a service's token source.

use std::sync::Arc;
use std::time::Duration;

use super::client_credentials::ClientCredentials;
use super::{DEFAULT_EXPIRY_DELTA, TokenSource};
use crate::client::OAuthClient;

/// Builds a service's [`TokenSource`]; made by [`TokenSource::builder`].
#[derive(Debug)]
pub struct TokenSourceBuilder {
    grant: ClientCredentials,
    expiry_delta: Duration,
}

impl TokenSourceBuilder {
    pub(super) fn new(client: OAuthClient) -> Self {
        let grant = ClientCredentials {
            client,
            scopes: Vec::new(),
        };
        Self {
            grant,
            expiry_delta: DEFAULT_EXPIRY_DELTA,
        }
    }

    /// Sets the scopes to ask for. Without any, the server grants all that the client may have.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.grant.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a parameter to each token request, such as `resource` (RFC 8707) or Auth0's `audience`,
    /// which name the API that the token is for. The same name may be added again.
    ///
    /// A name that the request sets itself, such as `scope`, makes each request fail with
    /// [`Error::Other`](crate::Error::Other).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.grant.client = self.grant.client.with_parameter(name, value);
        self
    }

    /// Sets how long before its expiry a token is refreshed. Default: 30 s.
    #[must_use]
    pub fn expiry_delta(self, expiry_delta: Duration) -> Self {
        Self {
            expiry_delta,
            ..self
        }
    }

    /// Builds the source. Nothing is fetched before a token is wanted.
    pub fn build(self) -> TokenSource {
        let client = &self.grant.client;
        let (http, clock) = (client.http().clone(), Arc::clone(client.clock()));
        TokenSource::new(Box::new(self.grant), http, clock, self.expiry_delta)
    }
}
