//! Stored logins when the caller leaves, the keyring fails, or something panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::support::flow::Recorder;
use crate::support::fragile::{Fragile, Shared};
use crate::support::logins::{FAR_AHEAD, LONG_AGO, login, options, strict_server, unattended};
use crate::support::stores::{CLIENT, folder};
use authgate_core::client::AuthorizationUrl;
use authgate_core::flow::{DevicePrompt, Notice, Prompt};
use authgate_core::store::{FallbackStore, FileStore, LoginLock, MemoryStore, StoredToken, TokenStore};
use authgate_core::{Error, Result, Session, authenticate};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::time::timeout;

const LOAD: [bool; 3] = [true, false, false];

/// The file at `path` as the only store.
fn in_file(path: &std::path::Path) -> Arc<FallbackStore> {
    let file = FileStore::new(path);
    let lock = file.login_lock().clone();
    Arc::new(FallbackStore::new(vec![Box::new(file)], lock))
}

/// A store that plays the keyring, before a file.
fn keyring_and_file(keyring: &Arc<Fragile>, path: &std::path::Path) -> Arc<FallbackStore> {
    let file = FileStore::new(path);
    let lock = file.login_lock().clone();
    Arc::new(FallbackStore::new(vec![Box::new(Shared(keyring.clone())), Box::new(file)], lock))
}

async fn resume(server: &DevServer, store: &Arc<FallbackStore>, prompt: &Arc<Recorder>) -> Result<Session> {
    authenticate(options(server.url()), unattended(store.clone(), prompt.clone())).await
}

async fn until_asked(server: &DevServer, endpoint: Endpoint) {
    while server.count(endpoint) == 0 {
        tokio::task::yield_now().await;
    }
}

/// case 117
#[tokio::test]
async fn a_refresh_whose_caller_has_gone_is_finished_and_saved() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    let (store, prompt) = (in_file(&path), Arc::default());
    let old = login(&server, LONG_AGO);
    store.save(CLIENT, &old).unwrap();
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(100)), Times::Once);
    tokio::select! {
        outcome = resume(&server, &store, &prompt) => panic!("{outcome:?}"),
        () = until_asked(&server, Endpoint::Token) => {}
    }
    // It waits for the lock, which the refresh still holds, and uses what it brings.
    let session = resume(&server, &store, &prompt).await.unwrap();
    assert_ne!(session.token().access_token, old.access_token);
    assert_eq!(server.count(Endpoint::Token), 1);
}

/// case 121
#[tokio::test]
async fn a_revoked_login_that_cannot_be_renewed_makes_way_for_the_one_in_the_other_store() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    let (keyring, prompt) = (Arc::new(Fragile::default()), Arc::new(Recorder::default()));
    let mut revoked = login(&server, FAR_AHEAD + 1);
    revoked.refresh_token = None;
    server.revoke_everything();
    let living = login(&server, FAR_AHEAD);
    Shared(keyring.clone()).save(CLIENT, &revoked).unwrap();
    FileStore::new(&path).save(CLIENT, &living).unwrap();
    let mut session = resume(&server, &keyring_and_file(&keyring, &path), &prompt).await.unwrap();
    session.userinfo().await.unwrap();
    assert!(session.is_logged_in() && session.token().access_token == living.access_token);
    let left = (Shared(keyring).load(CLIENT).unwrap(), FileStore::new(&path).load(CLIENT).unwrap());
    assert_eq!(left, (None, Some(living)));
    assert_eq!(prompt.count("revoked"), 0);
}

/// case 152
#[tokio::test]
async fn where_the_keyring_cannot_be_read_the_login_in_the_file_is_used() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    let (keyring, prompt) = (Arc::new(Fragile::default()), Arc::new(Recorder::default()));
    let (in_keyring, in_file) = (login(&server, LONG_AGO), login(&server, FAR_AHEAD));
    Shared(keyring.clone()).save(CLIENT, &in_keyring).unwrap();
    FileStore::new(&path).save(CLIENT, &in_file).unwrap();
    keyring.fail(LOAD);
    let mut session = resume(&server, &keyring_and_file(&keyring, &path), &prompt).await.unwrap();
    session.userinfo().await.unwrap();
    assert_eq!(session.token().access_token, in_file.access_token);
    assert_eq!(keyring.content(), Some(in_keyring));
    assert_eq!((prompt.count("fragile: cannot load"), prompt.count("revoked")), (1, 0));
}

/// case 152
#[tokio::test]
async fn a_keyring_that_cannot_be_read_is_no_end_of_the_login_in_it() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    for expires_at in [FAR_AHEAD, LONG_AGO] {
        let (keyring, prompt) = (Arc::new(Fragile::default()), Arc::new(Recorder::default()));
        let kept = login(&server, expires_at);
        Shared(keyring.clone()).save(CLIENT, &kept).unwrap();
        let store = keyring_and_file(&keyring, &path);
        keyring.fail(LOAD);
        let error = resume(&server, &store, &prompt).await.unwrap_err();
        assert!(error.to_string().starts_with("nobody is logged in"), "{error}");
        assert_eq!((prompt.count("fragile: cannot load"), prompt.count("revoked")), (1, 0));

        keyring.fail([false; 3]);
        assert_eq!(keyring.content(), Some(kept));
        resume(&server, &store, &prompt).await.unwrap();
    }
    assert_eq!(server.count(Endpoint::Token), 1, "the expired one is renewed");
}

