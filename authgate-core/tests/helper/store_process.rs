//! Works on stores in a process of its own: it shares neither locks nor memory with the test that
//! starts it, has the environment that the test gives it, and can be killed.
//!
//! The argument names the store: `file` or `keyring` alone, or a user's stores as a program has
//! them, `keyring-and-file` or `no-keyring`. It answers each line of standard input by one line.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the test sees that it ends where something is wrong"
)]

#[path = "../it/support/stored_token.rs"]
mod stored_token;

use std::time::Duration;

use authgate_core::store::{
    FallbackStore, FileStore, KeyringStore, LoginGuard, LoginLock, StoredToken, TokenStore,
};
use authgate_core::{LoginOptions, Result, Secret, authenticate};

use stored_token::{CLIENT, line, token};

// The keyring is asked on a thread of the runtime too, where a runtime of its own would panic.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client_id = std::env::var("CLIENT_ID").unwrap_or_else(|_| CLIENT.to_owned());
    let name = std::env::args().nth(1).unwrap();
    let mut process = Process {
        client_id,
        store: Store::open(&name),
        guard: None,
    };
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let words: Vec<&str> = order.split(' ').collect();
        let answer = match words[..] {
            ["log-in", url] => log_in(url).await,
            // As another run would.
            ["open"] => {
                process.store = Store::open(&name);
                Ok("opened".to_owned())
            }
            _ => process.carry_out(&words),
        };
        println!(
            "{}",
            answer.unwrap_or_else(|error| format!("error: {error}"))
        );
    }
}

struct Process {
    client_id: String,
    store: Store,
    guard: Option<LoginGuard>,
}

enum Store {
    Single(Box<dyn TokenStore>),
    OfUser(Box<FallbackStore>),
}

impl Store {
    fn open(name: &str) -> Self {
        // Long enough for a keyring on a busy machine, unless the test wants it to be given up.
        let limit =
            std::env::var("KEYRING_LIMIT_MS").map_or(25_000, |limit| limit.parse().unwrap());
        let keyring = KeyringStore::new(Duration::from_millis(limit));
        match name {
            "file" => Self::Single(Box::new(FileStore::in_home().unwrap())),
            "keyring" => Self::Single(Box::new(keyring)),
            "keyring-and-file" => Self::OfUser(Box::new(FallbackStore::of_user(Some(keyring)))),
            "no-keyring" => Self::OfUser(Box::new(FallbackStore::of_user(None))),
            _ => panic!("no such store: {name}"),
        }
    }
}

impl Process {
    fn carry_out(&mut self, order: &[&str]) -> Result<String> {
        let client_id = &self.client_id;
        let store: &dyn TokenStore = match &self.store {
            Store::Single(store) => &**store,
            Store::OfUser(store) => &**store,
        };
        Ok(match (order, &self.store) {
            (["load"], _) => store
                .load(client_id)?
                .as_ref()
                .map_or("none".to_owned(), line),
            (["save", number], _) => {
                store.save(client_id, &numbered(number))?;
                "saved".to_owned()
            }
            (["delete"], _) => {
                store.delete(client_id)?;
                "deleted".to_owned()
            }
            // As when the server has refused the token that is there.
            (["delete-loaded"], _) => {
                let loaded = store.load(client_id)?.unwrap();
                store.replace(client_id, &loaded, None)?.to_string()
            }
            (["notices"], _) => {
                let notices: Vec<_> = store
                    .take_notices()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                notices.join(" | ")
            }
            (["save-login", number], Store::OfUser(store)) => {
                let is_saved = store.save_login(client_id, &numbered(number));
                (if is_saved { "saved" } else { "not saved" }).to_owned()
            }
            (["save-refreshed", old, new], Store::OfUser(store)) => {
                format!(
                    "{:?}",
                    store.save_refreshed(client_id, &numbered(old), &numbered(new))
                )
            }
            // Held as long as this process lives.
            (["lock"], Store::OfUser(store)) => {
                let guard = self.guard.insert(store.lock(LoginLock::PATIENCE)?);
                guard.unlocked_because().unwrap_or("locked").to_owned()
            }
            _ => panic!("no such order: {order:?}"),
        })
    }
}

fn numbered(number: &str) -> StoredToken {
    token(number.parse().unwrap())
}

/// Logs in as a new run would, with nothing in memory.
async fn log_in(url: &str) -> Result<String> {
    let options = LoginOptions::new(url, CLIENT)
        .client_secret(Secret::from("client-secret"))
        .scopes(["profile", "email"])
        .keyring(false);
    let session = authenticate(options).await?;
    Ok(session.token().access_token.expose().to_owned())
}
