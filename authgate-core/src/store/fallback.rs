//! The keyring where it works, else the file: one store made of both.

mod told;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::told::Told;
use super::file::FileStore;
use super::keyring::KeyringStore;
use super::lock::{LoginGuard, LoginLock};
use super::memory::MemoryStore;
use super::notice::Notice;
use super::{StoredToken, TokenStore};
use crate::error::{Error, Result};

/// Tokens in the first store that works, by default the keyring and then the file.
///
/// A store that works today may have been out of reach yesterday, so both are read and the newest
/// token counts; what is written goes where it keeps them from growing apart. A token that no store
/// takes is kept in memory: it serves this run.
///
/// Whoever changes a store, or asks a server for a new token, holds [`FallbackStore::lock`].
pub struct FallbackStore {
    /// In order of preference.
    stores: Vec<Box<dyn TokenStore>>,
    /// Why a store that should be among them is not.
    missing: Vec<String>,
    memory: MemoryStore,
    lock: LoginLock,
    told: Mutex<Told>,
}

/// Where a token is after it was saved.
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
    /// Uses `stores`, the preferred one first, under `lock`: where a [`FileStore`] is among them a
    /// clone of its [`login_lock`](FileStore::login_lock), or its saves would wait for it.
    pub fn new(stores: Vec<Box<dyn TokenStore>>, lock: LoginLock) -> Self {
        Self { stores, missing: Vec::new(), memory: MemoryStore::default(), lock, told: Mutex::default() }
    }

    /// The user's stores: `keyring`, and the file in the home folder. Without `keyring` the user's
    /// keyring is not touched at all.
    pub fn of_user(keyring: Option<KeyringStore>) -> Self {
        let is_off = keyring.is_none();
        let mut stores: Vec<Box<dyn TokenStore>> = Vec::new();
        stores.extend(keyring.map(|keyring| Box::new(keyring) as Box<dyn TokenStore>));
        match FileStore::in_home() {
            Ok(file) => {
                let (lock, used) = (file.login_lock().clone(), file.description());
                stores.push(Box::new(file));
                let this = Self::new(stores, lock);
                if is_off {
                    this.told().notice(Notice::KeyringOff { used });
                }
                this
            }
            Err(error) => {
                let missing = vec![error.to_string()];
                Self { missing, ..Self::new(stores, LoginLock::nowhere(error.to_string())) }
            }
        }
    }

    /// Takes the lock under which tokens are renewed and stores changed; waits for whoever has it,
    /// at most `patience`. It may be held across `await`, but taking it blocks the thread.
    ///
    /// # Errors
    ///
    /// As for [`LoginLock::acquire`].
    pub fn lock(&self, patience: Duration) -> Result<LoginGuard> {
        let guard = self.lock.acquire(patience)?;
        if let Some(reason) = guard.unlocked_because() {
            self.told().notice(Notice::NotLocked { reason: reason.to_owned() });
        }
        Ok(guard)
    }

    /// Keeps the token of a new login: in the first store that takes it, and nowhere else.
    pub fn save_login(&self, client_id: &str, token: &StoredToken) -> Kept {
        let Some(used) = self.save_in_first(client_id, token, |_| true, Vec::new()) else {
            return Kept::ThisRunOnly;
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
        Kept::InStore
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
            let replaced = match store.load(client_id) {
                Ok(Some(there)) if there.is_same_grant(old) => store.save(client_id, &new),
                Ok(None) => {
                    empty.push(index);
                    continue;
                }
                Err(error) if self.held(client_id, index, old) => Err(error),
                Ok(Some(_)) | Err(_) => continue,
            };
            match replaced {
                Ok(()) => {
                    saved = true;
                    self.told().found(client_id, index, Some(&new));
                }
                Err(error) => {
                    self.delete_copy(client_id, index, &error);
                    failures.push(error.to_string());
                }
            }
        }

        let was_in_memory = matches!(self.memory.load(client_id), Ok(Some(there)) if there.is_same_grant(old));
        if saved {
            self.forget(client_id);
            Kept::InStore
        } else if failures.is_empty() && !was_in_memory {
            Kept::Superseded
        } else if self.save_in_first(client_id, &new, |index| empty.contains(&index), failures).is_some() {
            Kept::InStore
        } else {
            Kept::ThisRunOnly
        }
    }

    /// Forgets the client's token in every store, whatever becomes of the others; returns why it
    /// lies on where it does. A store that cannot even be read has nothing of which we know: there
    /// it is left at a notice.
    pub fn delete_everywhere(&self, client_id: &str) -> Vec<Error> {
        self.forget(client_id);
        let mut failures = Vec::new();
        for (index, store) in self.stores.iter().enumerate() {
            match store.delete(client_id) {
                Ok(()) => self.told().found(client_id, index, None),
                Err(error) if self.told().held(client_id, index).is_some() => failures.push(error),
                Err(error) => self.trouble(index, &error),
            }
        }
        failures
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
        for (index, store) in self.stores.iter().enumerate().filter(|&(index, _)| is_allowed(index)) {
            match store.save(client_id, token) {
                Ok(()) => {
                    self.forget(client_id);
                    self.told().found(client_id, index, Some(token));
                    return Some(index);
                }
                Err(error) => {
                    reasons.push(error.to_string());
                    self.trouble(index, &error);
                }
            }
        }
        reasons.extend(self.missing.iter().cloned());
        // The memory takes everything.
        let _ = self.memory.save(client_id, token);
        self.told().notice(Notice::ThisRunOnly { reasons });
        None
    }

    /// Removes a token that has been used up from where its successor cannot be written.
    fn delete_copy(&self, client_id: &str, index: usize, failure: &Error) {
        let deleted = self.stores[index].delete(client_id);
        let reason = failure.to_string();
        let mut told = self.told();
        if deleted.is_ok() {
            told.found(client_id, index, None);
            told.notice(Notice::OldCopyDeleted { reason });
        } else {
            told.notice(Notice::OldCopyRemains { reason });
        }
    }

    fn held(&self, client_id: &str, index: usize, token: &StoredToken) -> bool {
        self.told().held(client_id, index).is_some_and(|held| held.is_same_grant(token))
    }

    fn trouble(&self, index: usize, error: &Error) {
        self.told().trouble(index, error, self.stores.get(index + 1).map(AsRef::as_ref));
    }

    fn forget(&self, client_id: &str) {
        // The memory never fails.
        let _ = self.memory.delete(client_id);
    }

    /// Nothing can be half done under this lock, so one that a panic has poisoned is as good.
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for FallbackStore {
    /// The newest token of all stores: the one that expires last. A store that cannot be read is
    /// left out, with a notice: this never fails.
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        let mut newest = self.memory.load(client_id)?;
        for (index, store) in self.stores.iter().enumerate() {
            match store.load(client_id) {
                Ok(found) => {
                    self.told().found(client_id, index, found.as_ref());
                    if newest.as_ref().map(|token| token.expires_at) < found.as_ref().map(|token| token.expires_at) {
                        newest = found;
                    }
                }
                Err(error) => self.trouble(index, &error),
            }
        }
        Ok(newest)
    }

    /// As [`FallbackStore::save_login`]: it never fails, because memory takes what no store does.
    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.save_login(client_id, token);
        Ok(())
    }

    /// As [`FallbackStore::delete_everywhere`]; the first failure is returned.
    fn delete(&self, client_id: &str) -> Result<()> {
        self.delete_everywhere(client_id).into_iter().next().map_or(Ok(()), Err)
    }

    fn description(&self) -> String {
        let stores: Vec<String> = self.stores.iter().map(|store| store.description()).collect();
        if stores.is_empty() { self.memory.description() } else { stores.join(", else ") }
    }

    fn take_notices(&self) -> Vec<Notice> {
        let own = std::mem::take(&mut self.told().notices);
        own.into_iter().chain(self.stores.iter().flat_map(|store| store.take_notices())).collect()
    }
}

impl fmt::Debug for FallbackStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FallbackStore").field("stores", &self.description()).finish_non_exhaustive()
    }
}
