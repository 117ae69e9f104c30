//! The locks around the token file, between threads, processes and other clients.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::support::stores::{CLIENT, folder, names_in, part, part_path, token};
use authgate_core::Error;
use authgate_core::store::{FallbackStore, FileStore, LoginLock, Notice, TokenStore};

const NO_PATIENCE: Duration = Duration::ZERO;
const LEFT_BY_A_CRASH: &str = "authgate-rust 12345\n";

/// Time enough to come to the other clients' lock and to ask for it several times.
const SOME_TRIES: Duration = Duration::from_millis(500);

fn beside(path: &Path, suffix: &str) -> PathBuf {
    format!("{}{suffix}", path.display()).into()
}

fn set_age(path: &Path, modified: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

fn ago(seconds: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(seconds)
}

/// Another process that has the login lock of `path`.
fn holder(path: &Path) -> Child {
    let mut child = part("part_that_holds_the_lock", path).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.ends_with("locked")), "it ended without the lock");
    child
}

#[test]
fn part_that_holds_the_lock() {
    let Some(path) = part_path() else { return };
    let _guard = LoginLock::beside(path).acquire(LoginLock::PATIENCE).unwrap();
    println!("locked");
    std::thread::park();
}

/// cases 113, 133
#[test]
fn the_login_lock_keeps_another_process_out_and_says_who_and_where() {
    let (_folder, path) = folder();
    // The one before had a longer number.
    fs::write(beside(&path, ".rust-lock"), "4294967295\n").unwrap();
    let mut holder = holder(&path);
    let error = LoginLock::beside(&path).acquire(NO_PATIENCE).unwrap_err();
    let Error::Store { place, reason } = &error else { panic!("{error}") };
    assert_eq!(place, beside(&path, ".rust-lock").to_str().unwrap());
    assert!(reason.starts_with(&format!("process {} holds", holder.id())), "{reason}");
    assert!(error.is_transient() && !error.needs_login());
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// case 134
#[test]
fn a_killed_holder_has_no_lock_any_more() {
    let (_folder, path) = folder();
    let mut holder = holder(&path);
    holder.kill().unwrap();
    holder.wait().unwrap();
    let guard = LoginLock::beside(&path).acquire(NO_PATIENCE).unwrap();
    assert_eq!(guard.unlocked_because(), None);
}

#[test]
fn the_lock_is_held_until_the_last_guard_is_gone_and_its_file_stays() {
    let (_folder, path) = folder();
    let lock = LoginLock::beside(&path);
    let guard = lock.acquire(NO_PATIENCE).unwrap();
    let second = guard.clone();
    drop(guard);
    assert!(lock.acquire(NO_PATIENCE).is_err(), "not even to a clone of the same lock");
    let inode = beside(&path, ".rust-lock").metadata().unwrap().ino();
    drop(second);
    lock.acquire(NO_PATIENCE).unwrap();
    assert_eq!(beside(&path, ".rust-lock").metadata().unwrap().ino(), inode);
}

#[tokio::test]
async fn the_guard_may_be_held_across_await() {
    let (_folder, path) = folder();
    let lock = LoginLock::beside(&path);
    let guard = lock.acquire(NO_PATIENCE).unwrap();
    let task = tokio::spawn(async move {
        tokio::task::yield_now().await;
        drop(guard);
    });
    task.await.unwrap();
    assert!(lock.acquire(NO_PATIENCE).is_ok());
}

/// case 15
#[test]
fn without_a_place_for_a_lock_it_is_had_and_says_that_it_keeps_nobody_out() {
    let (folder, _) = folder();
    let missing = LoginLock::beside(folder.path().join("missing").join("tokens.json"));
    let nowhere = LoginLock::nowhere("HOME is not set");
    assert!(missing.acquire(NO_PATIENCE).unwrap().unlocked_because().unwrap().contains("does not exist"));
    assert_eq!(nowhere.acquire(NO_PATIENCE).unwrap().unlocked_because(), Some("HOME is not set"));
}

#[test]
fn a_save_uses_the_lock_that_its_own_process_holds() {
    let (_folder, path) = folder();
    let store = FileStore::new(&path);
    let guard = store.login_lock().acquire(NO_PATIENCE).unwrap();
    store.save(CLIENT, &token(1)).unwrap();
    drop(guard);
    store.login_lock().acquire(NO_PATIENCE).unwrap();
    assert_eq!(names_in(path.parent().unwrap()), ["tokens.json", "tokens.json.rust-lock"]);
}

fn in_file(path: &Path) -> FallbackStore {
    let file = FileStore::new(path);
    let lock = file.login_lock().clone();
    FallbackStore::new(vec![Box::new(file)], lock)
}

/// case 133
#[test]
fn a_new_login_waits_for_the_login_lock_once_and_is_then_saved_without_it() {
    let (_folder, path) = folder();
    let _holder = LoginLock::beside(&path).acquire(NO_PATIENCE).unwrap();
    let store = in_file(&path);
    let _guard = store.lock_if_possible(NO_PATIENCE);
    // If it waited once more, it would wait in vain.
    assert!(store.save_login(CLIENT, &token(1)));
    assert_eq!(FileStore::new(&path).load(CLIENT).unwrap(), Some(token(1)));
    let told = store.take_notices();
    assert!(matches!(&told[..], [Notice::LockPassedOver { reason }] if reason.contains("holds this lock")), "{told:?}");
}

/// case 134
#[test]
fn whoever_has_the_login_lock_does_not_take_a_save_without_it_for_a_dead_one() {
    let (_folder, path) = folder();
    let _holder = LoginLock::beside(&path).acquire(NO_PATIENCE).unwrap();
    let is_seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let saver = scope.spawn(|| {
            let store = in_file(&path);
            let _guard = store.lock_if_possible(NO_PATIENCE);
            while !is_seen.load(Ordering::SeqCst) {
                assert!(store.save_login(CLIENT, &token(1)));
            }
        });
        let content = loop {
            match fs::read_to_string(beside(&path, ".lock")) {
                Ok(content) => break content,
                Err(_) => assert!(!saver.is_finished(), "it cannot save"),
            }
        };
        is_seen.store(true, Ordering::SeqCst);
        assert_eq!(content, "", "our mark is only for the lock of whoever has the login lock");
    });
}