/// case 152
#[tokio::test]
async fn a_keyring_that_fails_after_the_server_has_refused_the_token_keeps_the_login() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    let (keyring, prompt) = (Arc::new(Fragile::default()), Arc::new(Recorder::default()));
    let kept = login(&server, FAR_AHEAD);
    Shared(keyring.clone()).save(CLIENT, &kept).unwrap();
    let store = keyring_and_file(&keyring, &path);
    let mut session = resume(&server, &store, &prompt).await.unwrap();
    server.revoke(kept.access_token.expose());
    keyring.fail(LOAD);
    assert!(session.userinfo().await.is_err());
    assert_eq!((keyring.content(), prompt.count("revoked")), (Some(kept), 0));

    keyring.fail([false; 3]);
    let mut session = resume(&server, &store, &prompt).await.unwrap();
    session.userinfo().await.unwrap();
    assert_eq!(server.count(Endpoint::Token), 1);
}

/// A store that never deletes, and says that it has.
struct Hoarder(MemoryStore);

impl TokenStore for Hoarder {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        self.0.load(client_id)
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.0.save(client_id, token)
    }

    fn delete(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn description(&self) -> String {
        "hoarder".to_owned()
    }
}

/// case 115
#[tokio::test]
async fn a_refused_token_that_a_store_does_not_delete_is_sent_once() {
    let server = strict_server().await;
    let hoarder = Hoarder(MemoryStore::default());
    hoarder.save(CLIENT, &login(&server, LONG_AGO)).unwrap();
    server.revoke_everything();
    let store = Arc::new(FallbackStore::new(vec![Box::new(hoarder)], LoginLock::nowhere("a test needs none")));
    let resumed = timeout(Duration::from_secs(30), async { resume(&server, &store, &Arc::default()).await }).await;
    let error = resumed.expect("it comes to an end").unwrap_err();
    assert!(error.to_string().starts_with("nobody is logged in"), "{error}");
    assert_eq!(server.count(Endpoint::Token), 1);
}

/// A store that panics, once.
#[derive(Clone)]
struct Hostile {
    content: Arc<MemoryStore>,
    /// How many calls it answers before; below 0 it has panicked.
    calls: Arc<AtomicI64>,
}

impl Hostile {
    fn strike(&self) -> &MemoryStore {
        assert!(self.calls.fetch_sub(1, Ordering::SeqCst) != 0, "the store fails, as the test wants");
        &self.content
    }
}

impl TokenStore for Hostile {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        self.strike().load(client_id)
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.strike().save(client_id, token)
    }

    fn delete(&self, client_id: &str) -> Result<()> {
        self.strike().delete(client_id)
    }

    fn description(&self) -> String {
        "hostile".to_owned()
    }
}

/// case 72
#[tokio::test]
async fn wherever_a_store_panics_the_lock_is_let_go_and_the_next_login_works() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    server.change(|settings| settings.rotate_refresh_tokens = false);
    let mut interrupted = 0;
    for calls in 0.. {
        let hostile = Hostile { content: Arc::default(), calls: Arc::new(AtomicI64::new(calls)) };
        hostile.content.save(CLIENT, &login(&server, LONG_AGO)).unwrap();
        let store = Arc::new(FallbackStore::new(vec![Box::new(hostile.clone())], LoginLock::beside(&path)));
        let (options, context) = (options(server.url()), unattended(store.clone(), Arc::new(Recorder::default())));
        let struck = tokio::spawn(authenticate(options, context)).await;
        match struck {
            Ok(Err(error)) => {
                assert!(matches!(error, Error::Interrupted { .. }) && error.is_transient(), "{error}");
                interrupted += 1;
            }
            Ok(Ok(_)) if hostile.calls.load(Ordering::SeqCst) >= 0 => break,
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
    fn authorization_url(&self, url: &AuthorizationUrl) {
        panic!("{url}");
    }

    fn device_code(&self, code: &DevicePrompt<'_>) {
        panic!("{code}");
    }

    fn notice(&self, notice: &Notice) {
        panic!("{notice}");
    }
}

/// cases 72, 116
#[tokio::test]
async fn a_refreshed_token_is_saved_before_anything_is_said_about_it() {
    let (server, (_folder, path)) = (strict_server().await, folder());
    let store = in_file(&path);
    store.save(CLIENT, &login(&server, LONG_AGO)).unwrap();
    let mut options = options(server.url());
    options.scopes.push("not-granted".to_owned());
    let outcome = authenticate(options.clone(), unattended(store.clone(), Arc::new(Speechless))).await;
    assert!(matches!(outcome, Err(Error::Interrupted { .. })), "{outcome:?}");

    let prompt = Arc::new(Recorder::default());
    authenticate(options, unattended(store, prompt.clone())).await.unwrap();
    assert_eq!((server.count(Endpoint::Token), prompt.text().as_str()), (1, ""));
}
