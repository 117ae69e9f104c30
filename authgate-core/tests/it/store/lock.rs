//! The locks around the token file, between threads, processes and other clients.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use authgate_core::test_util::{LoginLock, TokenStore};
use authgate_test_support::Home;
use authgate_test_support::files::names_in;
use insta::assert_snapshot;

use crate::support::store_process::in_home;
use crate::support::stores::{CLIENT, UnderLock, file_in, only_file, shown, token};

const NO_PATIENCE: Duration = Duration::ZERO;
/// How long a free lock may seem to be held, because a process that another test starts inherits it
/// until it runs its program.
const UNTIL_FREE: Duration = Duration::from_secs(10);

/// The permissions of a lock of ours, and of another client's.
const OURS: u32 = 0o400;
const THEIRS: u32 = 0o600;

/// Time enough to reach the other clients' lock and to try it several times. We cannot observe that
/// a process waits for it.
const SOME_TRIES: Duration = Duration::from_millis(500);

/// So many saves that we catch one while it holds the other clients' lock.
const MANY: usize = 5_000;

fn lock_in(home: &Home) -> LoginLock {
    LoginLock::Beside(home.file(""))
}

fn set_age(path: &Path, modified: SystemTime) {
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
}

fn ago(seconds: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(seconds)
}

#[tokio::test]
async fn the_login_lock_names_its_process_until_that_is_killed() {
    let home = Home::new();
    // The previous holder had a longer process ID.
    let lock_file = home.place(".authgate-tokens.json.rust-lock", "4294967295\n");
    let mut holder = in_home(&home, "no-keyring");
    assert_eq!(holder.ask("lock").await, "locked");
    let error = lock_in(&home).acquire(NO_PATIENCE).unwrap_err();
    let (path, process) = (lock_file.display(), holder.id());
    assert!(
        error
            .to_string()
            .starts_with(&format!("{path}: process {process} has held")),
        "{error}"
    );
    assert!(error.is_transient() && !error.needs_login());

    holder.kill().await;
    let guard = lock_in(&home).acquire(NO_PATIENCE).unwrap();
    assert_eq!(guard.unlocked_because(), None);
}

#[tokio::test]
async fn the_lock_is_held_until_its_guard_is_dropped() {
    let home = Home::new();
    let lock = lock_in(&home);
    let guard = lock.acquire(NO_PATIENCE).unwrap();
    assert!(
        lock.acquire(NO_PATIENCE).is_err(),
        "not even to the same lock"
    );
    let inode = || home.file(".rust-lock").metadata().unwrap().ino();
    let before = inode();
    // A guard may be held across an await, in another task.
    let task = tokio::spawn(async move {
        tokio::task::yield_now().await;
        drop(guard);
    });
    task.await.unwrap();
    lock.acquire(UNTIL_FREE).unwrap();
    assert_eq!(inode(), before);
}

#[test]
fn a_guard_without_a_lock_file_says_that_nothing_is_locked() {
    let missing = LoginLock::Beside(Home::new().path().join("missing/tokens.json"));
    let nowhere = LoginLock::Nowhere("HOME is not set".to_owned());
    assert!(
        missing
            .acquire(NO_PATIENCE)
            .unwrap()
            .unlocked_because()
            .unwrap()
            .contains("does not exist")
    );
    assert_eq!(
        nowhere.acquire(NO_PATIENCE).unwrap().unlocked_because(),
        Some("HOME is not set")
    );
}

#[test]
fn a_save_uses_the_guard_that_it_is_given() {
    let home = Home::new();
    let store = file_in(&home);
    let guard = store.login_lock().acquire(NO_PATIENCE).unwrap();
    let saved = store.put(CLIENT, None, Some(&token(1)), &guard);
    assert!(saved.unwrap());
    drop(guard);
    store.login_lock().acquire(UNTIL_FREE).unwrap();
    assert_eq!(
        names_in(home.path()),
        [".authgate-tokens.json", ".authgate-tokens.json.rust-lock"]
    );
}

#[test]
fn a_new_login_waits_once_for_the_lock_and_is_saved_without_it() {
    let home = Home::new();
    let _holder = lock_in(&home).acquire(NO_PATIENCE).unwrap();
    let store = only_file(&home);
    let guard = store.lock_if_possible(NO_PATIENCE);
    assert!(store.save_login(&token(1), |_| Ok(()), &guard));
    assert_eq!(file_in(&home).load(CLIENT).unwrap(), Some(token(1)));
    let notices: Vec<_> = store
        .notices()
        .take()
        .iter()
        .map(ToString::to_string)
        .collect();
    let process = std::process::id().to_string();
    let notices = shown(&notices.join("\n"), &home).replace(&process, "[id]");
    assert_snapshot!(notices, @"[home]/.authgate-tokens.json.rust-lock: process [id] has held this lock for more than 0 s, perhaps to refresh the login: let it finish, or end it. The login is saved without this lock, so another program that refreshes at the same time may end it.");
}

