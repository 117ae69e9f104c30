//! A home folder and the login that is kept in it.

use std::path::{Path, PathBuf};

use authgate_dev_server::{Client, DevServer, IssuedTokens};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Run;

const FILE: &str = ".authgate-tokens.json";

/// A home folder that goes away with the test.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The token file, or what lies beside it under a longer name.
    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        self.path().join(format!("{FILE}{suffix}"))
    }

    /// A run of the public client by device flow, without the keyring.
    pub(crate) fn run(&self, server: &DevServer) -> Run {
        self.run_without_flow(server).args("--flow device")
    }

    pub(crate) fn run_without_flow(&self, server: &DevServer) -> Run {
        Run::bare(self)
            .with("AUTHGATE_URL", server.url())
            .with("CLIENT_ID", &server.public_client().id)
            .arg("--no-keyring")
    }

    /// Puts a login there, as another program would, that has `expires_in` seconds left.
    pub(crate) fn keep(&self, client: &Client, tokens: &IssuedTokens, expires_in: i64) {
        let now = Timestamp::now().as_second();
        self.write(&client.id, tokens.refresh_token.as_deref().unwrap_or(""), &tokens.access_token, now + expires_in);
    }

    /// Puts a new login of the server's public client there.
    pub(crate) fn log_in(&self, server: &DevServer, expires_in: i64) -> IssuedTokens {
        let client = server.public_client();
        let tokens = server.issue_tokens(client, "profile email");
        self.keep(client, &tokens, expires_in);
        tokens
    }

    /// Makes the login that is there expire.
    pub(crate) fn expire(&self, client: &Client) {
        let stored = self.stored(client).unwrap();
        self.write(&client.id, &stored.refresh_token, &stored.access_token, Timestamp::now().as_second() - 60);
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

    /// Replaces the file, readable for its owner only.
    pub(crate) fn replace(&self, text: &str) {
        std::fs::write(self.file(""), text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(self.file(""), PermissionsExt::from_mode(0o600)).unwrap();
        }
    }

    /// The text of the file; `None` when there is none.
    pub(crate) fn text(&self) -> Option<String> {
        std::fs::read_to_string(self.file("")).ok()
    }

    pub(crate) fn document(&self) -> Option<Value> {
        self.text().map(|text| serde_json::from_str(&text).unwrap())
    }

    /// The login that is kept for this client.
    pub(crate) fn stored(&self, client: &Client) -> Option<Stored> {
        let document = self.document()?;
        let entry: Value = serde_json::from_str(document["data"][&client.id].as_str()?).unwrap();
        let record = &document["authgate-rust"][&client.id];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(Stored {
            client_id: client.id.clone(),
            access_token: text(&entry["access_token"]),
            refresh_token: text(&entry["refresh_token"]),
            expires_at: entry["expires_at"].as_i64().unwrap(),
            scope: text(&record["scope"]),
            id_token: text(&record["id_token"]),
        })
    }

    /// The names of all files, but for the token file and the lock that stays.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| name != FILE && *name != format!("{FILE}.rust-lock")).collect()
    }

    /// Whether nobody holds the lock that serialises renewals.
    pub(crate) fn is_unlocked(&self) -> bool {
        std::fs::File::open(self.file(".rust-lock")).is_ok_and(|file| file.try_lock().is_ok())
    }
}

/// A login as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) client_id: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: i64,
    pub(crate) scope: String,
    pub(crate) id_token: String,
}

impl Stored {
    /// What the README shows, about this login.
    pub(crate) fn block(&self, server: &DevServer, expires_in: u64) -> String {
        let now = Timestamp::now().as_second();
        let left = u64::try_from((self.expires_at - now).max(0)).unwrap();
        assert!(left.abs_diff(expires_in) <= 10, "{expires_in} s are said to be left of {left} s");

        let user = server.user();
        format!(
            "User: {name} ({email})\nSubject: {subject}\nAccess Token: {access_token}\nRefresh Token: {refresh_token}\n\
             Token Type: Bearer\nExpires In: {expires_in}\nExpires At: {expires_at}\nScope: {scope}\n\
             ID Token: {id_token}\nTokenInfo Active: True\nTokenInfo UserID: {subject}\n\
             TokenInfo ClientID: {client_id}\nTokenInfo Scope: profile email\nTokenInfo SubjectType: user\n\
             TokenInfo Issuer: {issuer}\nTokenInfo Exp: {exp}\n",
            name = user.name,
            email = user.email,
            subject = user.subject,
            access_token = masked(&self.access_token),
            refresh_token = masked(&self.refresh_token),
            expires_at = date(self.expires_at),
            scope = self.scope,
            id_token = masked(&self.id_token),
            client_id = self.client_id,
            issuer = server.url(),
            exp = claim(&self.access_token, "exp"),
        )
    }
}

/// What the README shows of a token.
pub(crate) fn masked(token: &str) -> String {
    if token.len() > 8 { format!("{}...", &token[..8]) } else { "****".to_owned() }
}

/// RFC 3339 in UTC, to the second.
fn date(epoch_seconds: i64) -> String {
    Timestamp::from_second(epoch_seconds).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A claim of a JWT, unverified.
fn claim(token: &str, name: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let decoded = base64(payload);
    serde_json::from_slice::<Value>(&decoded).unwrap()[name].clone()
}

/// RFC 4648 section 5, without padding.
fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let values = text.bytes().map(|byte| ALPHABET.iter().position(|&letter| letter == byte).unwrap());
    let bits: Vec<bool> = values.flat_map(|value| (0..6).rev().map(move |bit| value >> bit & 1 == 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, &bit| value << 1 | u8::from(bit))).collect()
}
