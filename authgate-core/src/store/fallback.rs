//! The keyring if it works, otherwise the file: one store made of both.

mod refreshed;

use std::cmp::Reverse;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::file::FileStore;
use super::keyring::KeyringStore;
use super::lock::{LoginGuard, LoginLock};
use super::{StoredToken, TokenStore};
use crate::error::{Error, Result};
use crate::notice::Notices;

/// The logins of one client, in the first store that works: by default the keyring, then the file.
///
/// A store that works today may have failed yesterday, so we read all stores and use the newest
/// token, and we write in such a way that they do not diverge. A token that no store accepts serves
/// this run.
pub struct FallbackStore {
    client_id: String,
    /// The stores, in order of preference.
    stores: Vec<Box<dyn TokenStore>>,
    /// Whether the caller wants no keyring.
    keyring_is_off: bool,
    /// Why the file is missing from the list.
    missing: Option<Error>,
    lock: LoginLock,
    notices: Notices,
    /// The token that no store accepted.
    unsaved: Mutex<Option<StoredToken>>,
}

/// A login, and which stores had it when they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLogin {
    /// The token.
    pub token: StoredToken,
    /// The indices of the stores; none if the token serves this run only.
    found_in: Vec<usize>,
}

/// Everything that a logout has to end, and what it cannot.
#[derive(Debug, Default)]
pub struct FoundLogins {
    /// The logins in the stores.
    pub stored: Vec<StoredLogin>,
    /// The tokens in damaged copies that were set aside.
    pub set_aside: Vec<StoredToken>,
    /// The places that have, or may have, a login that we cannot read or understand. Each text says
    /// what happens to it and what to do.
    pub unread: Vec<Error>,
}

impl FallbackStore {
    /// Uses `stores`, the preferred one first, under `lock`.
    pub fn new(
        client_id: impl Into<String>,
        stores: Vec<Box<dyn TokenStore>>,
        lock: LoginLock,
        notices: Notices,
    ) -> Self {
        Self {
            client_id: client_id.into(),
            stores,
            keyring_is_off: false,
            missing: None,
            lock,
            notices,
            unsaved: Mutex::default(),
        }
    }

    /// Uses the user's stores: the keyring, which may take `keyring_limit` for an operation, and the
    /// file in the home folder. Without a limit, the keyring is not touched at all.
    pub fn of_user(client_id: impl Into<String>, keyring_limit: Option<Duration>) -> Self {
        let notices = Notices::default();
        let mut stores: Vec<Box<dyn TokenStore>> = Vec::new();
        if let Some(limit) = keyring_limit {
            stores.push(Box::new(KeyringStore::new(limit, notices.clone())));
        }
        let (lock, missing) = match FileStore::in_home(notices.clone()) {
            Ok(file) => {
                let lock = file.login_lock();
                stores.push(Box::new(file));
                (lock, None)
            }
            Err(error) => (LoginLock::Nowhere(error.to_string()), Some(error)),
        };
        Self {
            keyring_is_off: keyring_limit.is_none(),
            missing,
            ..Self::new(client_id, stores, lock, notices)
        }
    }

    /// Returns the notices of all stores.
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Takes the lock for refreshing tokens and changing stores. Waits at most `patience` while
    /// another process holds it. The guard may be held across `await`, but taking the lock blocks
    /// the thread.
    pub fn lock(&self, patience: Duration) -> Result<LoginGuard> {
        self.lock.acquire(patience)
    }

    /// Takes the lock like [`FallbackStore::lock`], but for a new login, which must be saved even
    /// if the lock cannot be acquired.
    ///
    /// The file stays whole, because its save still takes the other clients' lock. If another
    /// process refreshes at the same time, it replaces only the token that it refreshed.
    pub fn lock_if_possible(&self, patience: Duration) -> LoginGuard {
        self.lock(patience)
            .unwrap_or_else(|error| LoginGuard::Unlocked(error.to_string()))
    }

    /// Returns every login of the client, the newest first; one of unknown age counts as
    /// the newest. If there is none, adds a notice about each store that cannot be read.
    pub fn load_all(&self) -> Vec<StoredLogin> {
        let (logins, failures) = self.read_all();
        if logins.is_empty() {
            for (_, error) in failures {
                self.notices.add(error.to_string());
            }
        }
        logins
    }

