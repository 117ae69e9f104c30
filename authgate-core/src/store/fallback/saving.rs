//! Saves to several stores so that they do not diverge.

use super::FallbackStore;
use crate::error::Error;
use crate::store::notice::Notice;
use crate::store::{StoredToken, TokenStore};

/// Where the token of a refresh is after it was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In at least one store.
    InStore,
    /// Only in memory, because no store accepted it.
    ThisRunOnly,
    /// Nowhere, because another program logged out, or logged in again, during the refresh. The
    /// stores must be read again.
    Superseded,
}

impl FallbackStore {
    /// Saves the token of a new login in the first store that accepts it, and deletes the client's
    /// token from the others. Returns whether a store accepted it; if not, the token is in memory
    /// and serves this run.
    pub fn save_login(&self, client_id: &str, token: &StoredToken) -> bool {
        let Some(used) = self.save_in_first(client_id, token, |_| true, Vec::new()) else {
            return false;
        };
        for (index, store) in self
            .stores
            .iter()
            .enumerate()
            .filter(|&(index, _)| index != used)
        {
            let deleted = store.delete(client_id);
            let mut told = self.told();
            match deleted {
                Err(error) if told.held(client_id, index).is_some() => {
                    told.notice(Notice::OldCopyRemains {
                        reason: error.to_string(),
                    });
                }
                _ => told.found(client_id, index, None),
            }
        }
        true
    }

    /// Saves the token that a refresh of `old` returned, in every store that has `old`. If a
    /// program found `old` there and used it again, the server would end the login.
    ///
    /// A refresh response may omit the scope and the ID token. In that case, they are copied from
    /// `old`.
    pub fn save_refreshed(&self, client_id: &str, old: &StoredToken, new: &StoredToken) -> Kept {
        let mut new = new.clone();
        new.scope = new.scope.or_else(|| old.scope.clone());
        new.id_token = new.id_token.or_else(|| old.id_token.clone());

        let mut saved = false;
        let mut failures = Vec::new();
        let mut empty = Vec::new();
        for (index, store) in self.stores.iter().enumerate() {
            match store.replace(client_id, old, Some(&new)) {
                Ok(true) => {
                    saved = true;
                    self.told().found(client_id, index, Some(&new));
                }
                Ok(false) => {
                    if matches!(store.load(client_id), Ok(None)) {
                        empty.push(index);
                    }
                }
                // The token was written, and only a later step failed.
                Err(_) if matches!(store.load(client_id), Ok(Some(there)) if there.is_same_grant(&new)) =>
                {
                    saved = true;
                    self.told().found(client_id, index, Some(&new));
                }
                Err(error) if self.holds(client_id, index, old) => {
                    self.delete_copy(client_id, index, old, &error);
                    failures.push(error.to_string());
                }
                // The store held the old token and is now empty: our failed write removed it, or
                // its folder was deleted. Count that as a failure, so that another store gets the
                // new token.
                Err(error)
                    if self.held(client_id, index, old)
                        && matches!(store.load(client_id), Ok(None)) =>
                {
                    failures.push(error.to_string());
                }
                Err(_) => {}
            }
        }

        let was_in_memory =
            matches!(self.memory.load(client_id), Ok(Some(there)) if there.is_same_grant(old));
        if saved {
            self.forget(client_id);
            Kept::InStore
        } else if failures.is_empty() && !was_in_memory {
            Kept::Superseded
        } else if let Some(used) =
            self.save_in_first(client_id, &new, |index| empty.contains(&index), failures)
        {
            // Only a move to a plain-text store deserves a notice.
            if used > 0 {
                self.told().notice(Notice::Moved {
                    used: self.stores[used].description(),
                });
            }
            Kept::InStore
        } else {
            Kept::ThisRunOnly
        }
    }

    /// Saves `token` in the first allowed store that accepts it. Returns the store's index, or
    /// `None` if the token is in memory only. `reasons` says why other stores did not accept it.
    fn save_in_first(
        &self,
        client_id: &str,
        token: &StoredToken,
        is_allowed: impl Fn(usize) -> bool,
        mut reasons: Vec<String>,
    ) -> Option<usize> {
        let mut failed = Vec::new();
        for (index, store) in self
            .stores
            .iter()
            .enumerate()
            .filter(|&(index, _)| is_allowed(index))
        {
            match store.save(client_id, token) {
                Ok(()) => {
                    self.forget(client_id);
                    self.told().found(client_id, index, Some(token));
                    for (index, error) in &failed {
                        self.trouble(*index, error);
                    }
                    return Some(index);
                }
                Err(error) => failed.push((index, error)),
            }
        }
        reasons.extend(failed.iter().map(|(_, error)| error.to_string()));
        reasons.extend(self.missing.iter().cloned());
        // Memory accepts every token.
        let _ = self.memory.save(client_id, token);
        self.told().this_run_only(reasons);
        None
    }

    /// Deletes a used-up token from a store that its successor could not be written to.
    fn delete_copy(&self, client_id: &str, index: usize, old: &StoredToken, failure: &Error) {
        let deleted = self.stores[index].replace(client_id, old, None);
        let reason = failure.to_string();
        let mut told = self.told();
        if deleted.is_ok() {
            told.found(client_id, index, None);
            told.notice(Notice::OldCopyDeleted { reason });
        } else {
            told.notice(Notice::OldCopyRemains { reason });
        }
    }
}
