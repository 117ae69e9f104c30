//! What the tests of the stores share.

#[cfg(unix)]
use authgate_core::store::FallbackStore;
use authgate_core::store::FileStore;
use authgate_test_support::Home;

pub(crate) use super::stored_token::*;

/// The token file of a home folder.
pub(crate) fn file_in(home: &Home) -> FileStore {
    FileStore::new(home.file(""))
}

/// That file as a user's only store.
#[cfg(unix)]
pub(crate) fn only_file(home: &Home) -> FallbackStore {
    let file = file_in(home);
    let lock = file.login_lock().clone();
    FallbackStore::new(vec![Box::new(file)], lock)
}

/// The JSON text of a token file with one entry.
pub(crate) fn file_with(client_id: &str, entry: &str) -> String {
    serde_json::json!({"data": {client_id: entry}}).to_string()
}

/// A text that names the home folder, for a snapshot.
pub(crate) fn shown(text: &str, home: &Home) -> String {
    text.replace(home.path().to_str().unwrap(), "[home]")
}
