//! Helpers of the tests of stores.

use authgate_core::Result;
use authgate_core::test_util::{
    FallbackStore, FileStore, LoginGuard, LoginLock, Notices, StoredToken, TokenStore,
};
use authgate_test_support::Home;

pub(crate) use super::stored_token::*;

/// Opens the token file of a home folder.
pub(crate) fn file_in(home: &Home) -> FileStore {
    FileStore::new(home.file(""), Notices::default())
}

/// Opens that file as a user's only store.
pub(crate) fn only_file(home: &Home) -> FallbackStore {
    store_of(file_in(home))
}

/// Uses a token file as a user's only store.
pub(crate) fn store_of(file: FileStore) -> FallbackStore {
    let lock = file.login_lock();
    FallbackStore::new(CLIENT, vec![Box::new(file)], lock, Notices::default())
}

/// Returns the JSON text of a token file with one entry.
pub(crate) fn file_with(client_id: &str, entry: &str) -> String {
    serde_json::json!({"data": {client_id: entry}}).to_string()
}

/// Replaces the home folder in a text for a snapshot.
pub(crate) fn shown(text: &str, home: &Home) -> String {
    text.replace(home.path().to_str().unwrap(), "[home]")
}

/// Changes a store under its lock, as a program does.
pub(crate) trait UnderLock: TokenStore {
    fn lock(&self) -> Result<LoginGuard>;

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        let guard = self.lock()?;
        self.put(client_id, None, Some(token), &guard).map(drop)
    }

    #[cfg(unix)] // the only tests that need it
    fn delete(&self, client_id: &str) -> Result<()> {
        let guard = self.lock()?;
        self.put(client_id, None, None, &guard).map(drop)
    }
}

impl UnderLock for FileStore {
    fn lock(&self) -> Result<LoginGuard> {
        self.login_lock().acquire(LoginLock::PATIENCE)
    }
}
