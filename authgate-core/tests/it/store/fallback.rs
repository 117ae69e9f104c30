//! Keyring, file and memory as one store: where a token goes when one of them fails.

use std::sync::Arc;

use authgate_core::store::{FallbackStore, Kept, LoginLock, Notice, TokenStore};
use authgate_test_support::Home;
use insta::assert_snapshot;

use crate::support::fragile::{Fragile, Shared};
use crate::support::store_process::{run, start};
use crate::support::stored_token::line;
use crate::support::stores::{CLIENT, file_in, shown, token};

fn stores() -> (FallbackStore, Arc<Fragile>, Arc<Fragile>) {
    let (first, second) = (Arc::new(Fragile::default()), Arc::new(Fragile::default()));
    let stores: Vec<Box<dyn TokenStore>> = vec![Box::new(Shared(first.clone())), Box::new(Shared(second.clone()))];
    (FallbackStore::new(stores, LoginLock::nowhere("a test needs none")), first, second)
}

/// What `load` gives, by number.
fn loaded(store: &FallbackStore) -> Option<u64> {
    store.load(CLIENT).unwrap().map(|token| token.expires_at.unwrap() - 2_000_000_000)
}

const LOAD: [bool; 3] = [true, false, false];
const SAVE: [bool; 3] = [false, true, false];
const SAVE_AND_DELETE: [bool; 3] = [false, true, true];
const ALL: [bool; 3] = [true; 3];

#[test]
fn a_login_goes_to_the_first_store_and_leaves_the_others() {
    let (store, first, second) = stores();
    second.put(1);
    assert!(store.save_login(CLIENT, &token(2)));
    assert_eq!((first.content(), second.content()), (Some(token(2)), None));
    assert_eq!(store.take_notices(), []);
}

#[test]
fn a_login_that_one_store_refuses_goes_to_the_next() {
    let (store, first, second) = stores();
    first.put(1);
    first.fail(SAVE);
    assert!(store.save_login(CLIENT, &token(2)));
    assert_eq!((first.content(), second.content()), (None, Some(token(2))));
    let notices = store.take_notices();
    assert!(matches!(&notices[..], [Notice::Fallback { .. }]), "{notices:?}");
    assert_snapshot!(notices[0], @"fragile: cannot save. The login is kept in fragile, as plain text; an older login may lie in the keyring");
}

#[test]
fn a_failing_store_is_named_once() {
    let (store, first, second) = stores();
    first.fail(ALL);
    second.put(1);
    for _ in 0..3 {
        assert_eq!(loaded(&store), Some(1));
    }
    store.save_login(CLIENT, &token(2));
    assert_eq!(store.take_notices().len(), 1);
    assert_eq!((loaded(&store), store.take_notices()), (Some(2), vec![]));
}

#[test]
fn a_token_that_no_store_takes_serves_this_run() {
    let (store, first, second) = stores();
    first.fail(SAVE);
    second.fail(SAVE);
    assert!(!store.save_login(CLIENT, &token(1)));
    assert_eq!(loaded(&store), Some(1));
    let notices = store.take_notices();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::ThisRunOnly { reasons } if reasons.len() == 2)));

    // A refresh later the second works again.
    second.fail([false; 3]);
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::InStore);
    assert_eq!((first.content(), second.content()), (None, Some(token(2))));
    second.put(3);
    assert_eq!(loaded(&store), Some(3), "nothing older is left in memory");
}

#[test]
fn the_newest_token_counts_wherever_it_is() {
    let (store, first, second) = stores();
    for (in_first, in_second) in [(1, 2), (2, 1)] {
        first.put(in_first);
        second.put(in_second);
        assert_eq!(loaded(&store), Some(2));
    }
    first.fail(LOAD);
    assert_eq!(loaded(&store), Some(1));
}

#[test]
fn a_token_of_unknown_expiry_is_the_newest_until_refused() {
    let (store, first, second) = stores();
    let mut undated = token(1);
    undated.expires_at = None;
    first.put(2);
    Shared(second.clone()).save(CLIENT, &undated).unwrap();
    assert_eq!(store.load(CLIENT).unwrap(), Some(undated.clone()));
    store.delete_refused(CLIENT, &undated).unwrap();
    assert_eq!(loaded(&store), Some(2));
}

#[test]
fn a_refreshed_token_goes_to_every_store_with_the_old_one() {
    let (store, first, second) = stores();
    first.put(1);
    second.put(1);
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::InStore);
    assert_eq!((first.content(), second.content()), (Some(token(2)), Some(token(2))));

    second.put(7);
    assert_eq!(store.save_refreshed(CLIENT, &token(2), &token(3)), Kept::InStore);
    assert_eq!((first.content(), second.content()), (Some(token(3)), Some(token(7))), "another login stays");

    first.remove();
    second.put(3);
    assert_eq!(store.save_refreshed(CLIENT, &token(3), &token(4)), Kept::InStore);
    assert_eq!((first.content(), second.content()), (None, Some(token(4))), "no store gets a token it never had");
}

