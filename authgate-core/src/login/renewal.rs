//! Refreshes a stored login without getting in another process's way.

use crate::error::{Error, Result};
use crate::flow::Notice;
use crate::store::{self, Kept, StoredToken};

use super::Login;

/// The outcome of a refresh.
pub(super) enum Renewal {
    /// The token that the server returned in place of the old one.
    Renewed(StoredToken),
    /// The token that another process has stored.
    Found(StoredToken),
    /// The server has ended the login, or there is nothing to refresh it with.
    LoginEnded,
    /// The server was not asked, because its new token could not have been saved, and the stored
    /// refresh token would be used up.
    NotPossible(Error),
}

impl Login {
    /// Refreshes `stale`, one process at a time.
    ///
    /// Runs in a task of its own: a refresh token is used up once the server has accepted it, so a
    /// caller that is dropped must not take the response with it.
    ///
    /// # Errors
    ///
    /// The errors of [`OAuthClient::refresh_token`](crate::OAuthClient::refresh_token);
    /// [`Error::Other`] when another process does not release the lock.
    pub(super) async fn renew(&self, stale: &StoredToken) -> Result<Renewal> {
        let (login, stale) = (self.clone(), stale.clone());
        match tokio::spawn(async move { login.renew_locked(stale).await }).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::interrupted("refresh token grant")),
        }
    }

    async fn renew_locked(&self, stale: StoredToken) -> Result<Renewal> {
        let _guard = self.stores.lock().await?;
        let mut refused = None;
        // Each round ends the refresh or deletes one token from the stores.
        loop {
            // The previous holder of the lock may have refreshed the token or logged out, and a
            // client in another language does not know our lock, so read the stores again.
            let current = match self.load().await {
                Some(current) if refused.as_ref() != Some(&current) => current,
                // No token is left, or the one that we deleted in the last round is back although
                // the store reported success. Stop, or this would loop forever.
                _ => return Ok(self.ended(refused.is_some())),
            };
            if self.is_news(&current, &stale) {
                return Ok(Renewal::Found(current));
            }
            if current.refresh_token.is_none() {
                return Ok(self.ended(refused.is_some()));
            }
            if let Err(error) = self.get_ready(&current).await {
                return Ok(Renewal::NotPossible(error));
            }

            let _asking = self.options.in_flight.enter();
            match self.client.refresh_token(&self.usable(&current)).await {
                Ok(token) => {
                    // Save first, because a terminal may block on a notice.
                    let renewal = self.keep_renewed(current, self.stored(&token)).await;
                    self.tell_missing_scopes(&token);
                    return Ok(renewal);
                }
                // invalid_grant is final, so delete our copies. If another client refreshed first,
                // the next round finds its token.
                Err(error) if error.needs_login() => {
                    if !self.delete_refused(current.clone()).await {
                        return Ok(self.ended(true));
                    }
                    refused = Some(current);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the login. Reports a revocation only here, because until then another client's token
    /// may have replaced the revoked one.
    fn ended(&self, was_revoked: bool) -> Renewal {
        if was_revoked {
            self.notice(&Notice::LoginRevoked);
        }
        Renewal::LoginEnded
    }

    async fn get_ready(&self, current: &StoredToken) -> Result<()> {
        let current = current.clone();
        self.with_store(move |store, client_id| store.get_ready(client_id, &current))
            .await
    }

    /// Deletes a token that no longer works from every store that still has it. Returns whether
    /// that succeeded.
    ///
    /// On a full disk the token stays, and the server refuses it once more in the next run. A new
    /// login does not wait for its deletion.
    pub(super) async fn delete_refused(&self, refused: StoredToken) -> bool {
        let deleted = self
            .with_store(move |store, client_id| store.delete_refused(client_id, &refused))
            .await;
        if let Err(error) = &deleted {
            self.notice(&Notice::Store(store::Notice::OldCopyRemains {
                reason: error.to_string(),
            }));
        }
        deleted.is_ok()
    }

    /// Returns whether another process has replaced `stale` with a valid token.
    fn is_news(&self, current: &StoredToken, stale: &StoredToken) -> bool {
        current.access_token != stale.access_token && self.is_good(current)
    }

    async fn keep_renewed(&self, old: StoredToken, new: StoredToken) -> Renewal {
        let renewed = new.clone();
        let kept = self
            .with_store(move |store, client_id| store.save_refreshed(client_id, &old, &new))
            .await;
        match kept {
            Kept::InStore | Kept::ThisRunOnly => Renewal::Renewed(renewed),
            Kept::Superseded => self
                .load()
                .await
                .map_or(Renewal::LoginEnded, Renewal::Found),
        }
    }
}
