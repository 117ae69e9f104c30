use std::path::{Path, PathBuf};

use authgate_dev_server::{Client, DevServer, IssuedTokens};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::StoredLogin;

const FILE: &str = ".authgate-tokens.json";

/// A temporary home folder, and the logins in its token file.
#[derive(Debug)]
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file into the folder, and returns its path.
    pub fn place(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Returns the path of the token file, or of a file beside it whose name ends with this suffix.
    pub fn file(&self, suffix: &str) -> PathBuf {
        self.path().join(format!("{FILE}{suffix}"))
    }

    /// Stores a login, as another program would, with `expires_in` seconds left.
    pub fn store(&self, client: &Client, tokens: &IssuedTokens, expires_in: i64) {
        let now = Timestamp::now().as_second();
        self.write(
            &client.id,
            tokens.refresh_token.as_deref().unwrap_or(""),
            &tokens.access_token,
            now + expires_in,
        );
    }

    pub fn log_in(&self, server: &DevServer, expires_in: i64) -> IssuedTokens {
        let client = server.public_client();
        let tokens = server.issue_tokens(client, "profile email");
        self.store(client, &tokens, expires_in);
        tokens
    }

    pub fn expire(&self, client: &Client) {
        let stored = self.stored(client).unwrap();
        self.write(
            &client.id,
            &stored.refresh_token,
            &stored.access_token,
            Timestamp::now().as_second() - 60,
        );
    }

    fn write(&self, client_id: &str, refresh_token: &str, access_token: &str, expires_at: i64) {
        let entry = json!({
            "access_token": access_token,
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_at": expires_at,
            "client_id": client_id,
        });
        let mut document = self.document().unwrap_or_else(|| json!({ "data": {} }));
        document["data"][client_id] = entry.to_string().into();
        self.replace(&format!("{document:#}"));
    }

    /// Replaces the token file, which only its owner can read.
    pub fn replace(&self, text: &str) {
        std::fs::write(self.file(""), text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(self.file(""), PermissionsExt::from_mode(0o600)).unwrap();
        }
    }

    pub fn add_neighbour(&self) {
        let mut document = self.document().unwrap();
        document["data"]["neighbour"] = "theirs".into();
        self.replace(&document.to_string());
    }

    pub fn has_neighbour(&self) -> bool {
        self.document()
            .is_some_and(|document| document["data"]["neighbour"] == "theirs")
    }

    pub fn text(&self) -> Option<String> {
        std::fs::read_to_string(self.file("")).ok()
    }

    pub fn document(&self) -> Option<Value> {
        self.text().map(|text| serde_json::from_str(&text).unwrap())
    }

    pub fn stored(&self, client: &Client) -> Option<StoredLogin> {
        let document = self.document()?;
        let entry: Value = serde_json::from_str(document["data"][&client.id].as_str()?).unwrap();
        let record = &document["authgate-rust"][&client.id];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(StoredLogin {
            client_id: client.id.clone(),
            access_token: text(&entry["access_token"]),
            refresh_token: text(&entry["refresh_token"]),
            expires_at: entry["expires_at"].as_i64().unwrap(),
            scope: text(&record["scope"]),
            id_token: text(&record["id_token"]),
        })
    }

    /// Returns the names of all files except the token file and the lock file, which is never
    /// deleted.
    pub fn leftovers(&self) -> Vec<String> {
        let mut names = crate::files::names_in(self.path());
        names.retain(|name| name != FILE && *name != format!("{FILE}.rust-lock"));
        names
    }

    /// Returns whether no process holds the lock that serialises refreshes.
    pub fn is_unlocked(&self) -> bool {
        std::fs::File::open(self.file(".rust-lock")).is_ok_and(|file| file.try_lock().is_ok())
    }
}
