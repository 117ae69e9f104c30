//! The keyring in every state in which a session bus can be.
//!
//! Each test makes a session of its own, with a home folder of its own, and runs its part there in
//! a process of its own. That takes dbus-daemon, gnome-keyring and secret-tool, so these tests run
//! only where `AUTHGATE_TEST_KEYRING=1` is set; `.ci/keyring-tests` sets it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::session::{
    NEVER_SET_UP, NO_BUS, NO_KEYRING, SILENT_BUS, UNLOCKED, count, is_asked_for, items, run_in, run_in_home,
};
use crate::support::stores::{CLIENT, ISSUER, file_with, part_path, token};
use authgate_core::store::{FallbackStore, FileStore, Kept, KeyringStore, Notice, TokenStore};

fn keyring() -> KeyringStore {
    KeyringStore::new(KeyringStore::LIMIT)
}

fn reason(keyring: &KeyringStore) -> String {
    keyring.load(CLIENT).expect_err("no keyring").to_string()
}

#[test]
fn a_token_is_kept_read_and_deleted() {
    run_in(UNLOCKED, "part_that_keeps_reads_and_deletes");
}

#[test]
fn part_that_keeps_reads_and_deletes() {
    if part_path().is_none() {
        return;
    }
    let store = keyring();
    assert_eq!(store.load(CLIENT).unwrap(), None);
    store.delete(CLIENT).unwrap();
    for number in [1, 2] {
        store.save(CLIENT, &token(number)).unwrap();
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(number)));
        assert_eq!(keyring().load(CLIENT).unwrap(), Some(token(number)), "from another thread");
    }
    for service in ["authgate", "authgate-rust"] {
        let found = items(service);
        assert_eq!(count(&found, "attribute.application = Python keyring library"), 1, "{found}");
    }
    store.delete(CLIENT).unwrap();
    assert_eq!(store.load(CLIENT).unwrap(), None);
    assert_eq!(items("authgate") + &items("authgate-rust"), "");
}

/// case 149
#[test]
fn nothing_is_written_to_find_out_whether_it_works() {
    run_in(UNLOCKED, "part_that_only_reads");
}

#[test]
fn part_that_only_reads() {
    if part_path().is_none() {
        return;
    }
    let changes = "type='method_call',member='CreateItem'";
    let ends = "type='method_call',interface='org.freedesktop.Secret.Item',member='Delete'";
    let mut monitor = Command::new("dbus-monitor")
        .args(["--session", "--profile", changes, ends])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines().map(Result::unwrap);
    // It watches once it has heard that it may not have a name.
    lines.find(|line| line.contains("NameLost")).unwrap();

    let store = keyring();
    assert_eq!(store.load(CLIENT).unwrap(), None);
    store.save(CLIENT, &token(1)).unwrap();
    store.delete(CLIENT).unwrap();
    let calls: Vec<String> = lines.filter(|line| line.starts_with("mc")).take(3).collect();
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    let of_save: Vec<bool> = calls.iter().map(|line| line.contains("CreateItem")).collect();
    assert_eq!(of_save, [true, true, false], "the token and its record, and no more: {calls:?}");
}

/// case 141
#[test]
fn without_a_bus_it_says_so_at_once() {
    run_in(NO_BUS, "part_without_a_bus");
}

#[test]
fn part_without_a_bus() {
    if part_path().is_none() {
        return;
    }
    let start = Instant::now();
    let text = reason(&keyring());
    println!("{text} ({:?})", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(1), "ten times the limit");
    assert!(text.contains("there is none in this session, as over SSH"), "{text}");
}

/// cases 141, 144
#[test]
fn a_bus_without_a_keyring_is_told_from_one_that_is_empty() {
    run_in(NO_KEYRING, "part_without_a_keyring");
}

#[test]
fn part_without_a_keyring() {
    if part_path().is_some() {
        let text = reason(&keyring());
        assert!(text.starts_with("keyring: there is none in this session"), "{text}");
    }
}

/// cases 144, 154
#[test]
fn a_keyring_that_nobody_has_set_up_is_not_made_to_ask() {
    run_in(NEVER_SET_UP, "part_with_a_keyring_that_was_never_set_up");
}

