//! Refreshes a stored login without getting in another process's way.

use super::stores::LockedStores;
use super::{Login, is_valid, to_token};
use crate::client::ExtraParameters;
use crate::error::{Error, Result};
use crate::store::{StoredLogin, StoredToken};

/// Why a stored token is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is about to expire or has expired.
    Expiry,
    /// The server has refused it, although it may not have expired.
    Refusal,
}

/// How a refresh ended.
pub(super) enum Refresh {
    /// The server issued this token in place of the old one.
    Refreshed(StoredToken),
    /// Another process has stored this token, and this run has not tried it yet.
    Found(StoredToken),
    /// The stored login is gone, has no refresh token, or was refused by the server.
    Ended,
    /// The new token could not have been saved, so the server was not asked: it would have used up
    /// the stored refresh token.
    NotSavable(Error),
}

impl Login {
    /// Refreshes `stale`, one process at a time.
    ///
    /// Runs in a task of its own: a refresh token is used up once the server has accepted it, so a
    /// caller that is dropped must not take the response with it.
    pub(super) async fn refresh(&self, stale: &StoredToken, cause: Cause) -> Result<Refresh> {
        let (login, stale) = (self.clone(), stale.clone());
        match tokio::spawn(async move { login.refresh_locked(&stale, cause).await }).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::interrupted("refresh token grant")),
        }
    }

    async fn refresh_locked(&self, stale: &StoredToken, cause: Cause) -> Result<Refresh> {
        let locked = self.stores.lock().await?;
        let mut refused: Option<StoredLogin> = None;
        // Each round ends the refresh or deletes one token from the stores.
        loop {
            // The previous holder of the lock may have refreshed the token or logged out, and a
            // client in another language does not know our lock, so read the stores again.
            let current = self.load().await;
            // If the token that we deleted in the last round is back although the store reported
            // success, stop, or this would loop forever.
            let Some(current) = current.filter(|current| refused.as_ref() != Some(current)) else {
                return Ok(self.ended(refused.is_some()));
            };
            if let Some(refused) = &refused
                && is_older(&current.token, &refused.token)
            {
                self.notice(
                    "The stored login no longer works. An older login that was stored elsewhere is \
                     used instead",
                );
            }
            // Another process has refreshed first, or the person has logged in again.
            if current.token.access_token != stale.access_token && is_valid(&current.token) {
                tracing::debug!("another process has refreshed the stored login");
                return Ok(Refresh::Found(current.token));
            }
            // Without a refresh token, a refused access token ends the login.
            if current.token.refresh_token.is_none() {
                let _deleting = self.options.in_flight.enter();
                let is_refused = cause == Cause::Refusal && current.token.is_same_grant(stale);
                if !is_refused || !locked.delete_refused(&current).await {
                    return Ok(self.ended(is_refused || refused.is_some()));
                }
                refused = Some(current);
                continue;
            }
            // The server uses up the refresh token, so check first that the next one can be saved.
            if let Err(error) = locked.get_ready(&current).await {
                return Ok(Refresh::NotSavable(error));
            }

            let mut client = self.client()?.clone();
            // The record says what the login requested, so the new token must be for the same,
            // although this run may request less.
            if let Some(requested) = &current.token.requested_parameters {
                client = client.with_parameters(ExtraParameters::decode(requested));
            }
            let _asking = self.options.in_flight.enter();
            match client.refresh_token(&to_token(&current.token)).await {
                Ok(token) => {
                    // Save first, because a terminal may block on a notice.
                    let saved = self
                        .save_refreshed(&locked, current, self.to_stored(&token))
                        .await;
                    if let Some(granted) = &token.scope {
                        self.warn_of_missing_scopes(granted);
                    }
                    return Ok(saved);
                }
                // invalid_grant is final, so delete our copies. If another client refreshed first,
                // the next round finds its token.
                Err(error) if error.needs_login() => {
                    if !locked.delete_refused(&current).await {
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
    fn ended(&self, was_revoked: bool) -> Refresh {
        if was_revoked {
            self.notice("Your stored login was revoked by the server. Please log in again");
        }
        Refresh::Ended
    }

    async fn save_refreshed(
        &self,
        locked: &LockedStores,
        old: StoredLogin,
        new: StoredToken,
    ) -> Refresh {
        if locked.save_refreshed(old, new.clone()).await {
            return Refresh::Refreshed(new);
        }
        // During the refresh, another program logged in again or logged out. Its change counts.
        match self.load().await {
            Some(current) => Refresh::Found(current.token),
            None => Refresh::Ended,
        }
    }
}

/// Returns whether `login` is known to be older than `other`.
fn is_older(login: &StoredToken, other: &StoredToken) -> bool {
    (login.made_at().zip(other.made_at())).is_some_and(|(login, other)| login < other)
}
