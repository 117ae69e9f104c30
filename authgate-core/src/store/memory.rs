//! Tokens that last as long as the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{StoredToken, TokenStore};
use crate::error::Result;

/// Keeps tokens in memory only. It never fails.
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
    /// Nothing can be half done under this lock, so one that a panic has poisoned is as good.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, StoredToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
