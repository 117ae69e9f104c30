//! Keyring items that other programs have created.

use authgate_test_support::python;
use authgate_test_support::session::Session;

use crate::support::store_process::in_session;
use crate::support::stores::{CLIENT, line, token};

/// The attribute of the items that Python's library creates.
const MARK: [&str; 2] = ["application", "Python keyring library"];

fn entry(access_token: &str, expires_at: u32) -> String {
    format!(r#"{{"access_token": "{access_token}", "expires_at": {expires_at}}}"#)
}

fn add_items(session: &Session, ours: &str, pythons: &str) {
    session.add_item(CLIENT, ours, &[]);
    session.add_item(CLIENT, pythons, &MARK);
    assert_eq!(count(session), 2);
}

/// Counts the remaining items that the test has added.
fn count(session: &Session) -> usize {
    session
        .items("authgate", CLIENT)
        .matches("made by a test")
        .count()
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn the_newest_of_two_items_is_kept() {
    let session = Session::unlocked();
    let mut keyring = in_session(&session, "keyring");
    for (ours, pythons, newest) in [
        (
            entry("ours", 2_000_000_000),
            entry("pythons", 1_900_000_000),
            "ours - 2000000000 - - -",
        ),
        (
            entry("ours", 1_900_000_000),
            entry("pythons", 2_000_000_000),
            "pythons - 2000000000 - - -",
        ),
        (
            "makes no sense".to_owned(),
            entry("pythons", 0),
            "pythons - - - - -",
        ),
        ("makes no sense".to_owned(), "nor this".to_owned(), "none"),
    ] {
        add_items(&session, &ours, &pythons);
        assert_eq!(keyring.ask("load").await, newest);
        assert_eq!(count(&session), 1);
        assert_eq!(keyring.ask("delete").await, "deleted");

        add_items(&session, &ours, &pythons);
        assert_eq!(keyring.ask("save 1").await, "saved");
        let items = session.items("authgate", CLIENT);
        assert_eq!(
            (count(&session), items.matches(MARK[1]).count()),
            (1, 1),
            "{items}"
        );
        assert_eq!(keyring.ask("load").await, line(&token(1)));

        session.add_item(CLIENT, &ours, &["another", "attribute"]);
        assert_eq!(keyring.ask("delete").await, "deleted");
        assert_eq!(session.items("authgate", CLIENT), "");
    }
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn an_item_that_is_no_login_is_not_replaced_in_silence() {
    let session = Session::unlocked();
    let replaced = format!(
        "The keyring had an item (service authgate, user {CLIENT}) that was not a login. It has been replaced."
    );
    // One item, or another beside a login of ours or of Python's.
    for (text, beside) in [
        ("another program's text", None),
        (
            "another program's text",
            Some(entry("pythons", 2_000_000_000)),
        ),
        ("another program's text", Some("nor this".to_owned())),
    ] {
        session.add_item(CLIENT, text, &[]);
        if let Some(beside) = beside {
            session.add_item(CLIENT, &beside, &MARK);
        }
        let mut stores = in_session(&session, "keyring-and-file");
        assert_eq!(stores.ask("save-login 1").await, "saved");
        assert_eq!(stores.ask("notices").await, replaced);
        assert_eq!(stores.ask("load").await, line(&token(1)));

        // A login that replaces a login is not told.
        assert_eq!(stores.ask("save-login 2").await, "saved");
        assert_eq!(stores.ask("notices").await, "");
        assert_eq!(stores.ask("delete").await, "deleted");
    }
}

#[tokio::test]
#[ignore = "needs a session bus and gnome-keyring: run with --include-ignored"]
async fn items_of_unknown_age_stay_until_refused_or_replaced() {
    let session = Session::unlocked();
    let mut keyring = in_session(&session, "keyring");
    for (ours, pythons) in [(2_000_000_000, 0), (0, 1_900_000_000), (0, 0)] {
        let (ours, pythons) = (entry("ours", ours), entry("pythons", pythons));
        add_items(&session, &ours, &pythons);
        for _ in 0..2 {
            let newest = keyring.ask("load").await;
            assert!(
                newest.ends_with("s - - - - -"),
                "not the one that says when it expires: {newest}"
            );
            assert_eq!(count(&session), 2);
        }
        assert_eq!(keyring.ask("save 1").await, "saved");
        assert_eq!(count(&session), 1);
        assert_eq!(keyring.ask("load").await, line(&token(1)));
        assert_eq!(keyring.ask("delete").await, "deleted");

        add_items(&session, &ours, &pythons);
        let refused = keyring.ask("load").await;
        assert_eq!(keyring.ask("delete-loaded").await, "true");
        let next = keyring.ask("load").await;
        assert!(
            next != refused && next != "none",
            "{refused} was refused, and the other one was not: {next}"
        );
        assert_eq!(keyring.ask("delete-loaded").await, "true");
        assert_eq!(session.items("authgate", CLIENT), "");
    }
}

#[tokio::test]
#[ignore = "needs gnome-keyring and Python with go-authgate: run with --include-ignored"]
async fn the_python_client_and_this_one_share_one_item() {
    let session = Session::unlocked();
    let run = |script: &str| {
        let script = format!("store = token_keyring_store('authgate')\n{script}");
        python::succeed(python::script(&script, &[]).envs(session.variables()));
    };
    run(
        "store.save('client-1', StoredToken('from-python', 'r', 'Bearer', 1900000000.5, 'client-1'))",
    );
    let mut keyring = in_session(&session, "keyring");
    assert_eq!(keyring.ask("load").await, "from-python r 1900000000 - - -");

    for round in 0..2 {
        assert_eq!(keyring.ask("save 1").await, "saved");
        run("assert store.load('client-1') == StoredToken('access-1', 'refresh-1', 'Bearer', 2000000001, 'client-1')
store.save('client-1', StoredToken('again', '', 'Bearer', 2000000002.0, 'client-1'))");
        assert_eq!(keyring.ask("load").await, "again - 2000000002 - - -");
        assert_eq!(
            session
                .items("authgate", CLIENT)
                .matches("attribute.service")
                .count(),
            1,
            "round {round}"
        );
        // The second time, the item is our own.
        assert_eq!(keyring.ask("delete").await, "deleted");
    }
    run("
try: store.load('client-1')
except Exception as error: assert 'not found' in str(error)
else: raise SystemExit('still there')");
}
