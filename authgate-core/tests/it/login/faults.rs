//! Stored logins if the caller stops waiting, the keyring fails, or a task panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use authgate_core::test_util::{
    FallbackStore, FileStore, LoginLock, Notices, StoredToken, TokenStore,
};
use authgate_core::{Prompt, Result, Session, authenticate};
use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::{Home, LIMIT, until};
use insta::assert_snapshot;
use tokio::time::timeout;

use crate::support::flow::Recorder;
use crate::support::fragile::{Fragile, Outcome};
use crate::support::logins::{FAR_FUTURE, LONG_AGO, login, strict_server, unattended};
use crate::support::stores::{CLIENT, UnderLock, file_in, shown};

async fn resume(
    server: &DevServer,
    store: &Arc<FallbackStore>,
    prompt: &Arc<Recorder>,
) -> Result<Session> {
    authenticate(unattended(server.url(), store.clone(), prompt.clone())).await
}

/// A machine with a file, and with a keyring that fails on request.
struct Machine {
    server: DevServer,
    prompt: Arc<Recorder>,
    keyring: Fragile,
    file: FileStore,
    store: Arc<FallbackStore>,
    home: Home,
}

impl Machine {
    async fn new() -> Self {
        let (home, keyring) = (Home::new(), Fragile::new(|_| Outcome::Works));
        let (file, second) = (file_in(&home), file_in(&home));
        let lock = second.login_lock();
        let stores: Vec<Box<dyn TokenStore>> = vec![Box::new(keyring.clone()), Box::new(second)];
        let store = FallbackStore::new(CLIENT, stores, lock, Notices::default());
        let server = strict_server().await;
        Self {
            server,
            prompt: Arc::default(),
            keyring,
            file,
            store: Arc::new(store),
            home,
        }
    }

    /// Creates a machine with a login in its keyring that expires at this time.
    async fn with_login(expires_at: u64) -> (Self, StoredToken) {
        let machine = Self::new().await;
        let stored = login(&machine.server, expires_at);
        machine.keyring.put(&stored);
        (machine, stored)
    }

    async fn resume(&self) -> Result<Session> {
        resume(&self.server, &self.store, &self.prompt).await
    }

    async fn resume_and_validate(&self) -> Session {
        let mut session = self.resume().await.unwrap();
        session.validate().await.unwrap();
        session
    }
}