    /// Returns what [`FallbackStore::load_all`] does, and the stores that cannot be read.
    fn read_all(&self) -> (Vec<StoredLogin>, Vec<(usize, Error)>) {
        let mut logins = Vec::from_iter(self.unsaved_login());
        let mut failures = Vec::new();
        for (index, store) in self.stores.iter().enumerate() {
            match store.load(&self.client_id) {
                Ok(None) => {}
                Ok(Some(token)) => add(&mut logins, index, token),
                Err(error) => failures.push((index, error)),
            }
        }
        logins.sort_by_key(|login| Reverse(login.token.newness()));
        (logins, failures)
    }

    /// Finds every login of the client for a logout, and deletes records that belong to none. A store
    /// that cannot be read may have a login too.
    ///
    /// A session without a keyring (SSH, a container) is normal where a login is in the file. Where
    /// there is none, the person may have logged in from the desktop.
    pub fn find_all(&self, guard: &LoginGuard) -> FoundLogins {
        let mut logins = FoundLogins {
            stored: Vec::from_iter(self.unsaved_login()),
            unread: Vec::from_iter(self.missing.clone()),
            ..FoundLogins::default()
        };
        let mut missing_stores = Vec::new();
        for (index, store) in self.stores.iter().enumerate() {
            let found = store.find_all(&self.client_id);
            if found.has_orphan {
                // A record is no login, so a logout does not fail because of it.
                let _ = store.put(&self.client_id, None, None, guard);
            }
            for token in found.tokens {
                add(&mut logins.stored, index, token);
            }
            logins.set_aside.extend(found.set_aside);
            logins.unread.extend(found.unread);
            missing_stores.extend(found.no_store);
        }
        if logins.stored.is_empty() {
            logins.unread.extend(missing_stores);
        }
        if self.keyring_is_off {
            self.notices
                .add("The keyring was not asked, so an older login may still be in it");
        }
        logins
    }

    /// Adds a notice if no store could take a new login now, so that a person knows it before logging
    /// in. Does not wait for a process that holds the lock.
    pub fn warn_if_not_savable(&self) {
        let guard = self.lock_if_possible(Duration::ZERO);
        let mut failures = Vec::new();
        for store in &self.stores {
            match store.get_ready(&guard) {
                Ok(()) => return,
                Err(error) => failures.push(error),
            }
        }
        self.report_not_savable(&failures);
    }

    /// Checks whether every store that has `login` can be written, before its token is used up. If
    /// the next token could not be saved, a program would use the old token a second time.
    pub fn get_ready(&self, login: &StoredLogin, guard: &LoginGuard) -> Result<()> {
        login
            .found_in
            .iter()
            .try_for_each(|&index| self.stores[index].get_ready(guard))
    }

    /// Saves the token of a new login in the first store that accepts it, and deletes the client's
    /// token from the others. Returns whether a store accepted it; if not, or if `may_replace`
    /// refuses to replace the stored logins, the token serves this run.
    pub fn save_login(
        &self,
        token: &StoredToken,
        may_replace: impl FnOnce(&[StoredLogin]) -> Result<()>,
        guard: &LoginGuard,
    ) -> bool {
        let (before, unread) = self.read_all();
        if let Err(refusal) = may_replace(&before) {
            self.keep_for_this_run(token, &[refusal]);
            return false;
        }
        let every_store = 0..self.stores.len();
        let Some(used) = self.save_in_first(every_store, token, Vec::new(), guard) else {
            return false;
        };
        for (index, store) in self.stores.iter().enumerate() {
            if index == used {
                continue;
            }
            let deleted = store.put(&self.client_id, None, None, guard);
            let had_login = before.iter().any(|login| login.found_in.contains(&index));
            match deleted {
                Err(error) if had_login => self.old_copy_remains(&error),
                _ if index < used && unread.iter().any(|(failed, _)| *failed == index) => {
                    self.notices.add(format!(
                        "An older login may still be in the {}",
                        store.description()
                    ));
                }
                _ => {}
            }
        }
        true
    }

    /// Deletes `refused` from every store that still has it. A token that another client has stored
    /// in its place stays. Returns whether no store has failed; if one has, adds a notice.
    ///
    /// On a full disk the token stays, and the server refuses it once more in the next run. A new
    /// login does not wait for its deletion.
    pub fn delete_refused(&self, refused: &StoredLogin, guard: &LoginGuard) -> bool {
        let failures = self.delete(refused, guard);
        if let Some(error) = failures.first() {
            self.old_copy_remains(error);
        }
        failures.is_empty()
    }

