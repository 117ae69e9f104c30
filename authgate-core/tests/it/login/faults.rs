//! Stored logins when the caller leaves, the keyring fails, or something panics.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use authgate_core::flow::{BrowserPrompt, DevicePrompt, Notice, Prompt};
use authgate_core::store::{FallbackStore, FileStore, LoginLock, MemoryStore, StoredToken, TokenStore};
use authgate_core::{Error, Result, Session, authenticate};
use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::{LIMIT, until};
use insta::assert_snapshot;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::flow::Recorder;
use crate::support::fragile::{Fragile, Shared};
use crate::support::logins::{FAR_AHEAD, LONG_AGO, login, strict_server, unattended};
use crate::support::stores::{CLIENT, folder};

const LOAD: [bool; 3] = [true, false, false];

/// The file at `path` as the only store.
fn in_file(path: &Path) -> Arc<FallbackStore> {
    let file = FileStore::new(path);
    let lock = file.login_lock().clone();
    Arc::new(FallbackStore::new(vec![Box::new(file)], lock))
}

async fn resume(server: &DevServer, store: &Arc<FallbackStore>, prompt: &Arc<Recorder>) -> Result<Session> {
    authenticate(unattended(server.url(), store.clone(), prompt.clone())).await
}

/// A machine with a keyring that can be made to fail, and a file.
struct Machine {
    server: DevServer,
    prompt: Arc<Recorder>,
    keyring: Arc<Fragile>,
    file: FileStore,
    store: Arc<FallbackStore>,
    folder: TempDir,
}

impl Machine {
    async fn new() -> Self {
        let (folder, path) = folder();
        let (keyring, second) = (Arc::new(Fragile::default()), FileStore::new(&path));
        let lock = second.login_lock().clone();
        let store = FallbackStore::new(vec![Box::new(Shared(keyring.clone())), Box::new(second)], lock);
        let (server, file) = (strict_server().await, FileStore::new(&path));
        Self { server, prompt: Arc::default(), keyring, file, store: Arc::new(store), folder }
    }

    /// Puts a login into the keyring.
    fn keep(&self, login: &StoredToken) {
        Shared(self.keyring.clone()).save(CLIENT, login).unwrap();
    }

    async fn resume(&self) -> Result<Session> {
        resume(&self.server, &self.store, &self.prompt).await
    }

    /// What the person was told, for a snapshot.
    fn said(&self) -> String {
        self.prompt.said().replace(self.folder.path().to_str().unwrap(), "[folder]")
    }
}

#[tokio::test]
async fn a_refresh_whose_caller_has_gone_is_saved() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    let (store, prompt) = (in_file(&path), Arc::<Recorder>::default());
    let old = login(&server, LONG_AGO);
    store.save(CLIENT, &old).unwrap();
    let refresh = server.hold(Endpoint::Token);
    tokio::select! {
        outcome = resume(&server, &store, &prompt) => panic!("{outcome:?}"),
        () = refresh.arrived() => {}
    }
    // The next one waits for the lock, which the refresh still holds, and uses what it brings.
    let next = tokio::spawn(authenticate(unattended(server.url(), store, prompt.clone())));
    until("the wait for the lock", || !prompt.lines().is_empty()).await;
    assert_snapshot!(prompt.said(), @"notice: Waiting for the place where the login is kept; if a window asks you to unlock the keyring, answer it");
    refresh.release();
    let session = next.await.unwrap().unwrap();
    assert_ne!(session.token().access_token, old.access_token);
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_revoked_login_makes_way_for_one_in_the_other_store() {
    let machine = Machine::new().await;
    let mut revoked = login(&machine.server, FAR_AHEAD + 1);
    revoked.refresh_token = None;
    machine.server.revoke_everything();
    let living = login(&machine.server, FAR_AHEAD);
    machine.keep(&revoked);
    machine.file.save(CLIENT, &living).unwrap();
    let mut session = machine.resume().await.unwrap();
    session.validate().await.unwrap();
    assert!(session.is_logged_in() && session.token().access_token == living.access_token);
    assert_eq!((machine.keyring.content(), machine.file.load(CLIENT).unwrap()), (None, Some(living)));
    assert_eq!(machine.said(), "");
}

#[tokio::test]
async fn the_login_in_the_file_is_used_when_the_keyring_fails() {
    let machine = Machine::new().await;
    let (in_keyring, in_file) = (login(&machine.server, LONG_AGO), login(&machine.server, FAR_AHEAD));
    machine.keep(&in_keyring);
    machine.file.save(CLIENT, &in_file).unwrap();
    machine.keyring.fail(LOAD);
    let mut session = machine.resume().await.unwrap();
    session.validate().await.unwrap();
    assert_eq!(session.token().access_token, in_file.access_token);
    assert_eq!(machine.keyring.content(), Some(in_keyring));
    assert_snapshot!(machine.said(), @"notice: fragile: cannot load. The login is kept in file [folder]/tokens.json, as plain text; an older login may lie in the keyring");
}

