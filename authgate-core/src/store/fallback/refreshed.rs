//! Saves a refreshed token in every store that has the old one.

use super::{FallbackStore, StoredLogin};
use crate::error::Error;
use crate::store::{LoginGuard, StoredToken};

/// How the replacement of a token in one store ended.
enum Replaced {
    /// The store has the new token.
    Yes,
    /// The store has no token of this client.
    Empty,
    /// The store does not have the old token, but may have another one.
    Other,
    /// The store had the old token and could not take the new one.
    Failed(Error),
}

impl FallbackStore {
    /// Saves the token that a refresh of `old` returned, in every store that has `old`. If a
    /// program found `old` there and used it again, the server would end the login.
    ///
    /// Returns whether the new token counts. It does not if another program logged out, or logged
    /// in again, during the refresh; the stores must be read again then.
    pub fn save_refreshed(&self, old: &StoredLogin, new: &StoredToken, guard: &LoginGuard) -> bool {
        let mut new = new.clone();
        new.requested_scope.clone_from(&old.token.requested_scope);
        new.requested_parameters
            .clone_from(&old.token.requested_parameters);
        new.logged_in_at = old.token.logged_in_at;

        let mut is_saved = false;
        let mut failures = Vec::new();
        let mut empty = Vec::new();
        for index in 0..self.stores.len() {
            match self.replace_in(index, old, &new, guard) {
                Replaced::Yes => is_saved = true,
                Replaced::Empty => empty.push(index),
                Replaced::Other => {}
                Replaced::Failed(error) => failures.push(error),
            }
        }

        if is_saved {
            *self.unsaved() = None;
            self.warn_if_unlocked(guard);
            return true;
        }
        let was_unsaved =
            (self.unsaved().as_ref()).is_some_and(|token| token.is_same_grant(&old.token));
        if failures.is_empty() && !was_unsaved {
            return false;
        }
        self.save_in_first(empty, &new, failures, guard);
        true
    }

    /// Replaces `old` by `new` in one store, or deletes `old` there if that fails.
    fn replace_in(
        &self,
        index: usize,
        old: &StoredLogin,
        new: &StoredToken,
        guard: &LoginGuard,
    ) -> Replaced {
        let store = &*self.stores[index];
        let load = || store.load(&self.client_id);
        let put = || store.put(&self.client_id, Some(&old.token), Some(new), guard);
        let is_old = |token: &StoredToken| token.is_same_grant(&old.token);
        // The server has used up the old token, so the new one must not be lost to an I/O error that
        // passes: if the old one is still there, try once more.
        let saved = put().or_else(|error| match load() {
            Ok(Some(token)) if is_old(&token) => put(),
            _ => Err(error),
        });
        let error = match saved {
            Ok(true) => return Replaced::Yes,
            Ok(false) if matches!(load(), Ok(None)) => return Replaced::Empty,
            Ok(false) => return Replaced::Other,
            Err(error) => error,
        };
        let had_old = old.found_in.contains(&index);
        let may_have_old = match load() {
            // The token was written, and only a later step failed.
            Ok(Some(token)) if token.is_same_grant(new) => return Replaced::Yes,
            Ok(Some(token)) if is_old(&token) => true,
            Err(_) if had_old => true,
            // The store held the old token and is now empty: our failed write removed it, or its
            // folder was deleted. Count that as a failure, so that another store gets the new token.
            Ok(None) if had_old => false,
            _ => return Replaced::Other,
        };
        if may_have_old {
            match store.put(&self.client_id, Some(&old.token), None, guard) {
                Ok(_) => self.notices.add(format!(
                    "{error}. The old token there no longer works, so it is deleted"
                )),
                Err(_) => self.old_copy_remains(&error),
            }
        }
        Replaced::Failed(error)
    }
}
