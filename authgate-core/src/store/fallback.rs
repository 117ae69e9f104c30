//! The keyring if it works, otherwise the file: one store made of both.

mod saving;
mod told;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::saving::Kept;
use self::told::Told;
use super::file::FileStore;
use super::keyring::KeyringStore;
use super::lock::{LoginGuard, LoginLock};
use super::memory::MemoryStore;
use super::notice::Notice;
use super::{StoredToken, TokenStore};
use crate::error::{Error, Result};

/// Stores tokens in the first store that works, by default the keyring and then the file.
///
/// A store that works today may have failed yesterday, so we read all stores and use the newest
/// token, and we write in such a way that they do not diverge. A token that no store accepts is in
/// memory and serves this run.
///
/// A caller that changes a store, or asks a server for a new token, must hold
/// [`FallbackStore::lock`].
pub struct FallbackStore {
    /// The stores, in order of preference.
    stores: Vec<Box<dyn TokenStore>>,
    /// Why a store is missing from the list.
    missing: Vec<String>,
    memory: MemoryStore,
    lock: LoginLock,
    told: Mutex<Told>,
}

impl FallbackStore {
    /// Uses `stores`, the preferred one first, under `lock`. If a [`FileStore`] is among them,
    /// `lock` must be a clone of its [`login_lock`](FileStore::login_lock), because its saves would
    /// otherwise wait for the lock that the caller holds.
    pub fn new(stores: Vec<Box<dyn TokenStore>>, lock: LoginLock) -> Self {
        Self {
            stores,
            missing: Vec::new(),
            memory: MemoryStore::default(),
            lock,
            told: Mutex::default(),
        }
    }