#[test]
fn a_new_login_waits_until_the_lock_of_a_crashed_client_is_stale() {
    let home = Home::new();
    let lock = home.place(".authgate-tokens.json.lock", "");
    // A save waits 5 s for this lock, which is stale after 30 s.
    set_age(&lock, ago(22));
    let store = only_file(&home);
    let guard = store.lock(NO_PATIENCE).unwrap();
    assert!(store.save_login(&token(1), |_| Ok(()), &guard));
    assert_eq!(file_in(&home).load(CLIENT).unwrap(), Some(token(1)));
    assert!(store.notices().take().is_empty());
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_save_without_the_lock_is_not_taken_for_a_dead_process() {
    let home = Home::new();
    let _holder = lock_in(&home).acquire(NO_PATIENCE).unwrap();
    let is_seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let saver = scope.spawn(|| {
            let store = only_file(&home);
            let guard = store.lock_if_possible(NO_PATIENCE);
            for _ in 0..MANY {
                if is_seen.load(Ordering::SeqCst) {
                    break;
                }
                assert!(store.save_login(&token(1), |_| Ok(()), &guard));
            }
        });
        let mode = loop {
            match fs::metadata(home.file(".lock")) {
                Ok(lock) => break lock.mode() & 0o777,
                Err(_) => assert!(!saver.is_finished(), "its lock is never seen"),
            }
        };
        is_seen.store(true, Ordering::SeqCst);
        assert_eq!(
            mode, THEIRS,
            "our mark is only for a process that has the login lock"
        );
    });
}

#[test]
fn old_temporaries_of_ours_are_removed() {
    let home = Home::new();
    for (suffix, age) in [
        (".authgate-rust-old", 61),
        (".authgate-rust-new", 50),
        (".tmp", 1000),
        (".corrupt-1", 1000),
    ] {
        fs::write(home.file(suffix), "x").unwrap();
        set_age(&home.file(suffix), ago(age));
    }
    lock_in(&home).acquire(NO_PATIENCE).unwrap();
    let names = [".authgate-rust-new", ".corrupt-1", ".tmp"]
        .map(|suffix| format!(".authgate-tokens.json{suffix}"));
    assert_eq!(home.leftovers(), names);
}

#[test]
fn a_save_waits_while_another_client_holds_its_lock() {
    let home = Home::new();
    let lock = home.place(".authgate-tokens.json.lock", "");
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !home.file(".rust-lock").exists() {
                std::thread::yield_now();
            }
            std::thread::sleep(SOME_TRIES);
            // If a signal could end this wait, a temporary file would remain.
            assert_eq!(
                (home.text(), home.leftovers()),
                (None, vec![".authgate-tokens.json.lock".to_owned()])
            );
            released.store(true, Ordering::SeqCst);
            fs::remove_file(&lock).unwrap();
        });
        file_in(&home).save(CLIENT, &token(1)).unwrap();
    });
    assert!(released.load(Ordering::SeqCst));
    assert!(!lock.exists());
}

#[test]
fn another_clients_lock_that_is_not_released_stays_and_is_named() {
    let home = Home::new();
    let lock = home.place(".authgate-tokens.json.lock", "");
    let start = Instant::now();
    let error = file_in(&home).save(CLIENT, &token(1)).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(50), "it hangs");
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: is held", lock.display())),
        "{error}"
    );
    assert_eq!(
        (home.text(), home.leftovers()),
        (None, vec![".authgate-tokens.json.lock".to_owned()])
    );
}

#[test]
fn a_lock_that_a_crash_has_left_is_taken_over_at_once() {
    let hour = Duration::from_secs(3600);
    for (mode, modified) in [
        (OURS, SystemTime::now()),
        (THEIRS, ago(31)),
        (THEIRS, SystemTime::now() + hour),
    ] {
        let home = Home::new();
        let lock = home.place(".authgate-tokens.json.lock", "");
        set_age(&lock, modified);
        fs::set_permissions(&lock, fs::Permissions::from_mode(mode)).unwrap();
        file_in(&home).save(CLIENT, &token(1)).unwrap();
        assert_eq!(home.leftovers(), [""; 0], "{mode:o}");
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_stopped_process_gives_up_a_lock_that_was_taken_over() {
    use std::process::Stdio;

    use authgate_test_support::{LIMIT, until};
    use rustix::process::{Pid, Signal, kill_process};

    use crate::support::store_process::run;

    const THEIRS: &str = "another program's";
    let home = Home::new();
    let lock = home.file(".lock");
    // No temporary file exists either: the process has taken the lock and does not write yet.
    let has_temporary = || {
        names_in(home.path())
            .iter()
            .any(|name| name.contains(".authgate-rust-"))
    };
    let orders = File::open(home.place("orders", "save 1\n".repeat(MANY))).unwrap();
    let saver = run(&home, "file")
        .stdin(orders)
        .stdout(Stdio::null())
        .start();
    let pid = Pid::from_raw(saver.id().cast_signed()).unwrap();
    let start = Instant::now();
    loop {
        while !lock.exists() {
            assert!(start.elapsed() < LIMIT, "its lock is never seen");
        }
        kill_process(pid, Signal::STOP).unwrap();
        while !fs::read_to_string(format!("/proc/{}/stat", saver.id()))
            .unwrap()
            .contains(" T ")
        {}
        if lock.exists() && !has_temporary() {
            break;
        }
        kill_process(pid, Signal::CONT).unwrap();
    }
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, THEIRS).unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    // By then the process has released its lock, or given up waiting, and waits for the lock again.
    tokio::time::sleep(SOME_TRIES).await;
    assert_eq!(fs::read_to_string(&lock).unwrap(), THEIRS);
    home.replace("");
    fs::remove_file(&lock).unwrap();
    until("another save", || {
        file_in(&home).load(CLIENT).unwrap() == Some(token(1))
    })
    .await;
}
