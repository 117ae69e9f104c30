//! Items of the keyring that others have made.
//!
//! These tests run only where `AUTHGATE_TEST_KEYRING=1` is set, as `.ci/keyring-tests` does.

use crate::support::session::{UNLOCKED, add_item, count, items, run_in};
use crate::support::stores::{CLIENT, part_path, python, run_python, token};
use authgate_core::Secret;
use authgate_core::store::{KeyringStore, TokenStore};

/// How Python's library marks its items.
const MARK: [&str; 2] = ["application", "Python keyring library"];

fn entry(access_token: &str, expires_at: u32) -> String {
    format!(r#"{{"access_token": "{access_token}", "expires_at": {expires_at}}}"#)
}

fn keyring() -> KeyringStore {
    KeyringStore::new(KeyringStore::LIMIT)
}

/// case 145
#[test]
fn of_two_items_the_newest_is_kept() {
    run_in(UNLOCKED, "part_with_two_items");
}

#[test]
fn part_with_two_items() {
    if part_path().is_none() {
        return;
    }
    for (ours, pythons, newest) in [
        (entry("ours", 2_000_000_000), entry("pythons", 1_900_000_000), Some("ours")),
        (entry("ours", 1_900_000_000), entry("pythons", 2_000_000_000), Some("pythons")),
        ("makes no sense".to_owned(), entry("pythons", 0), Some("pythons")),
        ("makes no sense".to_owned(), "nor this".to_owned(), None),
    ] {
        add_item(&ours, &[]);
        add_item(&pythons, &MARK);
        assert_eq!(count(&items("authgate"), "made by a test"), 2);
        let store = keyring();
        let found = store.load(CLIENT).unwrap();
        assert_eq!(found.as_ref().map(|token| token.access_token.expose()), newest);
        assert_eq!(count(&items("authgate"), "made by a test"), 1);
        store.delete(CLIENT).unwrap();

        add_item(&ours, &[]);
        add_item(&pythons, &MARK);
        store.save(CLIENT, &token(1)).unwrap();
        let found = items("authgate");
        assert_eq!((count(&found, "made by a test"), count(&found, MARK[1])), (1, 1), "{found}");
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));

        add_item(&ours, &["another", "attribute"]);
        store.delete(CLIENT).unwrap();
        assert_eq!(items("authgate"), "");
    }
}

/// case 145
#[test]
fn of_two_items_none_goes_that_may_be_a_login_before_a_new_one_takes_their_place() {
    run_in(UNLOCKED, "part_with_items_of_unknown_age");
}

#[test]
fn part_with_items_of_unknown_age() {
    if part_path().is_none() {
        return;
    }
    for (ours, pythons) in [(2_000_000_000, 0), (0, 1_900_000_000), (0, 0)] {
        add_item(&entry("ours", ours), &[]);
        add_item(&entry("pythons", pythons), &MARK);
        let store = keyring();
        for _ in 0..2 {
            let newest = store.load(CLIENT).unwrap().unwrap();
            assert_eq!(newest.expires_at, None, "which is good until it is refused");
            assert_eq!(count(&items("authgate"), "made by a test"), 2);
        }
        store.save(CLIENT, &token(1)).unwrap();
        assert_eq!(count(&items("authgate"), "made by a test"), 1);
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
        store.delete(CLIENT).unwrap();

        add_item(&entry("ours", ours), &[]);
        add_item(&entry("pythons", pythons), &MARK);
        let refused = store.load(CLIENT).unwrap().unwrap();
        assert!(store.replace(CLIENT, &refused, None).unwrap());
        let next = store.load(CLIENT).unwrap().unwrap();
        assert_ne!(next, refused, "it was refused, and the other one was not");
        assert!(store.replace(CLIENT, &next, None).unwrap());
        assert_eq!(items("authgate"), "");
    }
}

/// case 145
#[test]
fn the_python_client_and_this_one_share_one_item() {
    if python().is_some() {
        run_in(UNLOCKED, "part_with_the_python_client");
    }
}

#[test]
fn part_with_the_python_client() {
    if part_path().is_none() {
        return;
    }
    let python = python().unwrap();
    let run = |script: &str| run_python(&python, &format!("store = token_keyring_store('authgate')\n{script}"), &[]);
    run("store.save('client-1', StoredToken('from-python', 'r', 'Bearer', 1900000000.5, 'client-1'))");
    let store = keyring();
    let found = store.load(CLIENT).unwrap().unwrap();
    assert_eq!((found.access_token, found.expires_at), (Secret::from("from-python"), Some(1_900_000_000)));

    for round in 0..2 {
        store.save(CLIENT, &token(1)).unwrap();
        run("assert store.load('client-1') == StoredToken('access-1', 'refresh-1', 'Bearer', 2000000001, 'client-1')
store.save('client-1', StoredToken('again', '', 'Bearer', 2000000002.0, 'client-1'))");
        assert_eq!(store.load(CLIENT).unwrap().unwrap().access_token.expose(), "again");
        assert_eq!(count(&items("authgate"), "attribute.service"), 1, "round {round}");
        // The second time the item is one that we have made.
        store.delete(CLIENT).unwrap();
    }
    run("
try: store.load('client-1')
except Exception as error: assert 'not found' in str(error)
else: raise SystemExit('still there')");
}
