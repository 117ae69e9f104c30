//! A store that lasts as long as the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{StoredToken, TokenStore};
use crate::error::Result;

/// Stores tokens in memory only. Never fails.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<HashMap<String, StoredToken>>);

impl TokenStore for MemoryStore {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        Ok(self.lock().get(client_id).cloned())
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.lock().insert(client_id.to_owned(), token.clone());
        Ok(())
    }

    fn delete(&self, client_id: &str) -> Result<()> {
        self.lock().remove(client_id);
        Ok(())
    }

    fn description(&self) -> String {
        "memory".to_owned()
    }
}

impl MemoryStore {
    /// No change under this lock can be half done, so the value is still valid if a panic has
    /// poisoned it.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, StoredToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