    /// Uses the user's stores: `keyring`, and the file in the home folder. Without `keyring`, the
    /// user's keyring is not touched at all.
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
                Self {
                    missing,
                    ..Self::new(stores, LoginLock::nowhere(error.to_string()))
                }
            }
        }
    }

    /// Takes the lock for refreshing tokens and changing stores. Waits at most `patience` while
    /// another process holds it. The lock may be held across `await`, but taking it blocks the
    /// thread.
    ///
    /// # Errors
    ///
    /// The errors of [`LoginLock::acquire`].
    pub fn lock(&self, patience: Duration) -> Result<LoginGuard> {
        let guard = self.lock.acquire(patience)?;
        if let Some(reason) = guard.unlocked_because() {
            self.told().not_locked(reason);
        }
        Ok(guard)
    }

    /// Takes the lock like [`FallbackStore::lock`], but for a new login, which must be saved even
    /// if the lock cannot be acquired. In that case, adds a notice.
    ///
    /// The file stays whole, because its save still takes the other clients' lock. If another
    /// process refreshes at the same time, it replaces only the token that it refreshed.
    pub fn lock_if_possible(&self, patience: Duration) -> LoginGuard {
        self.lock(patience).unwrap_or_else(|error| {
            let reason = error.to_string();
            self.told().notice(Notice::LockPassedOver {
                reason: reason.clone(),
            });
            self.lock.share_or_do_without(reason)
        })
    }

    /// Deletes `refused` from every store that still has it. A token that another client has stored
    /// in its place stays.
    ///
    /// # Errors
    ///
    /// The first failure, after every store was tried.
    pub fn delete_refused(&self, client_id: &str, refused: &StoredToken) -> Result<()> {
        // Memory never fails.
        let _ = self.memory.replace(client_id, refused, None);
        let outcomes: Vec<_> = self
            .holding(client_id, refused)
            .map(|store| store.replace(client_id, refused, None))
            .collect();
        outcomes.into_iter().collect::<Result<Vec<_>>>().map(|_| ())
    }

    /// Checks whether every store that has `token` can be written, before the token is used up. If
    /// its successor could not be saved, a program would use the old token a second time.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] of the first store that cannot be written.
    pub fn get_ready(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.holding(client_id, token)
            .try_for_each(TokenStore::get_ready)
    }

    /// Returns every login stored for this client, the newest first: those with an unknown expiry,
    /// then the one that expires last. A store that cannot be read is skipped, with a notice.
    pub fn load_all(&self, client_id: &str) -> Vec<StoredToken> {
        let mut all: Vec<StoredToken> = self
            .memory
            .load(client_id)
            .ok()
            .flatten()
            .into_iter()
            .collect();
        for (index, store) in self.stores.iter().enumerate() {
            match store.load(client_id) {
                Ok(found) => {
                    self.told().found(client_id, index, found.as_ref());
                    all.extend(
                        found.filter(|found| !all.iter().any(|token| token.is_same_grant(found))),
                    );
                }
                Err(error) => self.trouble(index, &error),
            }
        }
        all.sort_by_key(|token| std::cmp::Reverse(token.newness()));
        all
    }

    /// Returns the stores that had `token` when they were last read or written.
    fn holding(
        &self,
        client_id: &str,
        token: &StoredToken,
    ) -> impl Iterator<Item = &dyn TokenStore> {
        self.stores
            .iter()
            .enumerate()
            .filter(move |&(index, _)| self.held(client_id, index, token))
            .map(|(_, store)| store.as_ref())
    }

    /// Deletes the client's token from every store, even if some of them fail. Returns the errors
    /// of those that may still have one.
    pub fn delete_everywhere(&self, client_id: &str) -> Vec<Error> {
        self.forget(client_id);
        let mut failures = Vec::new();
        for (index, store) in self.stores.iter().enumerate() {
            match store.delete(client_id) {
                Ok(()) => self.told().found(client_id, index, None),
                Err(error) => failures.push(error),
            }
        }
        failures
    }

    /// Returns whether `token` is in the store. If the store cannot be read now, returns whether it
    /// was there the last time.
    fn holds(&self, client_id: &str, index: usize, token: &StoredToken) -> bool {
        match self.stores[index].load(client_id) {
            Ok(found) => found.is_some_and(|found| found.is_same_grant(token)),
            Err(_) => self.held(client_id, index, token),
        }
    }

    fn held(&self, client_id: &str, index: usize, token: &StoredToken) -> bool {
        self.told()
            .held(client_id, index)
            .is_some_and(|held| held.is_same_grant(token))
    }

    fn trouble(&self, index: usize, error: &Error) {
        self.told()
            .trouble(index, error, self.stores.get(index + 1).map(AsRef::as_ref));
    }

    fn forget(&self, client_id: &str) {
        // Memory never fails.
        let _ = self.memory.delete(client_id);
    }

    /// No change under this lock can be half done, so the value is still valid if a panic has
    /// poisoned it.
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for FallbackStore {
    /// Returns the first of [`FallbackStore::load_all`]. Never fails.
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        Ok(self.load_all(client_id).into_iter().next())
    }

    /// Saves like [`FallbackStore::save_login`]. Never fails, because memory accepts a token that
    /// no store does.
    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.save_login(client_id, token);
        Ok(())
    }

    /// Deletes like [`FallbackStore::delete_everywhere`]. Returns the first failure.
    fn delete(&self, client_id: &str) -> Result<()> {
        self.delete_everywhere(client_id)
            .into_iter()
            .next()
            .map_or(Ok(()), Err)
    }

    fn description(&self) -> String {
        let stores: Vec<String> = self
            .stores
            .iter()
            .map(|store| store.description())
            .collect();
        if stores.is_empty() {
            self.memory.description()
        } else {
            stores.join(", else ")
        }
    }

    fn take_notices(&self) -> Vec<Notice> {
        let own = std::mem::take(&mut self.told().notices);
        own.into_iter()
            .chain(self.stores.iter().flat_map(|store| store.take_notices()))
            .collect()
    }
}

impl fmt::Debug for FallbackStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FallbackStore")
            .field("stores", &self.description())
            .finish_non_exhaustive()
    }
}
