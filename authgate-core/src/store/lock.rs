//! The lock that keeps two runs from refreshing one login at the same time.
//!
//! A server that rotates refresh tokens ends the login when an old one comes back. A process that
//! wants to refresh therefore takes this lock, reads the store again, and only then asks the
//! server. The kernel releases the lock as soon as its holder ends, for whatever reason. We never
//! remove the lock file, because two processes could then lock two files of the same name.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::own_file::{self, Identity};
use crate::error::{Error, Result};

const PAUSE: Duration = Duration::from_millis(50);

/// Temporary files older than this were left by a crash.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(60);

/// The lock of one token file. It also protects the token when it is in the keyring.
///
/// Clones share the lock: while one of them holds it, the stores that have another may use it.
#[derive(Clone)]
pub struct LoginLock {
    place: Place,
    current: Arc<Mutex<Weak<Held>>>,
}

#[derive(Clone)]
enum Place {
    Beside(PathBuf),
    Nowhere(String),
}

/// The lock is held until every clone of this guard is dropped. It may be held across `await`.
#[derive(Debug, Clone)]
pub struct LoginGuard(Arc<Held>);

#[derive(Debug)]
struct Held {
    /// The locked file. Closing it releases the lock.
    file: Option<File>,
    /// Why no lock file could be locked.
    unlocked_because: Option<String>,
}

impl LoginLock {
    /// How long to wait for the lock before giving up: as long as another process may take to
    /// refresh.
    pub const PATIENCE: Duration = Duration::from_secs(75);

    /// Creates the lock of the token file `store_file`: the file `<store_file>.rust-lock`.
    pub fn beside(store_file: impl Into<PathBuf>) -> Self {
        Self::new(Place::Beside(store_file.into()))
    }

    /// Creates a lock for use where no lock file is possible. It is acquired at once and excludes
    /// no other process.
    pub fn nowhere(reason: impl Into<String>) -> Self {
        Self::new(Place::Nowhere(reason.into()))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            current: Arc::default(),
        }
    }

    /// Takes the lock. Waits at most `patience` while another process holds it. Blocks the thread.
    ///
    /// If no file can be locked (no home folder of ours, a file system without locks), this returns
    /// a guard at once, and [`LoginGuard::unlocked_because`] gives the reason.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when another process holds the lock for longer (the text gives its process
    /// ID), or when the lock file cannot be trusted (a link, another user's).
    pub fn acquire(&self, patience: Duration) -> Result<LoginGuard> {
        let held = Arc::new(match &self.place {
            Place::Beside(store_file) => Held::acquire(store_file, patience)?,
            Place::Nowhere(reason) => Held::nothing(reason.clone()),
        });
        *self.current() = Arc::downgrade(&held);
        Ok(LoginGuard(held))
    }

    /// Returns the lock that a clone holds now, or takes it.
    pub(super) fn share_or_acquire(&self, patience: Duration) -> Result<LoginGuard> {
        let shared = self.current().upgrade();
        shared.map_or_else(|| self.acquire(patience), |held| Ok(LoginGuard(held)))
    }

    /// Returns the lock that a clone holds now, or a guard that excludes no other process. Use this
    /// for work that must be done even if the lock cannot be acquired. While the guard exists, no
    /// store waits for the lock again.
    pub(super) fn share_or_do_without(&self, reason: String) -> LoginGuard {
        let mut current = self.current();
        let held = current.upgrade().unwrap_or_else(|| {
            let held = Arc::new(Held::nothing(reason));
            *current = Arc::downgrade(&held);
            held
        });
        LoginGuard(held)
    }

    /// The value is always replaced whole, so it is still valid if a panic has poisoned the mutex.
    fn current(&self) -> MutexGuard<'_, Weak<Held>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LoginLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Beside(store_file) => formatter
                .debug_tuple("LoginLock")
                .field(store_file)
                .finish(),
            Place::Nowhere(reason) => formatter.debug_tuple("LoginLock").field(reason).finish(),
        }
    }
}

impl LoginGuard {
    /// Returns why this guard excludes no other process, if that is so. The user should be told.
    pub fn unlocked_because(&self) -> Option<&str> {
        self.0.unlocked_because.as_deref()
    }

