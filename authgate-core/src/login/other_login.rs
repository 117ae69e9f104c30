//! Notices a login that another run has made, so that a person with several terminals logs in once.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Login, Session, has_issued, is_valid};
use crate::store::{StoredLogin, StoredToken};

/// How often the stores are read while a flow waits for the person.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long the stores may take when the flow has failed and its error waits to be shown.
const LIMIT: Duration = Duration::from_secs(1);

impl Login {
    /// Waits until another run has logged in. `known` is what the stores had when the wait began.
    ///
    /// If our own flow has a request in flight, waits for that too: it may bring a token, which must
    /// not be lost.
    pub(super) async fn wait_for_other_login(&self, known: &[StoredLogin]) -> StoredToken {
        loop {
            sleep(INTERVAL).await;
            if let Some(other) = self.other_login(known).await {
                self.options.in_flight.idle().await;
                return other;
            }
        }
    }

    /// Looks once for a login that another run has made. A keyring that does not answer counts as
    /// one without a login.
    pub(super) async fn find_other_login(&self, known: &[StoredLogin]) -> Option<StoredToken> {
        timeout(LIMIT, self.other_login(known)).await.ok().flatten()
    }

    /// Uses the login of another run. The server has not yet confirmed it to this one.
    pub(super) fn take_over(&self, other: StoredToken) -> Session {
        self.options.prompt.countdown(None);
        self.notice("Another run has logged in, so this one uses that login");
        Session::resumed(self.clone(), other)
    }

    /// Returns a stored login that is not `known` and can be used as it is. It is new, so the whole
    /// life of its token may be shorter than `min_validity`.
    async fn other_login(&self, known: &[StoredLogin]) -> Option<StoredToken> {
        let is_known =
            |token: &StoredToken| known.iter().any(|login| login.token.is_same_grant(token));
        let stored = self.stores.peek().await.into_iter();
        stored.map(|login| login.token).find(|token| {
            has_issued(&self.issuer, token)
                && !is_known(token)
                && is_valid(token)
                && self.not_requested(token).is_none()
        })
    }
}
