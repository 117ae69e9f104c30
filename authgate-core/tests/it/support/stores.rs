//! What the tests of the stores share.

use std::path::PathBuf;

use authgate_core::store::FileStore;
use authgate_test_support::Home;
use tempfile::TempDir;

pub(crate) use super::stored_token::{CLIENT, token};

/// The token file of a home folder.
pub(crate) fn file_in(home: &Home) -> FileStore {
    FileStore::new(home.file(""))
}

/// A folder with a path for a token file in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    (folder, path)
}

/// The JSON text of a token file with one entry.
pub(crate) fn file_with(client_id: &str, entry: &str) -> String {
    serde_json::json!({"data": {client_id: entry}}).to_string()
}

/// A text that names the home folder, for a snapshot.
#[cfg(unix)]
pub(crate) fn shown(text: &str, home: &Home) -> String {
    text.replace(home.path().to_str().unwrap(), "[home]")
}
