//! The keyring where it works, else the file: one store made of both.

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
            self.told().not_locked(reason);
        }
        Ok(guard)
    }

    /// As [`FallbackStore::lock`], for a new login, which is to be saved even where the lock is not to
    /// be had; a notice says so then.
    ///
    /// The file stays whole, because the other clients' lock is taken all the same, and there a renewal
    /// that goes on meanwhile replaces nothing but the token that it has renewed.
    pub fn lock_if_possible(&self, patience: Duration) -> LoginGuard {
        self.lock(patience).unwrap_or_else(|error| {
            let reason = error.to_string();
            self.told().notice(Notice::LockPassedOver { reason: reason.clone() });
            self.lock.share_or_do_without(reason)
        })
    }

    /// Forgets `refused` wherever it still stands; a token that somebody else has put there stays.
    ///
    /// # Errors
    ///
    /// The first failure, after every store has been asked.
    pub fn delete_refused(&self, client_id: &str, refused: &StoredToken) -> Result<()> {
        // The memory never fails.
        let _ = self.memory.replace(client_id, refused, None);
        let outcomes: Vec<_> =
            self.holding(client_id, refused).map(|store| store.replace(client_id, refused, None)).collect();
        outcomes.into_iter().collect::<Result<Vec<_>>>().map(|_| ())
    }

    /// Finds out whether every store that holds `token` could be written, before the token is used
    /// up: where its successor cannot be saved, it would be used a second time.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] of the first that could not.
    pub fn get_ready(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.holding(client_id, token).try_for_each(TokenStore::get_ready)
    }

    /// Every login that the stores keep for this client, the newest first: the one that expires
    /// last, or of which that is unknown. A store that cannot be read is left out, with a notice.
    pub fn load_all(&self, client_id: &str) -> Vec<StoredToken> {
        let mut all: Vec<StoredToken> = self.memory.load(client_id).ok().flatten().into_iter().collect();
        for (index, store) in self.stores.iter().enumerate() {
            match store.load(client_id) {
                Ok(found) => {
                    self.told().found(client_id, index, found.as_ref());
                    all.extend(found.filter(|found| !all.iter().any(|token| token.is_same_grant(found))));
                }
                Err(error) => self.trouble(index, &error),
            }
        }
        all.sort_by_key(|token| std::cmp::Reverse(token.newness()));
        all
    }

    /// The stores in which `token` was when they were last read.
    fn holding(&self, client_id: &str, token: &StoredToken) -> impl Iterator<Item = &dyn TokenStore> {
        self.stores
            .iter()
            .enumerate()
            .filter(move |&(index, _)| self.held(client_id, index, token))
            .map(|(_, store)| store.as_ref())
    }

    /// Forgets the client's token in every store, whatever becomes of the others; returns why one
    /// may still lie somewhere.
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

    /// Whether `token` is in the store, or was when it could last be read.
    fn holds(&self, client_id: &str, index: usize, token: &StoredToken) -> bool {
        match self.stores[index].load(client_id) {
            Ok(found) => found.is_some_and(|found| found.is_same_grant(token)),
            Err(_) => self.held(client_id, index, token),
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
    /// The first of [`FallbackStore::load_all`]; this never fails.
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        Ok(self.load_all(client_id).into_iter().next())
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
