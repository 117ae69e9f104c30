//! Runs the blocking stores of one login from async code.

use std::sync::Arc;
use std::time::Duration;

use super::LoginOptions;
use crate::error::Result;
use crate::flow::{Notice, Prompt};
use crate::store::{FallbackStore, LoginGuard, LoginLock, TokenStore};

/// The person is told about work with the stores that takes longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// The stores, for one client.
#[derive(Clone)]
pub(super) struct Stores {
    store: Arc<FallbackStore>,
    client_id: String,
    pub(super) prompt: Arc<dyn Prompt>,
}

impl Stores {
    pub(super) fn new(options: &LoginOptions) -> Self {
        Self {
            store: options.store_or_default(),
            client_id: options.client_id.clone(),
            prompt: Arc::clone(&options.prompt),
        }
    }

    /// Takes the lock that serializes refreshes; see [`FallbackStore::lock`].
    pub(super) async fn lock(&self) -> Result<LoginGuard> {
        self.run(|store, _| store.lock(LoginLock::PATIENCE)).await
    }

    /// Runs work that waits for files, keyrings and locks on a thread for such work. Tells the
    /// person if it takes long, and passes on the notices of the stores.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FallbackStore, &str) -> T + Send + 'static,
    ) -> T {
        let (store, client_id) = (Arc::clone(&self.store), self.client_id.clone());
        let mut working = tokio::task::spawn_blocking(move || work(&store, &client_id));
        let outcome = if let Ok(outcome) = tokio::time::timeout(PATIENCE, &mut working).await {
            outcome
        } else {
            self.prompt.notice(&Notice::WaitingForStore);
            working.await
        };
        for notice in self.store.take_notices() {
            self.prompt.notice(&Notice::Store(notice));
        }
        // The work is never cancelled, so an error is a panic; resume it here.
        outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
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
