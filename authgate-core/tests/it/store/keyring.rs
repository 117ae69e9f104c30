//! The keyring in every state of a session bus. Each test has its own session and home folder.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use authgate_core::test_util::TokenStore;
use authgate_test_support::files::names_in;
use authgate_test_support::session::Session;
use insta::assert_snapshot;

use crate::support::store_process::{PROGRAM, in_session, start};
use crate::support::stores::{CLIENT, UnderLock, file_in, file_with, line, shown, token};

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn a_saved_token_is_loaded_and_deleted() {
    let session = Session::unlocked();
    let mut keyring = in_session(&session, "keyring");
    assert_eq!(keyring.ask("load").await, "none");
    assert_eq!(keyring.ask("delete").await, "deleted");
    for number in [1, 2] {
        assert_eq!(keyring.ask(&format!("save {number}")).await, "saved");
        assert_eq!(keyring.ask("load").await, line(&token(number)));
        // The request runs on another thread.
        assert_eq!(keyring.ask("open").await, "opened");
        assert_eq!(keyring.ask("load").await, line(&token(number)));
    }
    assert!(
        names_in(session.home().path()).contains(&"keyrings".to_owned()),
        "where the next tests look"
    );
    for service in ["authgate", "authgate-rust"] {
        let items = session.items(service, CLIENT);
        assert_eq!(
            items
                .matches("attribute.application = Python keyring library")
                .count(),
            1,
            "{items}"
        );
    }
    assert_eq!(keyring.ask("delete").await, "deleted");
    assert_eq!(keyring.ask("load").await, "none");
    assert_eq!(
        session.items("authgate", CLIENT) + &session.items("authgate-rust", CLIENT),
        ""
    );
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn only_a_save_writes_to_the_keyring() {
    let session = Session::unlocked();
    let changes = "type='method_call',member='CreateItem'";
    let ends = "type='method_call',interface='org.freedesktop.Secret.Item',member='Delete'";
    let mut monitor = session.command("dbus-monitor");
    let monitor = monitor
        .args(["--session", "--profile", changes, ends])
        .stdout(Stdio::piped());
    let mut monitor = monitor.spawn().unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    // The monitor is ready when it reports that it has lost its name.
    lines.find(|line| line.contains("NameLost")).unwrap();

    let mut keyring = in_session(&session, "keyring");
    assert_eq!(keyring.ask("load").await, "none");
    assert_eq!(keyring.ask("save 1").await, "saved");
    assert_eq!(keyring.ask("delete").await, "deleted");
    let calls: Vec<String> = lines
        .filter(|line| line.starts_with("mc"))
        .take(3)
        .collect();
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    let of_save: Vec<bool> = calls
        .iter()
        .map(|line| line.contains("CreateItem"))
        .collect();
    assert_eq!(
        of_save,
        [true, true, false],
        "the token and its record, and no more: {calls:?}"
    );
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn a_session_without_a_keyring_differs_from_an_empty_keyring() {
    for session in [Session::without_bus(), Session::without_keyring()] {
        let mut keyring = in_session(&session, "keyring");
        assert_eq!(keyring.ask("load").await, "none");
        assert_eq!(
            keyring.ask("save 1").await,
            "error: no keyring is running in this session"
        );
    }
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn a_keyring_that_was_never_set_up_opens_no_window() {
    let session = Session::never_set_up();
    let mut stores = in_session(&session, "keyring-and-file");
    assert_eq!(stores.ask("load").await, "none");
    assert_eq!(stores.ask("save-login 1").await, "saved");
    assert_eq!(
        file_in(session.home()).load(CLIENT).unwrap(),
        Some(token(1))
    );
    assert_snapshot!(shown(&stores.ask("notices").await, session.home()), @"Keyring: it is locked, refuses access, or has no default keyring yet: unlock it or make one with your keyring program. The login is saved unencrypted in file [home]/.authgate-tokens.json.");
    assert!(!session.home().path().join("keyrings/default").exists());
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn a_locked_keyring_is_given_up_for_the_file() {
    let session = Session::unlocked();
    assert_eq!(in_session(&session, "keyring").ask("save 1").await, "saved");
    session.lock();
    let mut stores = in_session(&session, "keyring-and-file");
    assert_eq!(stores.ask("load").await, "none");
    assert_snapshot!(shown(&stores.ask("notices").await, session.home()), @"Keyring: it is locked, refuses access, or has no default keyring yet: unlock it or make one with your keyring program.");

    assert_eq!(stores.ask("save-login 2").await, "saved");
    assert_eq!(
        file_in(session.home()).load(CLIENT).unwrap(),
        Some(token(2))
    );
    assert_snapshot!(shown(&stores.ask("notices").await, session.home()), @"The login is saved unencrypted in file [home]/.authgate-tokens.json. | An older login may still be in the keyring (service authgate).");
}

#[tokio::test]
async fn a_bus_that_never_answers_is_asked_once_and_no_more() {
    let session = Session::silent();
    let mut keyring = start(
        session
            .run(PROGRAM)
            .args("keyring")
            .with("KEYRING_LIMIT_MS", "300"),
    );
    let reason = keyring.ask("load").await;
    assert_snapshot!(reason, @"error: keyring: no answer within 0.3 s; it may be locked and wait for its password: unlock it and try again");
    let asked_again = Instant::now();
    for _ in 0..100 {
        assert_eq!(keyring.ask("load").await, reason);
    }
    assert!(
        asked_again.elapsed() < Duration::from_secs(20),
        "were it asked again, it would take 0.3 s each time"
    );
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn the_newest_token_counts_and_a_refresh_updates_both() {
    let session = Session::unlocked();
    let file = file_in(session.home());
    let (mut keyring, mut stores) = (
        in_session(&session, "keyring"),
        in_session(&session, "keyring-and-file"),
    );
    assert_eq!(keyring.ask("save 1").await, "saved");
    file.save(CLIENT, &token(2)).unwrap();
    assert_eq!(stores.ask("load").await, line(&token(2)));

    assert_eq!(keyring.ask("save 2").await, "saved");
    assert_eq!(stores.ask("save-refreshed 2 3").await, "saved");
    assert_eq!(
        (keyring.ask("load").await, file.load(CLIENT).unwrap()),
        (line(&token(3)), Some(token(3)))
    );

    assert_eq!(stores.ask("save-login 4").await, "saved");
    assert_eq!(
        (keyring.ask("load").await, file.load(CLIENT).unwrap()),
        (line(&token(4)), None)
    );
    assert_eq!(stores.ask("delete").await, "deleted");
    assert_eq!(
        (
            stores.ask("load").await.as_str(),
            stores.ask("notices").await.as_str()
        ),
        ("none", "")
    );

    // An entry in the file as another client writes it, with an unknown issuer.
    session
        .home()
        .replace(&file_with(CLIENT, r#"{"access_token": "a"}"#));
    assert_eq!(stores.ask("load").await, "a - - - - -");
}