#[test]
fn part_with_a_keyring_that_was_never_set_up() {
    let Some(home) = part_path() else { return };
    let start = Instant::now();
    let (stores, file) = stores(&home);
    assert_eq!(stores.load(CLIENT).unwrap(), None);
    assert!(stores.save_login(CLIENT, &token(1)));
    assert!(start.elapsed() < Duration::from_secs(30), "it hangs");
    assert_eq!(file.load(CLIENT).unwrap(), Some(token(1)));
    let notices = stores.take_notices();
    assert!(
        matches!(&notices[..], [Notice::Fallback { reason, .. }] if reason.contains("no default keyring")),
        "{notices:?}"
    );
    assert!(!home.join(".local/share/keyrings/default").exists());
}

/// cases 142, 143, 154
#[test]
fn a_locked_keyring_is_given_up_and_not_asked_again() {
    run_in(UNLOCKED, "part_with_a_locked_keyring");
}

#[test]
fn part_with_a_locked_keyring() {
    let Some(home) = part_path() else { return };
    keyring().save(CLIENT, &token(1)).unwrap();
    let lock = [
        "--session",
        "--print-reply",
        "--dest=org.freedesktop.secrets",
        "/org/freedesktop/secrets",
        "org.freedesktop.Secret.Service.Lock",
        "array:objpath:/org/freedesktop/secrets/collection/login",
    ];
    assert!(Command::new("dbus-send").args(lock).status().unwrap().success());
    let (stores, file) = stores(&home);
    let start = Instant::now();
    assert_eq!(stores.load(CLIENT).unwrap(), None);
    let notices = stores.take_notices();
    println!("{notices:?} ({:?})", start.elapsed());
    assert!(matches!(&notices[..], [Notice::Fallback { reason, .. }] if reason.contains("locked")), "{notices:?}");

    assert!(stores.save_login(CLIENT, &token(2)));
    assert!(start.elapsed() < Duration::from_secs(30), "it hangs");
    assert_eq!(file.load(CLIENT).unwrap(), Some(token(2)));
    assert_eq!(stores.take_notices(), []);
}

/// cases 142, 153
#[test]
fn a_bus_that_never_answers_is_given_up_and_not_asked_again() {
    if is_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let _silent = UnixListener::bind(home.path().join("bus")).unwrap();
        run_in_home(SILENT_BUS, "part_with_a_silent_bus", &home);
    }
}

#[tokio::test]
async fn part_with_a_silent_bus() {
    if part_path().is_none() {
        return;
    }
    let store = KeyringStore::new(Duration::from_millis(300));
    let start = Instant::now();
    // Not even on a thread of the runtime does this end in a panic.
    let text = reason(&store);
    assert!(text.contains("no answer within 0.3 s"), "{text}");
    for _ in 0..100 {
        assert_eq!(reason(&store), text);
    }
    assert!(start.elapsed() < Duration::from_secs(3), "it was asked again");
}

fn stores(home: &Path) -> (FallbackStore, FileStore) {
    let file = FileStore::new(home.join("tokens.json"));
    let lock = file.login_lock().clone();
    let another = FileStore::new(home.join("tokens.json"));
    (FallbackStore::new(vec![Box::new(keyring()), Box::new(file)], lock), another)
}

/// case 123
#[test]
fn the_newest_of_keyring_and_file_counts_and_a_refresh_goes_to_both() {
    run_in(UNLOCKED, "part_with_keyring_and_file");
}

#[test]
fn part_with_keyring_and_file() {
    let Some(home) = part_path() else { return };
    let (stores, file) = stores(&home);
    keyring().save(CLIENT, &token(1)).unwrap();
    file.save(CLIENT, &token(2)).unwrap();
    assert_eq!(stores.load(CLIENT).unwrap(), Some(token(2)));

    keyring().save(CLIENT, &token(2)).unwrap();
    assert_eq!(stores.save_refreshed(CLIENT, &token(2), &token(3)), Kept::InStore);
    assert_eq!((keyring().load(CLIENT).unwrap(), file.load(CLIENT).unwrap()), (Some(token(3)), Some(token(3))));

    assert!(stores.save_login(CLIENT, &token(4)));
    assert_eq!((keyring().load(CLIENT).unwrap(), file.load(CLIENT).unwrap()), (Some(token(4)), None));
    stores.delete(CLIENT).unwrap();
    assert_eq!((stores.load(CLIENT).unwrap(), stores.take_notices()), (None, vec![]));

    // An entry of the file as another client writes it, and its issuer unknown.
    fs::write(home.join("tokens.json"), file_with(CLIENT, r#"{"access_token": "a"}"#)).unwrap();
    assert_ne!(stores.load(CLIENT).unwrap().unwrap().issuer.as_deref(), Some(ISSUER));
}
