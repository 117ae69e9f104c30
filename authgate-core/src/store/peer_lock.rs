//! The lock file that AuthGate's other clients take before they change the token file.
//!
//! The client that creates `<file>.lock` holds the lock, and removes the file afterwards. Once a
//! lock file that a crash left is 30 s old, the next client takes it over. The other clients then
//! remove whichever file is there. We move it aside and look at it first, so that we can put back a
//! lock that another client has taken in the meantime.

use std::fs::{File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use super::own_file;
use crate::error::Result;

const PAUSE: Duration = Duration::from_millis(100);
const STALE_AFTER: Duration = Duration::from_secs(30);

/// The permissions that mark a lock as this client's. No other client uses them, and they are set in
/// the moment of creation, so that a crash never leaves a lock of ours without a mark.
#[cfg(unix)]
const MARK: u32 = 0o400;

/// The lock, held until it is dropped. Hold it while reading, changing and renaming the file, but
/// never during a request, because Python's client gives up after 5 s.
pub(super) struct PeerLock {
    path: PathBuf,
    file: File,
}

impl PeerLock {
    /// How long to wait for the lock: as long as the other clients do.
    pub(super) const PATIENCE: Duration = Duration::from_secs(5);

    /// How long to wait if the lock of a dead process must have time to become stale.
    pub(super) const UNTIL_STALE: Duration = Duration::from_secs(35);

    /// Takes the lock of `store_file`. Gives up after `patience`.
    ///
    /// `excludes_others` says that we hold the login lock. Only then do we mark our lock file, so a
    /// marked file that we find while we hold the login lock was left by a crash.
    pub(super) fn acquire(
        store_file: &Path,
        excludes_others: bool,
        patience: Duration,
    ) -> Result<Self> {
        let path = own_file::with_suffix(store_file, ".lock");
        let tries = patience.as_millis() / PAUSE.as_millis();
        for _ in 0..tries {
            match own_file::open(&path, OpenOptions::new().read(true))? {
                None => {
                    if let Some(file) = create(&path, excludes_others)? {
                        return Ok(Self { path, file });
                    }
                }
                Some((_, lock)) if is_stale(&lock, excludes_others) => {
                    evict(&lock, &path, store_file)?;
                }
                Some(_) => thread::sleep(PAUSE),
            }
        }
        Err(own_file::store_error(
            &path,
            format!(
                "is held by another program for more than {} s: wait until it is done; if none is running, remove this file",
                patience.as_secs()
            ),
        ))
    }

    /// Returns whether the lock is still ours. If this process is stopped for half a minute,
    /// another client takes it over.
    pub(super) fn is_held(&self) -> bool {
        own_file::is_at(&self.path, &self.file)
    }
}

impl Drop for PeerLock {
    /// Removes the lock only if it is still ours. If that fails, it becomes stale, and the other
    /// clients can handle that.
    fn drop(&mut self) {
        if self.is_held() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Creates the lock. Returns `None` if another client has it.
fn create(lock: &Path, marked: bool) -> Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if marked { MARK } else { 0o600 });
    #[cfg(not(unix))]
    let _ = marked;
    match options.open(lock) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(own_file::io_error(lock, "created", &error)),
    }
}

#[cfg(unix)]
fn is_marked(lock: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&lock.permissions()) & 0o777 == MARK
}

#[cfg(not(unix))]
fn is_marked(_: &Metadata) -> bool {
    false
}

fn is_stale(lock: &Metadata, excludes_others: bool) -> bool {
    let modified = lock.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    // If a clock was set, the time may be in the future. Then this is the time until then.
    let distance = modified.elapsed().unwrap_or_else(|error| error.duration());
    (is_marked(lock) && excludes_others) || distance > STALE_AFTER
}

/// Removes the lock at `path` if it is still `stale`, and not another that has replaced it.
fn evict(stale: &Metadata, path: &Path, store_file: &Path) -> Result<()> {
    let not_removed = |error| own_file::io_error(path, "removed, though it is stale", &error);
    let aside = own_file::temporary(store_file)?.into_temp_path();
    match std::fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(not_removed(error)),
    }
    let moved = aside.symlink_metadata();
    if !moved.is_ok_and(|moved| own_file::is_same_file(&moved, stale)) {
        // Another client has taken over and works under this lock, so put it back. This fails if a
        // third client has created its own in the meantime.
        let _ = std::fs::hard_link(&aside, path);
    }
    aside.close().map_err(not_removed)
}
