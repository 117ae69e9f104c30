//! The lock file that AuthGate's other clients take before they change the token file.
//!
//! Whoever creates `<file>.lock` has it, and removes it afterwards. One that is left behind by a
//! crash is taken over when it is 30 s old. The other clients do so by removing whatever is there;
//! here it is moved aside first and looked at, so that a lock which somebody has taken in between
//! can be put back.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use super::own_file::{self, Identity};
use crate::error::{Error, Result};

const PAUSE: Duration = Duration::from_millis(100);
const STALE_AFTER: Duration = Duration::from_secs(30);

/// What a lock of this client begins with.
const MARK: &str = "authgate-rust ";

/// The lock, held until it is dropped: around reading, changing and renaming, never around a
/// request, because Python's client gives up after 5 s.
pub(super) struct PeerLock {
    path: PathBuf,
    file: File,
}

impl PeerLock {
    /// As long as the other clients try.
    pub(super) const PATIENCE: Duration = Duration::from_secs(5);

    /// Long enough for the lock of a dead process to become stale.
    pub(super) const UNTIL_STALE: Duration = Duration::from_secs(35);

    /// Takes the lock of `store_file`.
    ///
    /// `excludes_others` says that the login lock is held. Only then is ours marked, and so a lock
    /// with our mark that is found there is one that a crash has left. It gives up after `patience`.
    pub(super) fn acquire(store_file: &Path, excludes_others: bool, patience: Duration) -> Result<Self> {
        let path = own_file::with_suffix(store_file, ".lock");
        let tries = patience.as_millis() / PAUSE.as_millis();
        for _ in 0..tries {
            match Occupant::of(&path)? {
                None => {
                    let made = if excludes_others {
                        // Made anew each time: a wait that a signal ends must not leave it behind.
                        Candidate::new(store_file)?.put_in_place(&path)?
                    } else {
                        create(&path)?
                    };
                    if let Some(file) = made {
                        return Ok(Self { path, file });
                    }
                }
                Some(occupant) if occupant.is_dead(excludes_others) => occupant.evict(store_file, &path)?,
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

    /// Whether the lock is still this one: a process that was stopped for half a minute finds it
    /// taken over.
    pub(super) fn is_held(&self) -> bool {
        let identity = |metadata: io::Result<_>| metadata.ok().map(|metadata| Identity::of(&metadata));
        let ours = identity(self.file.metadata());
        ours.is_some() && ours == identity(self.path.symlink_metadata())
    }
}

impl Drop for PeerLock {
    /// Only our own lock is removed. Where that fails it goes stale, which others know to handle.
    fn drop(&mut self) {
        if self.is_held() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A lock that is ready to be put in place.
///
/// It is written under another name and linked to its own, so that nobody ever sees one without
/// our mark in it: such a one could not be told from another program's.
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

    /// The lock; `None` when somebody else has it.
    fn put_in_place(self, lock: &Path) -> Result<Option<File>> {
        match std::fs::hard_link(&self.path, lock) {
            Ok(()) => Ok(Some(self.file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(_) => self.create_in_place(lock),
        }
    }

    /// For file systems without hard links: a crash between the two steps leaves an unmarked lock.
    fn create_in_place(self, lock: &Path) -> Result<Option<File>> {
        let mut created = create(lock)?;
        if let Some(file) = &mut created {
            write_mark(file, &self.mark);
        }
        Ok(created)
    }
}

/// A lock without our mark, as the other clients make it; `None` when somebody else has it.
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

/// The lock that is in our way.
struct Occupant {
    identity: Identity,
    is_marked: bool,
    /// Time since it was made, or until it will have been made: clocks get set.
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

    /// A lock of our own that still has, or has kept because of a crash, its first name too.
    fn still_being_linked(lock: &Path, error: Error) -> Result<Option<Self>> {
        let metadata = match lock.symlink_metadata() {
            Ok(metadata) if metadata.is_file() && own_file::is_ours(&metadata) => metadata,
            _ => return Err(error),
        };
        match File::open(lock) {
            Ok(file) if is_marked(&file) => Ok(Some(Self {
                identity: Identity::of(&metadata),
                is_marked: true,
                distance: metadata.modified().ok().and_then(|time| time.elapsed().ok()).unwrap_or_default(),
            })),
            _ => Err(error),
        }
    }

    fn is_dead(&self, excludes_others: bool) -> bool {
        (self.is_marked && excludes_others) || self.distance > STALE_AFTER
    }

    /// Removes this lock, and no other that has come in its place.
    fn evict(&self, store_file: &Path, lock: &Path) -> Result<()> {
        let aside = own_file::unused_path(store_file);
        match std::fs::rename(lock, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(own_file::io_error(lock, "removed, though it is stale", &error)),
        }
        let moved = aside.symlink_metadata().map(|metadata| Identity::of(&metadata));
        if moved.ok() != Some(self.identity) {
            // Somebody else has taken over, and works under this lock. Where a third one has made
            // theirs meanwhile, nothing can be put back.
            let _ = std::fs::hard_link(&aside, lock);
        }
        std::fs::remove_file(&aside).map_err(|error| own_file::io_error(&aside, "removed", &error))
    }
}

/// On a full disk the lock does without: should a crash leave it, it goes stale as any other.
fn write_mark(lock: &mut File, mark: &str) {
    let _ = lock.write_all(mark.as_bytes());
}

fn is_marked(lock: impl Read) -> bool {
    let mut start = Vec::new();
    lock.take(MARK.len() as u64).read_to_end(&mut start).is_ok() && start == MARK.as_bytes()
}
