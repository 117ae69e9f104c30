//! Runs the blocking stores of one login from async code.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::timeout;

use super::LoginOptions;
use crate::error::{Error, Result};
use crate::flow::Prompt;
use crate::notice::Notice;
use crate::store::{FallbackStore, LoginGuard, LoginLock, StoredLogin, StoredToken};

/// The person is told about work with the stores that takes longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// A [`FallbackStore`] for async code: each call runs on a thread that may block. Its methods are named
/// after those of the store.
#[derive(Clone)]
pub(super) struct Stores {
    store: Arc<FallbackStore>,
    pub(super) prompt: Arc<dyn Prompt>,
}

/// The stores while we hold their lock, which is released when this is dropped. Only changes need
/// the lock, so read through [`Stores`].
pub(super) struct LockedStores {
    stores: Stores,
    guard: Arc<LoginGuard>,
}

impl Stores {
    pub(super) fn new(options: &LoginOptions) -> Self {
        Self {
            store: options.store_or_default(),
            prompt: Arc::clone(&options.prompt),
        }
    }

    pub(super) async fn load_all(&self) -> Vec<StoredLogin> {
        self.run(FallbackStore::load_all).await
    }

    /// Reads the stores while the person is busy: shows nothing, even if a keyring does not answer.
    pub(super) async fn peek(&self) -> Vec<StoredLogin> {
        if !can_start_a_thread() {
            return Vec::new();
        }
        let store = Arc::clone(&self.store);
        let reading = tokio::task::spawn_blocking(move || store.load_all());
        reading.await.unwrap_or_default()
    }

    pub(super) async fn lock(&self) -> Result<LockedStores> {
        let guard = self.run(|store| store.lock(LoginLock::PATIENCE)).await?;
        Ok(self.locked(guard))
    }

    pub(super) async fn lock_if_possible(&self) -> LockedStores {
        let guard = self
            .run(|store| store.lock_if_possible(LoginLock::PATIENCE))
            .await;
        self.locked(guard)
    }

    fn locked(&self, guard: LoginGuard) -> LockedStores {
        LockedStores {
            stores: self.clone(),
            guard: Arc::new(guard),
        }
    }

    /// Runs work that waits for files, keyrings and locks on a thread for such work. Tells the
    /// person if it takes long, and shows the notices of the stores.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FallbackStore) -> T + Send + 'static,
    ) -> T {
        let outcome = if can_start_a_thread() {
            let store = Arc::clone(&self.store);
            let mut working = tokio::task::spawn_blocking(move || work(&store));
            let outcome = if let Ok(outcome) = timeout(PATIENCE, &mut working).await {
                outcome
            } else {
                self.prompt.notice(&Notice::new(
                    "Waiting for the stored login. If your keyring asks for its password, enter it there",
                ));
                working.await
            };
            // The work is never cancelled, so an error is a panic; resume it here.
            outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        } else {
            work(&self.store)
        };
        for notice in self.store.notices().take() {
            self.prompt.notice(&notice);
        }
        outcome
    }
}

/// Returns whether the system lets us start a thread now. Where a limit is reached, Tokio would
/// panic, and a login that the person has just approved would be lost.
fn can_start_a_thread() -> bool {
    let started = thread::Builder::new().spawn(|| ());
    started.is_ok_and(|thread| thread.join().is_ok())
}

impl LockedStores {
    pub(super) async fn get_ready(&self, login: &StoredLogin) -> Result<()> {
        let login = login.clone();
        self.run(move |store, guard| store.get_ready(&login, guard))
            .await
    }

    pub(super) async fn save_login(
        &self,
        token: StoredToken,
        may_replace: impl FnOnce(&[StoredLogin]) -> Result<()> + Send + 'static,
    ) -> bool {
        self.run(move |store, guard| store.save_login(&token, may_replace, guard))
            .await
    }

    pub(super) async fn save_refreshed(&self, old: StoredLogin, new: StoredToken) -> bool {
        self.run(move |store, guard| store.save_refreshed(&old, &new, guard))
            .await
    }

    pub(super) async fn delete_refused(&self, refused: &StoredLogin) -> bool {
        let refused = refused.clone();
        self.run(move |store, guard| store.delete_refused(&refused, guard))
            .await
    }

    pub(super) async fn delete(&self, login: &StoredLogin) -> Vec<Error> {
        let login = login.clone();
        self.run(move |store, guard| store.delete(&login, guard))
            .await
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FallbackStore, &LoginGuard) -> T + Send + 'static,
    ) -> T {
        let guard = Arc::clone(&self.guard);
        self.stores.run(move |store| work(store, &guard)).await
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stores")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
