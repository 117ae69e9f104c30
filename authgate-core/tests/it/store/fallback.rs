//! Keyring, file and memory as one store: where a token goes when one of them fails.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use crate::support::fragile::{Fragile, Shared};
use crate::support::stores::{CLIENT, folder, part, part_path, token};
use authgate_core::store::{FallbackStore, FileStore, Kept, LoginLock, Notice, TokenStore};

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

/// cases 150, 154
#[test]
fn a_login_that_the_first_store_does_not_take_goes_to_the_next_and_one_line_says_so() {
    let (store, first, second) = stores();
    first.put(1);
    first.fail(SAVE);
    assert!(store.save_login(CLIENT, &token(2)));
    assert_eq!((first.content(), second.content()), (None, Some(token(2))));
    let notices = store.take_notices();
    assert!(matches!(&notices[..], [Notice::Fallback { .. }]), "{notices:?}");
    let line = notices[0].to_string();
    assert!(line.contains("fragile: cannot save") && line.contains("an older login may lie"), "{line}");
}

/// case 154
#[test]
fn a_store_that_does_not_work_is_told_of_once() {
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

/// cases 118, 151
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

/// case 123
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

/// case 123
#[test]
fn a_token_that_does_not_say_when_it_expires_counts_as_the_newest_until_it_is_refused() {
    let (store, first, second) = stores();
    let mut undated = token(1);
    undated.expires_at = None;
    first.put(2);
    Shared(second.clone()).save(CLIENT, &undated).unwrap();
    assert_eq!(store.load(CLIENT).unwrap(), Some(undated.clone()));
    store.delete_refused(CLIENT, &undated).unwrap();
    assert_eq!(loaded(&store), Some(2));
}

/// case 123
#[test]
fn a_refreshed_token_goes_to_every_store_that_held_the_old_one() {
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
fn what_a_refresh_leaves_out_is_kept() {
    let (store, first, _) = stores();
    first.put(1);
    let mut new = token(2);
    (new.scope, new.id_token) = (None, None);
    store.save_refreshed(CLIENT, &token(1), &new);
    assert_eq!(first.content(), Some(token(2)));
}

/// case 115
#[test]
fn a_refresh_does_not_bring_back_a_login_that_is_gone_or_replaced() {
    let (store, first, second) = stores();
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::Superseded);
    first.put(5);
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::Superseded);
    assert_eq!((first.content(), second.content()), (Some(token(5)), None));
    assert_eq!(store.take_notices(), []);
}

/// case 118
#[test]
fn where_a_refreshed_token_cannot_be_written_the_old_one_is_deleted() {
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

/// cases 118, 151
#[test]
fn a_store_that_fails_between_reading_and_saving_loses_no_token() {
    let (store, first, second) = stores();
    first.put(1);
    assert_eq!(loaded(&store), Some(1));
    first.fail(ALL);
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::InStore);
    assert_eq!(second.content(), Some(token(2)));
    assert!(store.take_notices().iter().any(|notice| matches!(notice, Notice::OldCopyRemains { .. })));
    assert_eq!(loaded(&store), Some(2));
}

/// case 124
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

#[test]
fn without_a_keyring_the_file_in_the_home_folder_is_used_and_the_keyring_not_touched() {
    let (folder, _) = folder();
    run_at_home("part_at_home", folder.path().to_str().unwrap());
    assert!(folder.path().join(".authgate-tokens.json").exists());
}

#[test]
fn part_at_home() {
    if part_path().is_none() {
        return;
    }
    let store = FallbackStore::of_user(None);
    let guard = store.lock(Duration::ZERO).unwrap();
    assert!(store.save_login(CLIENT, &token(1)));
    assert_eq!(guard.unlocked_because(), None);
    assert!(
        matches!(&store.take_notices()[..], [Notice::KeyringOff { used }] if used.contains(".authgate-tokens.json"))
    );
}

/// case 15
#[test]
fn without_a_home_folder_the_login_lasts_for_this_run_and_the_reasons_are_told() {
    run_at_home("part_without_a_home", "");
    run_at_home("part_without_a_home", "relative");
    run_at_home("part_without_a_home", "/nonexistent/home");
}

#[test]
fn part_without_a_home() {
    if part_path().is_none() {
        return;
    }
    let store = FallbackStore::of_user(None);
    let _guard = store.lock(Duration::ZERO).unwrap();
    assert_eq!(store.load(CLIENT).unwrap(), None);
    assert!(!store.save_login(CLIENT, &token(1)));
    assert_eq!(loaded(&store), Some(1));
    let told: Vec<String> = store.take_notices().iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|line| line.contains("for this run only") && line.contains("HOME")), "{told:?}");
    assert_eq!(told.iter().filter(|line| line.contains("HOME")).count(), 1, "{told:?}");
}

fn run_at_home(test: &str, home: &str) {
    let output = part(test, "x".as_ref()).env("HOME", home).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// case 131
#[test]
fn a_logout_works_on_a_full_disk_when_nothing_else_is_in_the_file() {
    let (_folder, path) = folder();
    FileStore::new(&path).save(CLIENT, &token(1)).unwrap();
    let part = part("part_that_logs_out_without_space", &path);
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(part.get_program())
        .args(part.get_args())
        .env("AUTHGATE_TEST_PART", &path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!fs::exists(&path).unwrap());
}

#[test]
fn part_that_logs_out_without_space() {
    let Some(path) = part_path() else { return };
    FileStore::new(path).delete(CLIENT).unwrap();
}

/// case 155
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
