//! Gets a person's next token while a program runs.

use std::sync::Arc;

use super::refresh::{Cause, Refresh};
use super::{Login, discover, to_token};
use crate::error::Error;
use crate::flow::Prompt;
use crate::http::Retry;
use crate::token::Token;
use crate::token_source::{NextToken, TokenFuture, TokenSource};

impl Login {
    /// Returns a source of this person's tokens that begins with `token`. It never opens a browser
    /// and shows the person nothing.
    pub(super) fn token_source(&self, token: &Token) -> TokenSource {
        let mut login = self.clone();
        login.options.prompt = Arc::new(Unattended);
        login.stores.prompt = Arc::clone(&login.options.prompt);
        let http = login.options.http.clone();
        TokenSource::beginning_with(token.clone(), Box::new(login), http)
    }
}

/// Ignores `retry`: a refresh token must not be sent twice, so `OAuthClient::refresh_token` decides
/// when a request may be repeated.
impl NextToken for Login {
    fn next<'a>(&'a self, current: Option<&'a Token>, _retry: Retry) -> TokenFuture<'a> {
        Box::pin(async move {
            let current = current.ok_or(Error::LoginEnded)?;
            let mut login = self.clone();
            // The server may have been out of reach when the session began.
            if login.client.is_err() {
                login.client = Ok(discover(&self.options).await?);
            }
            let stale = login.to_stored(current);
            match login.refresh(&stale, Cause::Expiry).await? {
                Refresh::Refreshed(token) | Refresh::Found(token) => Ok(to_token(&token)),
                Refresh::Ended => Err(Error::LoginEnded),
                Refresh::NotSavable(error) => Err(error),
            }
        })
    }
}

/// The prompt of a background refresh, which writes notices to the log.
struct Unattended;

impl Prompt for Unattended {
    fn show(&self, text: &str) {
        tracing::warn!(notice = text, "while refreshing a person's token");
    }
}
