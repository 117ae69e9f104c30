//! Gets a service's next token.

use std::time::Duration;

use super::{NextToken, TokenFuture};
use crate::client::OAuthClient;
use crate::http::Retry;
use crate::token::Token;

/// When the server does not name a lifetime, a service's token is taken to live this long.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// The client credentials grant (RFC 6749 section 4.4).
#[derive(Debug)]
pub(super) struct ClientCredentials {
    pub(super) client: OAuthClient,
    pub(super) scopes: Vec<String>,
}

impl NextToken for ClientCredentials {
    fn next<'a>(&'a self, _current: Option<&'a Token>, retry: Retry) -> TokenFuture<'a> {
        Box::pin(async move {
            let mut token = self
                .client
                .client_credentials_with(&self.scopes, retry)
                .await?;
            let missing = token.missing_scopes(&self.scopes);
            if !missing.is_empty() {
                tracing::warn!(
                    missing = missing.join(" "),
                    "the server granted fewer scopes than were asked for"
                );
            }
            token.lifetime.get_or_insert(DEFAULT_LIFETIME);
            Ok(token)
        })
    }
}
