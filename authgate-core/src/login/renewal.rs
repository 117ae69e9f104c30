//! Renewing a stored login without getting into another process's way.

use crate::error::{Error, Result};
use crate::store::{Kept, LoginGuard, LoginLock, StoredToken, TokenStore};
use crate::token::Freshness;

use super::{Login, MARGIN};

/// What came of a renewal.
pub(super) enum Renewal {
    /// This is the login from now on; another process may have renewed it.
    Renewed(StoredToken),
    /// The server has ended the login, or there is nothing to renew it with.
    LoginEnded,
}

impl Login {
    /// Renews `stale`, one process at a time.
    ///
    /// It runs in a task of its own: a refresh token that the server has taken is used up, so a
    /// caller who goes away must not take the answer along.
    ///
    /// # Errors
    ///
    /// As for [`OAuthClient::refresh_token`](crate::OAuthClient::refresh_token); [`Error::Store`]
    /// when another process does not let go of the lock.
    pub(super) async fn renew(&self, stale: &StoredToken) -> Result<Renewal> {
        let (login, stale) = (self.clone(), stale.clone());
        match tokio::spawn(async move { login.renew_locked(stale).await }).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Interrupted { operation: "refresh token grant" }),
        }
    }

    async fn renew_locked(&self, stale: StoredToken) -> Result<Renewal> {
        let _guard = self.lock().await?;
        // Whoever had the lock before may have renewed it, or logged out.
        let Some(current) = self.load().await else { return Ok(Renewal::LoginEnded) };
        if self.is_news(&current, &stale) {
            return Ok(Renewal::Renewed(current));
        }
        if current.refresh_token.is_none() {
            return Ok(Renewal::LoginEnded);
        }

        let _asking = self.context.in_flight.enter();
        match self.client.refresh_token(&self.usable(&current)).await {
            Ok(token) => self.keep_renewed(current, self.stored(&token)).await,
            Err(error) if error.needs_login() => self.give_up(current).await,
            Err(error) => Err(error),
        }
    }

    pub(super) async fn lock(&self) -> Result<LoginGuard> {
        let store = self.context.store.clone();
        self.context.blocking(move || store.lock(LoginLock::PATIENCE)).await
    }

    /// Whether somebody else has put a good token in the place of `stale`.
    fn is_news(&self, current: &StoredToken, stale: &StoredToken) -> bool {
        let freshness = self.usable(current).freshness(self.client.clock().now(), MARGIN);
        current.access_token != stale.access_token && !matches!(freshness, Freshness::Expired(_))
    }

    async fn keep_renewed(&self, old: StoredToken, new: StoredToken) -> Result<Renewal> {
        let renewed = new.clone();
        let kept = self.with_store(move |store, client_id| store.save_refreshed(client_id, &old, &new)).await;
        match kept {
            Kept::InStore | Kept::ThisRunOnly => Ok(Renewal::Renewed(renewed)),
            Kept::Superseded => Ok(self.load().await.map_or(Renewal::LoginEnded, Renewal::Renewed)),
        }
    }

    /// The server has refused the refresh token for good. A client in another language, which does
    /// not know our lock, may have used it up: then what it got is there. Else the token is of no
    /// more use to anybody.
    async fn give_up(&self, refused: StoredToken) -> Result<Renewal> {
        match self.load().await {
            Some(current) if current.access_token != refused.access_token => Ok(Renewal::Renewed(current)),
            Some(_) => {
                self.with_store(TokenStore::delete).await?;
                Ok(Renewal::LoginEnded)
            }
            None => Ok(Renewal::LoginEnded),
        }
    }
}
