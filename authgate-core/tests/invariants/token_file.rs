//! Whatever the token file contains, a token can be stored in it, and other clients' data stay
//! unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use authgate_core::Secret;
use authgate_core::test_util::{FileStore, LoginLock, Notices, StoredToken, TokenStore};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

const CLIENT: &str = "client-1";

/// Checks any content of the file. Creates it in `folder`.
pub(crate) fn check(content: &[u8], folder: &Path) {
    for left_over in damaged_copies(folder) {
        fs::remove_file(left_over).expect("the folder is ours");
    }
    let path = folder.join("tokens.json");
    fs::write(&path, content).expect("the folder is ours");
    let store = FileStore::new(&path, Notices::default());
    let guard = store
        .login_lock()
        .acquire(LoginLock::PATIENCE)
        .expect("the folder is ours");

    let found = store
        .load(CLIENT)
        .expect("an entry that cannot be understood is not a token");
    if let Some(token) = &found {
        assert_can_be_used(token);
    }
    let token = token();
    store
        .put(CLIENT, None, Some(&token), &guard)
        .expect("a token can be stored");
    assert_eq!(store.load(CLIENT).expect("it was just saved"), Some(token));
    match &damaged_copies(folder)[..] {
        [] => assert_keeps_foreign_members(content, &path),
        [copy] => assert!(
            is_damaged(content) && read(copy) == content,
            "the damaged file is kept"
        ),
        copies => panic!("{copies:?}"),
    }

    let saved = read(&path);
    store
        .put(CLIENT, None, None, &guard)
        .expect("a token can be forgotten");
    assert_eq!(store.load(CLIENT).expect("it was just deleted"), None);
    assert_keeps_foreign_members(&saved, &path);
}

fn assert_can_be_used(token: &StoredToken) {
    let access_token = token.access_token.expose();
    assert!(!access_token.is_empty() && access_token.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(token.token_type.eq_ignore_ascii_case("bearer"));
    assert!(
        token
            .expires_at
            .is_none_or(|expires_at| (1..1 << 53).contains(&expires_at))
    );
    let empty = |secret: &Option<Secret>| secret.as_ref().is_some_and(Secret::is_empty);
    assert!(!empty(&token.refresh_token) && !empty(&token.id_token));
}

fn token() -> StoredToken {
    let mut token = StoredToken::new(Secret::from("access-1"));
    token.refresh_token = Some(Secret::from("refresh-1"));
    token.expires_at = Some(2_000_000_001);
    token.issuer = Some("https://auth.example.com".to_owned());
    token.scope = Some("openid profile".to_owned());
    token.id_token = Some(Secret::from("id-token"));
    token
}

fn assert_keeps_foreign_members(before: &[u8], path: &Path) {
    if !before.trim_ascii().is_empty() {
        assert_eq!(foreign_members(&read(path)), foreign_members(before));
    }
}

/// Returns everything in the file that is not this client's, with names and values as they are
/// written.
fn foreign_members(content: &[u8]) -> BTreeMap<String, String> {
    let mut foreign = BTreeMap::new();
    for (Text(part), Text(value)) in members(content).expect("an object") {
        match (name(&part).as_str(), members(value.as_bytes())) {
            ("data" | "authgate-rust", Some(entries)) => foreign.extend(
                entries
                    .into_iter()
                    .filter(|(Text(client), _)| name(client) != CLIENT)
                    .map(|(Text(client), Text(entry))| (format!("{part} {client}"), entry)),
            ),
            // This member is ours but not a valid record, so it may be removed.
            ("authgate-rust", None) => {}
            _ => {
                foreign.insert(part, value);
            }
        }
    }
    foreign
}

/// Returns whether the content is not an object with an object `data`.
fn is_damaged(content: &[u8]) -> bool {
    members(content).is_none_or(|members| {
        let mut parts = members
            .iter()
            .filter(|(Text(part), _)| name(part) == "data");
        parts.any(|(_, Text(entries))| self::members(entries.as_bytes()).is_none())
    })
}

fn members(content: &[u8]) -> Option<BTreeMap<Text, Text>> {
    serde_json::from_slice(content).ok()
}

fn name(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

/// A part of a JSON text, exactly as it is written.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|text| Self(text.get().to_owned()))
    }
}

fn damaged_copies(folder: &Path) -> Vec<PathBuf> {
    let entries = folder
        .read_dir()
        .expect("the folder is ours")
        .map(|entry| entry.expect("an entry").path());
    entries
        .filter(|path| path.to_string_lossy().contains(".corrupt-"))
        .collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("the folder is ours")
}
