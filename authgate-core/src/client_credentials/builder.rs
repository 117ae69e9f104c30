//! What can be said about a token source before it is used.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::setback::Setbacks;
use super::{Fetcher, Shared, TokenSource};
use crate::client::OAuthClient;
use crate::flight::SingleFlight;

const DEFAULT_EXPIRY_DELTA: Duration = Duration::from_secs(30);

/// Made by [`TokenSource::builder`].
pub struct TokenSourceBuilder {
    client: OAuthClient,
    scopes: Vec<String>,
    extra_parameters: Vec<(String, String)>,
    expiry_delta: Duration,
}

impl TokenSourceBuilder {
    pub(super) fn new(client: OAuthClient) -> Self {
        Self { client, scopes: Vec::new(), extra_parameters: Vec::new(), expiry_delta: DEFAULT_EXPIRY_DELTA }
    }

    /// The scopes to ask for; without any, the server grants all that the client may have.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..self }
    }

    /// One more parameter in each token request, such as Auth0's `audience`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra_parameters.push((name.into(), value.into()));
        self
    }

    /// How long before it expires a token is renewed; 30 s unless said otherwise.
    #[must_use]
    pub fn expiry_delta(self, expiry_delta: Duration) -> Self {
        Self { expiry_delta, ..self }
    }

    /// The source. Nothing is fetched before a token is wanted.
    pub fn build(self) -> TokenSource {
        TokenSource {
            shared: Arc::new(Shared {
                fetcher: Arc::new(Fetcher {
                    setbacks: Setbacks::default(),
                    client: self.client,
                    scopes: self.scopes,
                    extra_parameters: self.extra_parameters,
                    expiry_delta: self.expiry_delta,
                    current: ArcSwapOption::empty(),
                }),
                flight: SingleFlight::new("fetching a token"),
            }),
        }
    }
}

/// Without the values of extra parameters, which may be secrets.
impl fmt::Debug for TokenSourceBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenSourceBuilder")
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .field("expiry_delta", &self.expiry_delta)
            .finish_non_exhaustive()
    }
}