#[test]
fn a_refresh_keeps_the_scope_and_id_token_it_leaves_out() {
    let (store, first, _) = stores();
    first.put(1);
    let mut new = token(2);
    (new.scope, new.id_token) = (None, None);
    store.save_refreshed(CLIENT, &token(1), &new);
    assert_eq!(first.content(), Some(token(2)));
}

#[test]
fn a_refresh_restores_no_login_that_is_gone_or_replaced() {
    let (store, first, second) = stores();
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::Superseded);
    first.put(5);
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::Superseded);
    assert_eq!((first.content(), second.content()), (Some(token(5)), None));
    assert_eq!(store.take_notices(), []);
}

#[test]
fn an_old_token_that_cannot_be_replaced_is_deleted() {
    let (store, first, second) = stores();
    first.put(1);
    second.put(1);
    first.fail(SAVE);
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::InStore);
    assert_eq!((first.content(), second.content()), (None, Some(token(2))));
    assert!(matches!(&store.take_notices()[..], [Notice::OldCopyDeleted { .. }]));

    // It was only in a store that has failed: any other takes it.
    second.fail(SAVE_AND_DELETE);
    first.fail([false; 3]);
    assert_eq!(store.save_refreshed(CLIENT, &token(2), &token(3)), Kept::InStore);
    assert_eq!((first.content(), second.content()), (Some(token(3)), Some(token(2))));
    assert!(matches!(&store.take_notices()[..], [Notice::OldCopyRemains { .. }]));

    // Now nothing works.
    first.fail(SAVE_AND_DELETE);
    assert_eq!(store.save_refreshed(CLIENT, &token(3), &token(4)), Kept::ThisRunOnly);
    assert_eq!(loaded(&store), Some(4));
}

#[test]
fn a_store_that_fails_after_it_was_read_loses_no_token() {
    let (store, first, second) = stores();
    first.put(1);
    assert_eq!(loaded(&store), Some(1));
    first.fail(ALL);
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::InStore);
    assert_eq!(second.content(), Some(token(2)));
    assert!(store.take_notices().iter().any(|notice| matches!(notice, Notice::OldCopyRemains { .. })));
    assert_eq!(loaded(&store), Some(2));
}

#[test]
fn a_logout_is_tried_everywhere_and_says_where_it_failed() {
    let (store, first, second) = stores();
    first.put(1);
    second.put(1);
    assert_eq!(loaded(&store), Some(1));
    first.fail(ALL);
    assert_eq!(store.delete_everywhere(CLIENT).len(), 1);
    assert_eq!(second.content(), None);
    assert!(store.delete(CLIENT).is_err());
}

#[tokio::test]
async fn without_a_keyring_the_file_in_the_home_folder_is_used() {
    let home = Home::new();
    // A keyring that is asked all the same fails, and a notice says so.
    let run = run(&home, "no-keyring").with("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no");
    let mut stores = start(run);
    assert_eq!(stores.ask("lock").await, "locked");
    assert_eq!(stores.ask("save-login 1").await, "saved");
    assert_snapshot!(shown(&stores.ask("notices").await, &home), @"the keyring is off: the login is kept in file [home]/.authgate-tokens.json, as plain text; an older login may lie in the keyring");
    assert!(home.text().is_some());
}

#[tokio::test]
async fn without_a_home_folder_the_login_lasts_for_this_run() {
    let mut said = Vec::new();
    for home in ["", "relative", "/nonexistent/home"] {
        let mut stores = start(run(&Home::new(), "no-keyring").with("HOME", home));
        said.push(stores.ask("lock").await);
        assert_eq!(stores.ask("load").await, "none");
        assert_eq!(stores.ask("save-login 1").await, "not saved");
        assert_eq!(stores.ask("load").await, line(&token(1)));
        said.push(stores.ask("notices").await);
    }
    assert_snapshot!(said.join("\n"), @"
    ~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder
    the login cannot be saved anywhere and lasts for this run only (~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder)
    ~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder
    the login cannot be saved anywhere and lasts for this run only (~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder)
    /nonexistent/home: cannot be used (No such file or directory (os error 2)): the folder does not exist; make it, or set HOME to one that does
    the keyring is off: the login is kept in file /nonexistent/home/.authgate-tokens.json, as plain text; an older login may lie in the keyring | the login cannot be saved anywhere and lasts for this run only (/nonexistent/home: cannot be used (No such file or directory (os error 2)): the folder does not exist; make it, or set HOME to one that does)
    ");
}

#[tokio::test]
async fn a_logout_deletes_the_last_login_on_a_full_disk() {
    let home = Home::new();
    file_in(&home).save(CLIENT, &token(1)).unwrap();
    let mut file = start(run(&home, "file").with_space_for("0"));
    assert_eq!(file.ask("delete").await, "deleted");
    assert_eq!(home.text(), None);
}

#[test]
fn no_notice_shows_a_token() {
    let (store, first, second) = stores();
    first.fail(ALL);
    second.fail(ALL);
    store.save_login(CLIENT, &token(1));
    store.save_refreshed(CLIENT, &token(1), &token(2));
    for notice in store.take_notices() {
        let shown = format!("{notice} {notice:?}");
        assert!(!shown.contains("access-") && !shown.contains("refresh-"), "{shown}");
    }
}
