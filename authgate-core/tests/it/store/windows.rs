//! Files and keyrings on Windows.

use std::fs::File;
use std::os::windows::fs::OpenOptionsExt;
use std::time::Duration;

use authgate_core::Secret;
use authgate_core::test_util::{FallbackStore, KeyringStore, LoginLock, Notices, TokenStore};
use authgate_test_support::Home;

use crate::support::stores::{CLIENT, UnderLock, file_in, token};

/// Other programs may read the file, but none may delete or replace it.
const FILE_SHARE_READ: u32 = 1;

#[test]
fn a_file_open_in_another_program_is_replaced_once_closed() {
    let home = Home::new();
    let (store, path) = (file_in(&home), home.file(""));
    store.save(CLIENT, &token(1)).unwrap();
    let looking = File::options()
        .read(true)
        .share_mode(FILE_SHARE_READ)
        .open(&path)
        .unwrap();
    assert!(std::fs::remove_file(&path).is_err(), "it is held");

    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        drop(looking);
    });
    store.save(CLIENT, &token(2)).unwrap();
    other.join().unwrap();
    assert_eq!(store.load(CLIENT).unwrap(), Some(token(2)));
}

#[test]
fn a_token_too_long_for_the_keyring_goes_to_the_file() {
    let home = Home::new();
    let file = file_in(&home);
    let lock = file.login_lock();
    let stores: Vec<Box<dyn TokenStore>> = vec![
        Box::new(KeyringStore::new(KeyringStore::LIMIT, Notices::default())),
        Box::new(file),
    ];
    let store = FallbackStore::new(CLIENT, stores, lock, Notices::default());
    let mut long = token(1);
    long.access_token = Secret::from("a".repeat(3000));
    let guard = store.lock(LoginLock::PATIENCE).unwrap();
    assert!(store.save_login(&long, |_| Ok(()), &guard));
    assert_eq!(file_in(&home).load(CLIENT).unwrap(), Some(long));
    let lines: Vec<_> = store
        .notices()
        .take()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        lines.len() == 1 && lines[0].contains("longer than"),
        "{lines:?}"
    );
}
