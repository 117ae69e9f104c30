//! The lock that keeps two runs from refreshing one login at the same time.
//!
//! A server that rotates refresh tokens ends the login when an old one comes back. A process that
//! wants to refresh therefore takes this lock, reads the store again, and only then asks the
//! server. The kernel releases the lock as soon as its holder ends, for whatever reason. We never
//! remove the lock file, because two processes could then lock two files of the same name.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::own_file;
use crate::error::{Error, Result};
use crate::text;

const PAUSE: Duration = Duration::from_millis(50);

/// Temporary files older than this were left by a crash.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(60);

/// The lock of a user's stores. It protects the login in the keyring too.
#[derive(Debug, Clone)]
pub enum LoginLock {
    /// The file `<store_file>.rust-lock` beside this token file.
    Beside(PathBuf),
    /// No lock file is possible, for this reason. The lock is acquired at once and excludes no other
    /// process.
    Nowhere(String),
}

/// Permission to change the stores, which every change takes as an argument. The lock is held until
/// this is dropped, also across `await`. One thread at a time uses it.
#[derive(Debug)]
pub enum LoginGuard {
    /// No other process can have the lock while this file is open.
    Locked(#[allow(dead_code, reason = "only held, because closing it releases the lock")] File),
    /// Another process may change the stores at the same time, for this reason.
    Unlocked(String),
}

impl LoginLock {
    /// How long to wait for the lock before giving up: as long as another process may take to
    /// refresh.
    pub const PATIENCE: Duration = Duration::from_secs(75);

    /// Takes the lock. Waits at most `patience` while another process holds it. Blocks the thread.
    ///
    /// If no file can be locked (no home folder of ours, a file system without locks), this returns
    /// [`LoginGuard::Unlocked`] at once.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when another process holds the lock for longer (the text gives its process
    /// ID), or when the lock file cannot be trusted (a link, another user's).
    pub fn acquire(&self, patience: Duration) -> Result<LoginGuard> {
        let store_file = match self {
            Self::Beside(store_file) => store_file,
            Self::Nowhere(reason) => return Ok(LoginGuard::Unlocked(reason.clone())),
        };
        let path = own_file::with_suffix(store_file, ".rust-lock");
        if let Err(error) = own_file::check_folder(&path) {
            return Ok(LoginGuard::Unlocked(error.to_string()));
        }
        let start = Instant::now();
        loop {
            let mut file = match open(&path) {
                Ok(file) => file,
                // The path has something that must not be used.
                Err(error) if path.symlink_metadata().is_ok() => return Err(error),
                // No file can be created there.
                Err(error) => return Ok(LoginGuard::Unlocked(error.to_string())),
            };
            match file.try_lock() {
                Ok(()) if cfg!(not(unix)) || own_file::is_at(&path, &file) => {
                    write_process_id(&mut file);
                    remove_leftovers(store_file);
                    return Ok(LoginGuard::Locked(file));
                }
                // The file was removed in the meantime, so our lock excludes only processes that
                // had it open. Try again with the new file.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(held_by_another(&path, file, patience));
                }
                Err(TryLockError::Error(error)) => {
                    return Ok(LoginGuard::Unlocked(format!(
                        "{}: cannot be locked ({error})",
                        text::printable_path(&path)
                    )));
                }
            }
        }
    }
}

impl LoginGuard {
    /// Returns why another process may change the stores at the same time, if it may.
    pub fn unlocked_because(&self) -> Option<&str> {
        match self {
            Self::Locked(_) => None,
            Self::Unlocked(reason) => Some(reason),
        }
    }

    pub(super) fn excludes_others(&self) -> bool {
        matches!(self, Self::Locked(_))
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let opened = own_file::open(path, &mut options).or_else(|error| {
        // Fall back to read-only: flock needs no write permission, and another process may still
        // hold the lock.
        let found = own_file::open(path, OpenOptions::new().read(true))?;
        found.map(Some).ok_or(error)
    });
    let (file, _) = opened?.ok_or_else(|| own_file::store_error(path, "cannot be made"))?;
    Ok(file)
}

/// Writes our process ID for the processes that wait. The lock does not depend on it.
///
/// The text is as wide as any process ID, so it covers the previous one. If we emptied the file
/// first, ext4 would write it to the disk when it is closed.
fn write_process_id(file: &mut File) {
    let _ = file.write_all(format!("{:<10}\n", std::process::id()).as_bytes());
}

fn held_by_another(path: &Path, file: File, patience: Duration) -> Error {
    let mut process_id = String::new();
    let holder = match file.take(20).read_to_string(&mut process_id) {
        Ok(_) if process_id.trim().parse::<u32>().is_ok() => {
            format!("process {}", process_id.trim())
        }
        _ => "another process".to_owned(),
    };
    own_file::store_error(
        path,
        format!(
            "{holder} has held this lock for more than {} s, perhaps to refresh the login: let it \
             finish, or end it",
            patience.as_secs()
        ),
    )
}

/// Removes temporary files that a crash left. Best effort: the next run tries again.
fn remove_leftovers(store_file: &Path) {
    let is_left_behind = |metadata: Metadata| {
        let age = metadata.modified().map(|modified| modified.elapsed());
        metadata.is_file()
            && own_file::is_ours(&metadata)
            && matches!(age, Ok(Ok(age)) if age > LEFT_BEHIND_AFTER)
    };
    for file in own_file::files_beside(store_file, own_file::TEMPORARY).unwrap_or_default() {
        if file.symlink_metadata().is_ok_and(is_left_behind) {
            let _ = std::fs::remove_file(file);
        }
    }
}
