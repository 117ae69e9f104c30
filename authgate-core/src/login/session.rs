//! A person who is logged in.

use super::refresh::{Cause, Refresh};
use super::{Login, to_token, within};
use crate::client::OAuthClient;
use crate::error::{Error, Result};
use crate::jwt::unverified_claim;
use crate::resource::{TokenInfo, UserInfo};
use crate::store::StoredToken;
use crate::token::Token;
use crate::token_source::TokenSource;

/// A client and a token that are ready for use, returned by [`authenticate`](super::authenticate).
///
/// ```no_run
/// # async fn example(mut session: authgate_core::Session) -> authgate_core::Result<()> {
/// let user = session.validate().await?;
/// println!("{} has {}", user.sub.unwrap_or_default(), authgate_core::mask(&session.token().access_token));
///
/// let api = authgate_core::BearerAuth::new(session.token_source());
/// let response = api.get("https://api.example.com/v1/me").send().await?;
/// # Ok(())
/// # }
/// ```
///
/// `Debug` shows no secret.
#[derive(Debug)]
pub struct Session {
    login: Login,
    token: Token,
    /// The stored token, if this run did not obtain it and has not yet asked the server whether it
    /// still accepts it.
    unconfirmed: Option<StoredToken>,
    /// Whether the server has refused the token and no other has replaced it.
    is_over: bool,
}

impl Session {
    /// Creates a session with a stored token, which the server may have revoked.
    pub(super) fn resumed(login: Login, stored: StoredToken) -> Self {
        let token = to_token(&stored);
        Self {
            unconfirmed: Some(stored),
            ..Self::new(login, token)
        }
    }

    /// Creates a session with a token that this run obtained or that it should not replace.
    pub(super) fn new(login: Login, token: Token) -> Self {
        Self {
            login,
            token,
            unconfirmed: None,
            is_over: false,
        }
    }

    /// Returns the client.
    ///
    /// # Errors
    ///
    /// The error of discovery, if the server could not be reached when the session began.
    pub fn client(&self) -> Result<&OAuthClient> {
        self.login.client()
    }

    /// Returns the token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Returns a source of this person's tokens, for [`BearerAuth`](crate::BearerAuth) and
    /// everything else that runs for longer than one token is valid. Keep it and clone it.
    ///
    /// It refreshes in the background, under the same lock as every other process, saves a token
    /// before it uses it, and takes over a token that another process has refreshed. It never opens
    /// a browser or prompts: when the server has ended the login, callers get an error for which
    /// [`Error::needs_login`] is true.
    pub fn token_source(&self) -> TokenSource {
        self.login.token_source(&self.token)
    }

    /// Returns whether the person is logged in: not after [`validate`](Session::validate) has found
    /// the token refused and the new login has failed.
    pub fn is_logged_in(&self) -> bool {
        !self.is_over
    }

    /// Asks the server who is logged in, and so finds out whether it still accepts the token.
    ///
    /// If the server refuses a stored token, the token is refreshed once. If the server refuses the
    /// refresh as well, the login has been revoked: the token is deleted, and the person logs in
    /// again. If a new token could not be saved, they log in for this run, and the stored login
    /// stays. A token that this run obtained is not replaced, because another would fare no better.
    ///
    /// # Errors
    ///
    /// The errors of [`OAuthClient::userinfo`], and of [`authenticate`](super::authenticate) if the
    /// person logs in again; [`Error::Other`] when the response is about another person than the
    /// ID token.
    pub async fn validate(&mut self) -> Result<UserInfo> {
        loop {
            let answer = self.user_info().await;
            match (answer, self.unconfirmed.take()) {
                (Err(error), Some(stored)) if is_refused(&error) => self.replace(stored).await?,
                (answer, _) => {
                    let user = answer?;
                    self.check_subject(&user)?;
                    return Ok(user);
                }
            }
        }
    }

    /// Asks the server about the token.
    ///
    /// # Errors
    ///
    /// The errors of [`OAuthClient::token_info`].
    pub async fn token_info(&self) -> Result<TokenInfo> {
        let info = self.client()?.token_info(&self.token.access_token).await?;
        // Another client's entry does not say what was granted, so only the server can.
        if let (None, Some(granted)) = (&self.token.scope, &info.scope) {
            self.login.warn_of_missing_scopes(granted);
        }
        Ok(info)
    }

    async fn user_info(&self) -> Result<UserInfo> {
        let request = self.client()?.userinfo(&self.token.access_token);
        match self.login.options.check_limit {
            Some(limit) if self.unconfirmed.is_some() => within(limit, "userinfo", request).await,
            _ => request.await,
        }
    }

    /// Replaces a token that the server has refused.
    async fn replace(&mut self, refused: StoredToken) -> Result<()> {
        match self.login.refresh(&refused, Cause::Refusal).await? {
            Refresh::Refreshed(stored) => self.token = to_token(&stored),
            Refresh::Found(stored) => *self = Self::resumed(self.login.clone(), stored),
            Refresh::Ended => self.log_in_again().await?,
            Refresh::NotSavable(error) => {
                self.login.report_not_savable(&error);
                self.log_in_again().await?;
            }
        }
        Ok(())
    }

    async fn log_in_again(&mut self) -> Result<()> {
        self.is_over = true;
        *self = self.login.run_flow().await?;
        Ok(())
    }

    /// Checks that the ID token has the same subject (OpenID Connect Core section 5.3.2), because
    /// an attacker may have substituted another person's token. An ID token that cannot be parsed
    /// is ignored.
    fn check_subject(&self, user: &UserInfo) -> Result<()> {
        let expected = self
            .token
            .id_token
            .as_ref()
            .and_then(|token| unverified_claim(token, "sub"));
        match (expected, &user.sub) {
            (Some(expected), Some(subject)) if expected != *subject => {
                Err(Error::permanent(format!(
                    "userinfo: {}: the answer is about another person than the ID token: log out and in again",
                    self.login.issuer
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether the server no longer accepts the token (RFC 6750 section 3.1).
fn is_refused(error: &Error) -> bool {
    matches!(error, Error::OAuth { status: 401, code, .. } if code == "invalid_token")
}
