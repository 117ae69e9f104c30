//! The lock file that AuthGate's other clients take before they change the token file.
//!
//! The client that creates `<file>.lock` holds the lock, and removes the file afterwards. Once a
//! lock file that a crash left is 30 s old, the next client takes it over. The other clients then
//! remove whichever file is there. We move it aside and look at it first, so that we can put back a
//! lock that another client has taken in the meantime.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use super::own_file::{self, Identity};
use crate::error::{Error, Result};

const PAUSE: Duration = Duration::from_millis(100);
const STALE_AFTER: Duration = Duration::from_secs(30);

/// The text that marks a lock file as this client's.
const MARK: &str = "authgate-rust ";

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
            match Occupant::of(&path)? {
                None => {
                    let made = if excludes_others {
                        // Create the file anew each time, because a wait that a signal ends must
                        // not leave it behind.
                        Candidate::new(store_file)?.put_in_place(&path)?
                    } else {
                        create(&path)?
                    };
                    if let Some(file) = made {
                        return Ok(Self { path, file });
                    }
                }
                Some(occupant) if occupant.is_dead(excludes_others) => {
                    occupant.evict(store_file, &path)?
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
        let identity =
            |metadata: io::Result<_>| metadata.ok().map(|metadata| Identity::of(&metadata));
        let ours = identity(self.file.metadata());
        ours.is_some() && ours == identity(self.path.symlink_metadata())
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

/// A lock file that is ready to be put in place.
///
/// We write it under another name and link it to its own, so that no client ever sees it without
/// our mark. We could not tell an unmarked lock from another program's.
struct Candidate {
    file: File,
    path: tempfile::TempPath,
    mark: String,
}

impl Candidate {
    fn new(store_file: &Path) -> Result<Self> {
        let mark = format!("{MARK}{}\n", std::process::id());
        let (mut file, path) = own_file::temporary(store_file)?.into_parts();
        write_mark(&mut file, &mark);
        Ok(Self { file, path, mark })
    }

    /// Puts the lock in place. Returns its file, or `None` if another client has the lock.
    fn put_in_place(self, lock: &Path) -> Result<Option<File>> {
        match std::fs::hard_link(&self.path, lock) {
            Ok(()) => Ok(Some(self.file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(_) => self.create_in_place(lock),
        }
    }

    /// Creates the lock directly, on file systems without hard links. A crash between the two steps
    /// leaves an unmarked lock.
    fn create_in_place(self, lock: &Path) -> Result<Option<File>> {
        let mut created = create(lock)?;
        if let Some(file) = &mut created {
            write_mark(file, &self.mark);
        }
        Ok(created)
    }
}

/// Creates a lock without our mark, as the other clients do. Returns `None` if another client has
/// the lock.
fn create(lock: &Path) -> Result<Option<File>> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.write(true).create_new(true).open(lock) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(own_file::io_error(lock, "created", &error)),
    }
}

/// The existing lock that we must wait for or remove.
struct Occupant {
    identity: Identity,
    is_marked: bool,
    /// The age of the lock. If its time is in the future, because a clock was set, this is the time
    /// until then.
    distance: Duration,
}

impl Occupant {
    fn of(lock: &Path) -> Result<Option<Self>> {
        let (file, metadata) = match own_file::open(lock, OpenOptions::new().read(true)) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => return Self::still_being_linked(lock, error),
        };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Some(Self {
            identity: Identity::of(&metadata),
            is_marked: is_marked(file),
            distance: modified.elapsed().unwrap_or_else(|error| error.duration()),
        }))
    }

    /// Recognizes a lock of our own that still has its first name too, because it is being linked
    /// or a crash interrupted that.
    fn still_being_linked(lock: &Path, error: Error) -> Result<Option<Self>> {
        let metadata = match lock.symlink_metadata() {
            Ok(metadata) if metadata.is_file() && own_file::is_ours(&metadata) => metadata,
            _ => return Err(error),
        };
        match File::open(lock) {
            Ok(file) if is_marked(&file) => Ok(Some(Self {
                identity: Identity::of(&metadata),
                is_marked: true,
                distance: metadata
                    .modified()
                    .ok()
                    .and_then(|time| time.elapsed().ok())
                    .unwrap_or_default(),
            })),
            _ => Err(error),
        }
    }

    fn is_dead(&self, excludes_others: bool) -> bool {
        (self.is_marked && excludes_others) || self.distance > STALE_AFTER
    }

    /// Removes this lock, but no other that has replaced it.
    fn evict(&self, store_file: &Path, lock: &Path) -> Result<()> {
        let aside = own_file::unused_path(store_file);
        match std::fs::rename(lock, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                return Err(own_file::io_error(
                    lock,
                    "removed, though it is stale",
                    &error,
                ));
            }
        }
        let moved = aside
            .symlink_metadata()
            .map(|metadata| Identity::of(&metadata));
        if moved.ok() != Some(self.identity) {
            // Another client has taken over and works under this lock, so put it back. This fails
            // if a third client has created its own in the meantime.
            let _ = std::fs::hard_link(&aside, lock);
        }
        std::fs::remove_file(&aside).map_err(|error| own_file::io_error(&aside, "removed", &error))
    }
}

/// Writes the mark. On a full disk, the lock has none; if a crash leaves it, it becomes stale like
/// any other.
fn write_mark(lock: &mut File, mark: &str) {
    let _ = lock.write_all(mark.as_bytes());
}

fn is_marked(lock: impl Read) -> bool {
    let mut start = Vec::new();
    lock.take(MARK.len() as u64).read_to_end(&mut start).is_ok() && start == MARK.as_bytes()
}
