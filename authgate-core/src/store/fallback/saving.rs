//! Writing to several stores so that they do not grow apart.

use super::FallbackStore;
use crate::error::Error;
use crate::store::notice::Notice;
use crate::store::{StoredToken, TokenStore};

/// Where the token of a refresh is after it was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In at least one store.
    InStore,
    /// Only in memory: no store took it.
    ThisRunOnly,
    /// Nowhere: another program has logged out, or in again, while this one was refreshing. What
    /// it left is to be read again.
    Superseded,
}

impl FallbackStore {
    /// Keeps the token of a new login: in the first store that takes it, and nowhere else. Whether
    /// one took it; if not, it is in memory and serves this run.
    pub fn save_login(&self, client_id: &str, token: &StoredToken) -> bool {
        let Some(used) = self.save_in_first(client_id, token, |_| true, Vec::new()) else {
            return false;
        };
        for (index, store) in self.stores.iter().enumerate().filter(|&(index, _)| index != used) {
            let deleted = store.delete(client_id);
            let mut told = self.told();
            match deleted {
                Err(error) if told.held(client_id, index).is_some() => {
                    told.notice(Notice::OldCopyRemains { reason: error.to_string() });
                }
                _ => told.found(client_id, index, None),
            }
        }
        true
    }

    /// Keeps the token that a refresh of `old` has given: in every store that holds `old`, because
    /// a program that finds it there and uses it again would end the login.
    ///
    /// What an answer to a refresh may leave out, scope and ID token, is taken from `old`.
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
                // It was written, and something after that failed.
                Err(_) if matches!(store.load(client_id), Ok(Some(there)) if there.is_same_grant(&new)) => {
                    saved = true;
                    self.told().found(client_id, index, Some(&new));
                }
                Err(error) if self.holds(client_id, index, old) => {
                    self.delete_copy(client_id, index, old, &error);
                    failures.push(error.to_string());
                }
                // It was there and is gone: half a save has taken it along, or somebody its folder.
                Err(error) if self.held(client_id, index, old) && matches!(store.load(client_id), Ok(None)) => {
                    failures.push(error.to_string());
                }
                Err(_) => {}
            }
        }

        let was_in_memory = matches!(self.memory.load(client_id), Ok(Some(there)) if there.is_same_grant(old));
        if saved {
            self.forget(client_id);
            Kept::InStore
        } else if failures.is_empty() && !was_in_memory {
            Kept::Superseded
        } else if let Some(used) = self.save_in_first(client_id, &new, |index| empty.contains(&index), failures) {
            // The first store is the one that nobody has to be warned of.
            if used > 0 {
                self.told().notice(Notice::Moved { used: self.stores[used].description() });
            }
            Kept::InStore
        } else {
            Kept::ThisRunOnly
        }
    }

    /// The index of the store that took it; `None` when it is in memory only. `reasons` are those
    /// why other stores did not.
    fn save_in_first(
        &self,
        client_id: &str,
        token: &StoredToken,
        is_allowed: impl Fn(usize) -> bool,
        mut reasons: Vec<String>,
    ) -> Option<usize> {
        let mut failed = Vec::new();
        for (index, store) in self.stores.iter().enumerate().filter(|&(index, _)| is_allowed(index)) {
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
        // The memory takes everything.
        let _ = self.memory.save(client_id, token);
        self.told().this_run_only(reasons);
        None
    }

    /// Removes a token that has been used up from where its successor cannot be written.
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
