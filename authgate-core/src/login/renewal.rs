//! Renewing a stored login without getting into another process's way.

use crate::error::{Error, Result};
use crate::flow::Notice;
use crate::store::{self, Kept, StoredToken};

use super::Login;

/// What came of a renewal.
pub(super) enum Renewal {
    /// The server has given this in place of the old one.
    Renewed(StoredToken),
    /// Another process has put this there.
    Found(StoredToken),
    /// The server has ended the login, or there is nothing to renew it with.
    LoginEnded,
    /// The server was not asked: what it would have given could not be saved, and the refresh token
    /// in the stores would be used up.
    NotPossible(Error),
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
        let _guard = self.stores.lock().await?;
        let mut refused = None;
        // Each round ends the renewal or takes one token out of the stores.
        loop {
            // Whoever had the lock before may have renewed it, or logged out; and a client in
            // another language does not know our lock.
            let current = match self.load().await {
                Some(current) if refused.as_ref() != Some(&current) => current,
                // Still there, in a store that says that it has deleted it: without end otherwise.
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
                    // Saved before anything else: a terminal may keep a notice waiting.
                    let renewal = self.keep_renewed(current, self.stored(&token)).await;
                    self.tell_missing_scopes(&token);
                    return Ok(renewal);
                }
                // For good: the token is of no more use to anybody, and what another client may
                // have got in its place is there now.
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

    /// The end of a login. That the server has revoked it is said only here: until then another
    /// client's token may have taken its place.
    fn ended(&self, was_revoked: bool) -> Renewal {
        if was_revoked {
            self.notice(&Notice::LoginRevoked);
        }
        Renewal::LoginEnded
    }

    async fn get_ready(&self, current: &StoredToken) -> Result<()> {
        let current = current.clone();
        self.with_store(move |store, client_id| store.get_ready(client_id, &current)).await
    }

    /// Deletes a token that is of no more use, wherever it still stands; whether that could be done.
    ///
    /// On a full disk it stays, and the next run finds it refused once more. A new login does not
    /// wait for that.
    pub(super) async fn delete_refused(&self, refused: StoredToken) -> bool {
        let deleted = self.with_store(move |store, client_id| store.delete_refused(client_id, &refused)).await;
        if let Err(error) = &deleted {
            self.notice(&Notice::Store(store::Notice::OldCopyRemains { reason: error.to_string() }));
        }
        deleted.is_ok()
    }

    /// Whether somebody else has put a good token in the place of `stale`.
    fn is_news(&self, current: &StoredToken, stale: &StoredToken) -> bool {
        current.access_token != stale.access_token && self.is_good(current)
    }

    async fn keep_renewed(&self, old: StoredToken, new: StoredToken) -> Renewal {
        let renewed = new.clone();
        let kept = self.with_store(move |store, client_id| store.save_refreshed(client_id, &old, &new)).await;
        match kept {
            Kept::InStore | Kept::ThisRunOnly => Renewal::Renewed(renewed),
            Kept::Superseded => self.load().await.map_or(Renewal::LoginEnded, Renewal::Found),
        }
    }
}