/// case 127
#[test]
fn what_crashes_left_is_removed_when_it_is_old_and_ours() {
    let (folder, path) = folder();
    for (name, age) in [(".authgate-rust-old", 61), (".authgate-rust-new", 50), (".tmp", 1000), (".corrupt-1", 1000)] {
        let left = beside(&path, name);
        fs::write(&left, "x").unwrap();
        set_age(&left, ago(age));
    }
    LoginLock::beside(&path).acquire(NO_PATIENCE).unwrap();
    assert_eq!(
        names_in(folder.path()),
        ["tokens.json.authgate-rust-new", "tokens.json.corrupt-1", "tokens.json.rust-lock", "tokens.json.tmp"]
    );
}

/// case 133
#[test]
fn a_save_waits_while_another_client_holds_its_lock() {
    let (_folder, path) = folder();
    let lock = beside(&path, ".lock");
    fs::write(&lock, "").unwrap();
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !beside(&path, ".rust-lock").exists() {
                std::thread::yield_now();
            }
            std::thread::sleep(SOME_TRIES);
            // A wait that a signal ends would leave a temporary behind.
            assert_eq!(names_in(path.parent().unwrap()), ["tokens.json.lock", "tokens.json.rust-lock"]);
            released.store(true, Ordering::SeqCst);
            fs::remove_file(&lock).unwrap();
        });
        FileStore::new(&path).save(CLIENT, &token(1)).unwrap();
    });
    assert!(released.load(Ordering::SeqCst));
    assert!(!lock.exists());
}

/// cases 133, 135
#[test]
fn a_lock_of_another_client_that_is_not_released_is_left_alone_and_named() {
    let (_folder, path) = folder();
    let lock = beside(&path, ".lock");
    fs::write(&lock, "").unwrap();
    let start = Instant::now();
    let error = FileStore::new(&path).save(CLIENT, &token(1)).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(50), "it hangs");
    assert!(error.to_string().starts_with(&format!("{}: is held", lock.display())), "{error}");
    assert!(lock.exists() && !path.exists());
    assert_eq!(names_in(path.parent().unwrap()), ["tokens.json.lock", "tokens.json.rust-lock"]);
}

/// case 134
#[test]
fn a_lock_that_a_crash_has_left_is_taken_over_at_once() {
    let hour = Duration::from_secs(3600);
    for (content, modified) in [
        (LEFT_BY_A_CRASH, SystemTime::now()),
        ("", ago(31)),
        ("another program's", ago(31)),
        ("", SystemTime::now() + hour),
    ] {
        let (folder, path) = folder();
        let lock = beside(&path, ".lock");
        fs::write(&lock, content).unwrap();
        set_age(&lock, modified);
        FileStore::new(&path).save(CLIENT, &token(1)).unwrap();
        assert_eq!(names_in(folder.path()), ["tokens.json", "tokens.json.rust-lock"], "{content:?}");
    }
}

/// case 134
#[test]
fn a_lock_of_ours_whose_first_name_a_crash_has_left_too_is_taken_over() {
    let (folder, path) = folder();
    let first_name = beside(&path, ".authgate-rust-crashed");
    fs::write(&first_name, LEFT_BY_A_CRASH).unwrap();
    fs::hard_link(&first_name, beside(&path, ".lock")).unwrap();
    FileStore::new(&path).save(CLIENT, &token(1)).unwrap();
    assert!(!names_in(folder.path()).contains(&"tokens.json.lock".to_owned()));
}

/// case 135
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_stood_still_leaves_the_lock_to_whoever_has_taken_it_over() {
    use rustix::process::{Pid, Signal, kill_process};

    const THEIRS: &str = "another program's";
    let (folder, path) = folder();
    let lock = beside(&path, ".lock");
    // Nor is a temporary about: it is past taking the lock, and not yet at writing.
    let has_temporary = || names_in(folder.path()).iter().any(|name| name.contains(".authgate-rust-"));
    let mut saver = part("part_that_saves_until_it_is_told_to_stop", &path).stdout(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_child(&saver);
    loop {
        while !lock.exists() {}
        kill_process(pid, Signal::STOP).unwrap();
        while !fs::read_to_string(format!("/proc/{}/stat", saver.id())).unwrap().contains(" T ") {}
        if lock.exists() && !has_temporary() {
            break;
        }
        kill_process(pid, Signal::CONT).unwrap();
    }
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, THEIRS).unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    // By then it has released, or given up, what it had, and waits for the lock anew.
    std::thread::sleep(SOME_TRIES);
    assert_eq!(fs::read_to_string(&lock).unwrap(), THEIRS);
    fs::write(path.with_extension("stop"), "").unwrap();
    fs::remove_file(&lock).unwrap();
    assert!(saver.wait().unwrap().success());
    assert_eq!(FileStore::new(&path).load(CLIENT).unwrap(), Some(token(1)));
}

#[test]
fn part_that_saves_until_it_is_told_to_stop() {
    let Some(path) = part_path() else { return };
    while !path.with_extension("stop").exists() {
        FileStore::new(&path).save(CLIENT, &token(1)).unwrap();
    }
}