    /// Deletes `login` from every store that has it, even if some of them fail. Returns their
    /// errors. What was stored in its place in the meantime stays.
    pub fn delete(&self, login: &StoredLogin, guard: &LoginGuard) -> Vec<Error> {
        self.unsaved()
            .take_if(|token| token.is_same_grant(&login.token));
        let stores = login.found_in.iter().map(|&index| &self.stores[index]);
        stores
            .filter_map(|store| {
                let deleted = store.put(&self.client_id, Some(&login.token), None, guard);
                deleted.err()
            })
            .collect()
    }

    /// Saves `token` in the first of the `allowed` stores that accepts it. Returns its index, or
    /// `None` if the token serves this run only. `failures` says why other stores have not
    /// accepted it.
    ///
    /// The token is of a new login, or has no other place, so a store that fails is tried once more
    /// when it is ready: when the lock of a client that has just crashed is stale.
    fn save_in_first(
        &self,
        allowed: impl IntoIterator<Item = usize>,
        token: &StoredToken,
        mut failures: Vec<Error>,
        guard: &LoginGuard,
    ) -> Option<usize> {
        for index in allowed {
            let store = &self.stores[index];
            let put = || store.put(&self.client_id, None, Some(token), guard);
            match put().or_else(|_| store.get_ready(guard).and_then(|()| put())) {
                Ok(_) => {
                    *self.unsaved() = None;
                    self.report_place(index, &failures);
                    self.warn_if_unlocked(guard);
                    return Some(index);
                }
                Err(error) => {
                    tracing::debug!(%error, "a store did not accept the login");
                    failures.push(error);
                }
            }
        }
        self.keep_for_this_run(token, &failures);
        None
    }

    /// Keeps a token that cannot or must not be saved, for these reasons, and adds a notice.
    fn keep_for_this_run(&self, token: &StoredToken, reasons: &[Error]) {
        self.report_not_savable(reasons);
        *self.unsaved() = Some(token.clone());
    }

    fn report_not_savable(&self, reasons: &[Error]) {
        let reasons: Vec<String> = reasons
            .iter()
            .chain(&self.missing)
            .filter_map(|error| self.unreported(error))
            .collect();
        let reasons = match reasons.join("; ") {
            reasons if reasons.is_empty() => reasons,
            reasons => format!(" ({reasons})"),
        };
        self.notices.add(format!(
            "The login cannot be saved, so it lasts for this run only{reasons}"
        ));
    }

    fn unreported(&self, error: &Error) -> Option<String> {
        Some(error.to_string()).filter(|reason| !self.notices.contains(reason))
    }

    /// Adds the notice that a login is not in the keyring, but in a file that is not encrypted.
    fn report_place(&self, used: usize, failures: &[Error]) {
        let place = self.stores[used].description();
        if used > 0 {
            let reason = failures
                .last()
                .and_then(|error| self.unreported(error))
                .map_or_else(String::new, |reason| reason + ". ");
            self.notices
                .add(format!("{reason}The login is saved unencrypted in {place}"));
        } else if self.keyring_is_off {
            self.notices.add(format!(
                "The login is saved unencrypted in {place}. An older login may still be in the keyring"
            ));
        }
    }

    /// Only a change makes a missing lock dangerous, so a run that only reads does not mention it.
    fn warn_if_unlocked(&self, guard: &LoginGuard) {
        if let Some(reason) = guard.unlocked_because() {
            self.notices.add(format!(
                "{reason}. The login is saved without this lock, so another program that refreshes \
                 at the same time may end it"
            ));
        }
    }

    fn old_copy_remains(&self, failure: &Error) {
        self.notices.add(format!(
            "{failure}. An old token remains there: if a program sends it, the server may end the login"
        ));
    }

    fn unsaved_login(&self) -> Option<StoredLogin> {
        let token = self.unsaved().clone()?;
        Some(StoredLogin {
            token,
            found_in: Vec::new(),
        })
    }

    /// The value is always replaced whole, so it is still valid if a panic has poisoned the mutex.
    fn unsaved(&self) -> MutexGuard<'_, Option<StoredToken>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what one store has to the logins that were found so far.
fn add(logins: &mut Vec<StoredLogin>, index: usize, token: StoredToken) {
    let known = logins
        .iter_mut()
        .find(|login| login.token.is_same_grant(&token));
    match known {
        // A store can have one token twice.
        Some(login) if login.found_in.last() == Some(&index) => {}
        Some(login) => login.found_in.push(index),
        None => logins.push(StoredLogin {
            token,
            found_in: vec![index],
        }),
    }
}

impl fmt::Debug for FallbackStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stores = self.stores.iter().map(|store| store.description());
        formatter
            .debug_struct("FallbackStore")
            .field("client_id", &self.client_id)
            .field("stores", &stores.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