#[tokio::test]
async fn a_refresh_whose_caller_has_gone_is_saved() {
    let (machine, old) = Machine::with_login(LONG_AGO).await;
    let (server, prompt) = (&machine.server, machine.prompt.clone());
    let refresh = server.hold(Endpoint::Token);
    tokio::select! {
        outcome = machine.resume() => panic!("{outcome:?}"),
        () = refresh.arrived() => {}
    }
    // The next call waits for the lock, which the refresh still holds, and uses the refreshed
    // token.
    let next = tokio::spawn(authenticate(unattended(
        server.url(),
        machine.store.clone(),
        prompt.clone(),
    )));
    until("the wait for the lock", || !prompt.lines().is_empty()).await;
    assert_snapshot!(prompt.said(), @"notice: Waiting for the stored login. If your keyring asks for its password, enter it there.");
    refresh.release();
    let session = next.await.unwrap().unwrap();
    assert_ne!(session.token().access_token, old.access_token);
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_revoked_login_makes_way_for_one_in_the_other_store() {
    let machine = Machine::new().await;
    let mut revoked = login(&machine.server, FAR_FUTURE + 1);
    revoked.refresh_token = None;
    machine.server.revoke_everything();
    let living = login(&machine.server, FAR_FUTURE);
    machine.keyring.put(&revoked);
    machine.file.save(CLIENT, &living).unwrap();
    let session = machine.resume_and_validate().await;
    assert!(session.is_logged_in() && session.token().access_token == living.access_token);
    assert_eq!(
        (
            machine.keyring.content(),
            machine.file.load(CLIENT).unwrap()
        ),
        (None, Some(living))
    );
    assert_eq!(machine.prompt.said(), "");
}

#[tokio::test]
async fn an_older_login_is_used_only_with_a_notice() {
    let machine = Machine::new().await;
    let mut revoked = login(&machine.server, LONG_AGO);
    machine.server.revoke_everything();
    let mut older = login(&machine.server, FAR_FUTURE);
    (revoked.logged_in_at, older.logged_in_at) = (Some(200), Some(100));
    machine.keyring.put(&revoked);
    machine.file.save(CLIENT, &older).unwrap();
    let session = machine.resume_and_validate().await;
    assert_eq!(session.token().access_token, older.access_token);
    assert_snapshot!(machine.prompt.said(), @"notice: The stored login no longer works. An older login that was stored elsewhere is used instead.");
}

#[tokio::test]
async fn the_login_in_the_file_is_used_when_the_keyring_fails() {
    let (machine, in_keyring) = Machine::with_login(LONG_AGO).await;
    let in_file = login(&machine.server, FAR_FUTURE);
    machine.file.save(CLIENT, &in_file).unwrap();
    machine.keyring.fail(&["load"]);
    let session = machine.resume_and_validate().await;
    assert_eq!(session.token().access_token, in_file.access_token);
    assert_eq!(machine.keyring.content(), Some(in_keyring));
    assert_snapshot!(shown(&machine.prompt.said(), &machine.home), @"");
}

#[tokio::test]
async fn a_login_outlives_a_keyring_that_cannot_be_read() {
    for (expires_at, refreshes) in [(FAR_FUTURE, 0), (LONG_AGO, 1)] {
        let (machine, stored) = Machine::with_login(expires_at).await;
        machine.keyring.fail(&["load"]);
        let error = machine.resume().await.unwrap_err();
        assert!(
            error.to_string().starts_with("nobody is logged in"),
            "{error}"
        );
        assert_eq!(
            (
                machine.prompt.count("Fragile: cannot load"),
                machine.prompt.count("revoked")
            ),
            (1, 0)
        );

        machine.keyring.fail(&[]);
        assert_eq!(machine.keyring.content(), Some(stored));
        machine.resume().await.unwrap();
        assert_eq!(machine.server.count(Endpoint::Token), refreshes);
    }
}

#[tokio::test]
async fn a_refused_token_outlives_a_keyring_that_cannot_be_read() {
    let (machine, stored) = Machine::with_login(FAR_FUTURE).await;
    let mut session = machine.resume().await.unwrap();
    machine.server.revoke(stored.access_token.expose());
    machine.keyring.fail(&["load"]);
    assert!(session.validate().await.is_err());
    assert_eq!(
        (machine.keyring.content(), machine.prompt.count("revoked")),
        (Some(stored), 0)
    );

    machine.keyring.fail(&[]);
    machine.resume_and_validate().await;
    assert_eq!(machine.server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_refused_token_that_is_not_deleted_is_sent_once() {
    let (machine, _revoked) = Machine::with_login(LONG_AGO).await;
    machine.keyring.follow(|call| {
        if call == "delete" {
            Outcome::Pretends
        } else {
            Outcome::Works
        }
    });
    machine.server.revoke_everything();
    let error = timeout(LIMIT, machine.resume())
        .await
        .expect("it comes to an end")
        .unwrap_err();
    assert!(
        error.to_string().starts_with("nobody is logged in"),
        "{error}"
    );
    assert_eq!(machine.server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_store_that_panics_leaves_no_lock_behind() {
    let (server, home) = (strict_server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = false);
    let mut interrupted = 0;
    for calls in 0.. {
        let calls_left = Arc::new(AtomicI64::new(calls));
        // The panic happens once, when no calls are left.
        let fragile = Fragile::new({
            let calls_left = calls_left.clone();
            move |_| {
                assert!(
                    calls_left.fetch_sub(1, Ordering::SeqCst) != 0,
                    "the store fails, as the test wants"
                );
                Outcome::Works
            }
        });
        fragile.put(&login(&server, LONG_AGO));
        let lock = LoginLock::Beside(home.file(""));
        let store = FallbackStore::new(CLIENT, vec![Box::new(fragile)], lock, Notices::default());
        let store = Arc::new(store);
        let outcome = tokio::spawn(authenticate(unattended(
            server.url(),
            store.clone(),
            Arc::new(Recorder::default()),
        )))
        .await;
        match outcome {
            Ok(Err(error)) => {
                assert!(
                    error.to_string().contains("ended without a result") && error.is_transient(),
                    "{error}"
                );
                interrupted += 1;
            }
            Ok(Ok(_)) if calls_left.load(Ordering::SeqCst) >= 0 => break,
            // The panic happened in the caller's own task, or after the work was done.
            Ok(Ok(_)) | Err(_) => {}
        }
        // Wait, because a process that another test starts inherits the lock until it runs its
        // program.
        drop(store.lock(LIMIT).expect("the lock is free"));
        resume(&server, &store, &Arc::default()).await.unwrap();
    }
    assert!(interrupted > 0);
}

/// No person is present, so the login shows only notices.
struct PanicsAtNotices;

impl Prompt for PanicsAtNotices {
    fn show(&self, text: &str) {
        panic!("{text}");
    }
}

#[tokio::test]
async fn a_refreshed_token_is_saved_before_any_notice() {
    let (machine, _old) = Machine::with_login(LONG_AGO).await;
    let options = unattended(
        machine.server.url(),
        machine.store.clone(),
        Arc::new(PanicsAtNotices),
    )
    .scopes(["profile", "email", "not-granted"]);
    let outcome = authenticate(options.clone()).await;
    assert!(
        matches!(&outcome, Err(error) if error.to_string().contains("ended without a result")),
        "{outcome:?}"
    );

    let prompt = Arc::new(Recorder::default());
    authenticate(options.prompt(prompt.clone())).await.unwrap();
    assert_eq!(
        (
            machine.server.count(Endpoint::Token),
            prompt.text().as_str()
        ),
        (1, "")
    );
}
