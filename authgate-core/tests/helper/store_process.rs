//! Works on stores in a separate process, which shares neither locks nor memory with the test, has
//! the environment that the test sets, and can be killed.
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

use authgate_core::test_util::{
    FallbackStore, FileStore, KeyringStore, LoginGuard, LoginLock, Notices, StoredToken, TokenStore,
};
use authgate_core::{LoginOptions, Result, Secret, authenticate};

use stored_token::{CLIENT, line, token};

// Call the keyring on a thread of the runtime too, because a second runtime would panic there.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let client_id = std::env::var("CLIENT_ID").unwrap_or_else(|_| CLIENT.to_owned());
    let name = std::env::args().nth(1).unwrap();
    let mut process = Process {
        store: Store::open(&name, &client_id),
        client_id,
        guard: None,
    };
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let words: Vec<&str> = order.split(' ').collect();
        let answer = match words[..] {
            ["log-in", url] => log_in(url).await,
            // Open the store as another run would.
            ["open"] => {
                process.store = Store::open(&name, &process.client_id);
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
    Single(Box<dyn TokenStore>, LoginLock),
    OfUser(Box<FallbackStore>),
}

impl Store {
    fn open(name: &str, client_id: &str) -> Self {
        // Long enough for a keyring on a busy machine, unless the test needs a timeout.
        let limit =
            std::env::var("KEYRING_LIMIT_MS").map_or(25_000, |limit| limit.parse().unwrap());
        let limit = Duration::from_millis(limit);
        let of_user = |limit| Self::OfUser(Box::new(FallbackStore::of_user(client_id, limit)));
        match name {
            "file" => {
                let file = FileStore::in_home(Notices::default()).unwrap();
                let lock = file.login_lock();
                Self::Single(Box::new(file), lock)
            }
            "keyring" => {
                let no_lock = LoginLock::Nowhere("the keyring has none".to_owned());
                let keyring = KeyringStore::new(limit, Notices::default());
                Self::Single(Box::new(keyring), no_lock)
            }
            "keyring-and-file" => of_user(Some(limit)),
            "no-keyring" => of_user(None),
            _ => panic!("no such store: {name}"),
        }
    }
}

impl Process {
    fn carry_out(&mut self, order: &[&str]) -> Result<String> {
        match &self.store {
            Store::Single(store, lock) => self.on_single(&**store, lock, order),
            Store::OfUser(store) => match order {
                ["load"] => {
                    let all = store.load_all();
                    Ok(described(all.first().map(|login| &login.token)))
                }
                ["notices"] => {
                    let notices = store.notices().take();
                    let lines: Vec<_> = notices.iter().map(ToString::to_string).collect();
                    Ok(lines.join(" | "))
                }
                _ => {
                    let guard = self.guard.take();
                    let guard = guard.map_or_else(|| store.lock(LoginLock::PATIENCE), Ok)?;
                    let answer = change(store, &guard, order);
                    if order == ["lock"] {
                        // Hold the lock until this process ends.
                        self.guard = Some(guard);
                    }
                    Ok(answer)
                }
            },
        }
    }

    fn on_single(
        &self,
        store: &dyn TokenStore,
        lock: &LoginLock,
        order: &[&str],
    ) -> Result<String> {
        let guard = lock.acquire(LoginLock::PATIENCE)?;
        let put = |old: Option<&StoredToken>, new: Option<&StoredToken>| {
            store.put(&self.client_id, old, new, &guard)
        };
        Ok(match order {
            ["load"] => described(store.load(&self.client_id)?.as_ref()),
            ["save", number] => {
                put(None, Some(&numbered(number)))?;
                "saved".to_owned()
            }
            ["delete"] => {
                put(None, None)?;
                "deleted".to_owned()
            }
            // Delete the token as if the server had refused it.
            ["delete-loaded"] => {
                let loaded = store.load(&self.client_id)?.unwrap();
                put(Some(&loaded), None)?.to_string()
            }
            _ => panic!("no such order: {order:?}"),
        })
    }
}

fn change(store: &FallbackStore, guard: &LoginGuard, order: &[&str]) -> String {
    match order {
        ["save-login", number] => {
            let is_saved = store.save_login(&numbered(number), |_| Ok(()), guard);
            (if is_saved { "saved" } else { "not saved" }).to_owned()
        }
        ["save-refreshed", old, new] => {
            let (old, all) = (numbered(old), store.load_all());
            let old = all.iter().find(|login| login.token == old).unwrap();
            let counts = store.save_refreshed(old, &numbered(new), guard);
            (if counts { "saved" } else { "superseded" }).to_owned()
        }
        ["delete"] => {
            let failure = store
                .find_all(guard)
                .stored
                .iter()
                .find_map(|login| store.delete(login, guard).pop());
            failure.map_or("deleted".to_owned(), |error| format!("error: {error}"))
        }
        ["find-all"] => {
            let found = store.find_all(guard);
            let stored = found.stored.iter().map(|login| line(&login.token));
            let set_aside = found.set_aside.iter().map(line);
            let unread = found.unread.iter().map(ToString::to_string);
            let all: Vec<_> = stored.chain(set_aside).chain(unread).collect();
            all.join(" | ")
        }
        ["lock"] => guard.unlocked_because().unwrap_or("locked").to_owned(),
        _ => panic!("no such order: {order:?}"),
    }
}

fn described(token: Option<&StoredToken>) -> String {
    token.map_or("none".to_owned(), line)
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