#[tokio::test]
async fn a_login_outlives_a_keyring_that_cannot_be_read() {
    for (expires_at, refreshes) in [(FAR_AHEAD, 0), (LONG_AGO, 1)] {
        let machine = Machine::new().await;
        let kept = login(&machine.server, expires_at);
        machine.keep(&kept);
        machine.keyring.fail(LOAD);
        let error = machine.resume().await.unwrap_err();
        assert!(error.to_string().starts_with("nobody is logged in"), "{error}");
        assert_eq!((machine.prompt.count("fragile: cannot load"), machine.prompt.count("revoked")), (1, 0));

        machine.keyring.fail([false; 3]);
        assert_eq!(machine.keyring.content(), Some(kept));
        machine.resume().await.unwrap();
        assert_eq!(machine.server.count(Endpoint::Token), refreshes);
    }
}

#[tokio::test]
async fn a_refused_token_outlives_a_keyring_that_cannot_be_read() {
    let machine = Machine::new().await;
    let kept = login(&machine.server, FAR_AHEAD);
    machine.keep(&kept);
    let mut session = machine.resume().await.unwrap();
    machine.server.revoke(kept.access_token.expose());
    machine.keyring.fail(LOAD);
    assert!(session.validate().await.is_err());
    assert_eq!((machine.keyring.content(), machine.prompt.count("revoked")), (Some(kept), 0));

    machine.keyring.fail([false; 3]);
    let mut session = machine.resume().await.unwrap();
    session.validate().await.unwrap();
    assert_eq!(machine.server.count(Endpoint::Token), 1);
}

/// A store in memory that asks the test about each call, which is left out where the answer is no.
struct Asking<F>(Arc<MemoryStore>, F);

impl<F: Fn(&str) -> bool + Send + Sync> TokenStore for Asking<F> {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        if (self.1)("load") { self.0.load(client_id) } else { Ok(None) }
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        if (self.1)("save") { self.0.save(client_id, token) } else { Ok(()) }
    }

    fn delete(&self, client_id: &str) -> Result<()> {
        if (self.1)("delete") { self.0.delete(client_id) } else { Ok(()) }
    }

    fn description(&self) -> String {
        "asking".to_owned()
    }
}

#[tokio::test]
async fn a_refused_token_that_is_not_deleted_is_sent_once() {
    let server = strict_server().await;
    // It says that it has deleted the token.
    let hoarder = Asking(Arc::default(), |call: &str| call != "delete");
    hoarder.save(CLIENT, &login(&server, LONG_AGO)).unwrap();
    server.revoke_everything();
    let store = Arc::new(FallbackStore::new(vec![Box::new(hoarder)], LoginLock::nowhere("a test needs none")));
    let resumed = timeout(LIMIT, async { resume(&server, &store, &Arc::default()).await }).await;
    let error = resumed.expect("it comes to an end").unwrap_err();
    assert!(error.to_string().starts_with("nobody is logged in"), "{error}");
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_store_that_panics_leaves_no_lock_behind() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    server.change(|settings| settings.rotate_refresh_tokens = false);
    let mut interrupted = 0;
    for calls in 0.. {
        let (memory, calls_left) = (Arc::new(MemoryStore::default()), Arc::new(AtomicI64::new(calls)));
        memory.save(CLIENT, &login(&server, LONG_AGO)).unwrap();
        // Once, when no calls are left.
        let panics = {
            let calls_left = calls_left.clone();
            move |_: &str| {
                assert!(calls_left.fetch_sub(1, Ordering::SeqCst) != 0, "the store fails, as the test wants");
                true
            }
        };
        let store = FallbackStore::new(vec![Box::new(Asking(memory, panics))], LoginLock::beside(&path));
        let store = Arc::new(store);
        let struck = tokio::spawn(authenticate(unattended(server.url(), store.clone(), Recorder::default()))).await;
        match struck {
            Ok(Err(error)) => {
                assert!(matches!(error, Error::Interrupted { .. }) && error.is_transient(), "{error}");
                interrupted += 1;
            }
            Ok(Ok(_)) if calls_left.load(Ordering::SeqCst) >= 0 => break,
            // It struck in the caller's own task, or after all was done.
            Ok(Ok(_)) | Err(_) => {}
        }
        drop(store.lock(Duration::ZERO).expect("the lock is free"));
        resume(&server, &store, &Arc::default()).await.unwrap();
    }
    assert!(interrupted > 0);
}

/// Panics when it is to show anything.
struct Speechless;

impl Prompt for Speechless {
    fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
        panic!("{prompt}");
    }

    fn device_code(&self, code: &DevicePrompt<'_>) {
        panic!("{code}");
    }

    fn notice(&self, notice: &Notice) {
        panic!("{notice}");
    }
}

#[tokio::test]
async fn a_refreshed_token_is_saved_before_any_notice() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    let store = in_file(&path);
    store.save(CLIENT, &login(&server, LONG_AGO)).unwrap();
    let options = unattended(server.url(), store, Speechless).scopes(["profile", "email", "not-granted"]);
    let outcome = authenticate(options.clone()).await;
    assert!(matches!(outcome, Err(Error::Interrupted { .. })), "{outcome:?}");

    let prompt = Arc::new(Recorder::default());
    authenticate(options.prompt(prompt.clone())).await.unwrap();
    assert_eq!((server.count(Endpoint::Token), prompt.text().as_str()), (1, ""));
}