    /// Returns whether no other process can have the lock.
    pub(super) fn excludes_others(&self) -> bool {
        self.0.file.is_some()
    }
}

impl Held {
    fn acquire(store_file: &Path, patience: Duration) -> Result<Self> {
        let path = own_file::with_suffix(store_file, ".rust-lock");
        if let Err(error) = own_file::check_folder(&path) {
            return Ok(Self::nothing(error.to_string()));
        }
        let start = Instant::now();
        loop {
            let mut file = match open(&path) {
                Ok(file) => file,
                Err(Unopened::Refused(error)) => return Err(error),
                Err(Unopened::NoPlace(reason)) => return Ok(Self::nothing(reason)),
            };
            match file.try_lock() {
                Ok(()) if is_at(&path, &file) => {
                    sign(&mut file);
                    remove_what_crashes_left(store_file);
                    return Ok(Self {
                        file: Some(file),
                        unlocked_because: None,
                    });
                }
                // The file was removed in the meantime, so our lock excludes only processes that
                // had it open. Try again with the new file.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(not_had(&path, file, patience)),
                Err(TryLockError::Error(error)) => {
                    return Ok(Self::nothing(format!(
                        "{}: cannot be locked ({error})",
                        own_file::shown(&path)
                    )));
                }
            }
        }
    }

    fn nothing(reason: String) -> Self {
        Self {
            file: None,
            unlocked_because: Some(reason),
        }
    }
}

enum Unopened {
    /// The path has something that must not be used.
    Refused(Error),
    /// No file can be created there.
    NoPlace(String),
}

fn open(path: &Path) -> Result<File, Unopened> {
    let missing = || Unopened::NoPlace(format!("{}: cannot be made", own_file::shown(path)));
    let opened = own_file::open(
        path,
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false),
    );
    // Fall back to read-only: flock needs no write permission, and another process may still hold
    // the lock.
    let opened =
        opened.or_else(
            |error| match own_file::open(path, OpenOptions::new().read(true)) {
                Ok(Some(found)) => Ok(Some(found)),
                _ => Err(error),
            },
        );
    match opened {
        Ok(found) => found.map(|(file, _)| file).ok_or_else(missing),
        Err(error) if path.symlink_metadata().is_ok() => Err(Unopened::Refused(error)),
        Err(error) => Err(Unopened::NoPlace(error.to_string())),
    }
}

fn is_at(path: &Path, file: &File) -> bool {
    match (path.symlink_metadata(), file.metadata()) {
        (Ok(there), Ok(ours)) => Identity::of(&there) == Identity::of(&ours) || cfg!(not(unix)),
        _ => false,
    }
}

/// Writes our process ID for the processes that wait. The lock does not depend on it.
///
/// The text is as wide as any process ID, so it covers the previous one. If we emptied the file
/// first, ext4 would write it to the disk when it is closed.
fn sign(file: &mut File) {
    let _ = file.write_all(format!("{:<10}\n", std::process::id()).as_bytes());
}

fn not_had(path: &Path, file: File, patience: Duration) -> Error {
    let mut signature = String::new();
    let holder = match file.take(20).read_to_string(&mut signature) {
        Ok(_) if signature.trim().parse::<u32>().is_ok() => format!("process {}", signature.trim()),
        _ => "another process".to_owned(),
    };
    own_file::store_error(
        path,
        format!(
            "{holder} holds this lock for more than {} s; it may be renewing the login or logging out: let it finish or end it, then try again",
            patience.as_secs()
        ),
    )
}

/// Removes temporary files that a crash left. Best effort: the next run tries again.
fn remove_what_crashes_left(store_file: &Path) {
    let prefix = own_file::temporary_prefix(store_file);
    let Ok(entries) = std::fs::read_dir(own_file::folder(store_file)) else {
        return;
    };
    for entry in entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
    {
        if entry.metadata().is_ok_and(|metadata| {
            metadata.is_file() && own_file::is_ours(&metadata) && is_left_behind(&metadata)
        }) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_left_behind(metadata: &std::fs::Metadata) -> bool {
    let age = metadata
        .modified()
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age > LEFT_BEHIND_AFTER)
}
