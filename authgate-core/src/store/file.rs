//! A store in a file that AuthGate's other clients use too.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::document::Document;
use super::lock::LoginLock;
use super::notice::Notice;
use super::own_file;
use super::peer_lock::PeerLock;
use super::{StoredToken, TokenStore, format};
use crate::error::{Error, Result};

/// The name of the file in the home folder.
const NAME: &str = ".authgate-tokens.json";

/// The size limit of the file, in bytes. Even a large token file takes only a few KiB, so a larger
/// file is something else.
const SIZE_LIMIT: u64 = 4 * 1024 * 1024;

/// How many bytes the file may grow when one token replaces another.
const ROOM_FOR_A_TOKEN: usize = 8 * 1024;

/// How often we start a change over because another client took over our lock while this process
/// was stopped.
const CHANGE_ATTEMPTS: u32 = 3;

/// How often we try to replace the file. On Windows, a virus scanner or a reader can block that for
/// moments.
const RENAME_ATTEMPTS: u32 = if cfg!(windows) { 20 } else { 1 };
const RENAME_PAUSE: Duration = Duration::from_millis(50);

/// A JSON file with the tokens of all clients, by default `~/.authgate-tokens.json`.
///
/// A change replaces the whole file and syncs it to the disk, so neither a crash nor a full disk
/// destroys the previous content. Only the owner can read the file. Everything in it that is not
/// this client's entry stays as it was.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    lock: LoginLock,
    notices: Mutex<Vec<Notice>>,
    /// Held during a change, so that the threads of this process change the file one at a time.
    changing: Mutex<()>,
}

impl FileStore {
    /// Creates a store for the file at `path`, which need not exist yet; its folder must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            lock: LoginLock::beside(&path),
            path,
            notices: Mutex::default(),
            changing: Mutex::default(),
        }
    }

    /// Creates a store for the file in the home folder.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when `HOME` (on Windows `USERPROFILE`) is unset or not an absolute path.
    pub fn in_home() -> Result<Self> {
        let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        let home = std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|home| home.is_absolute());
        home.map(|home| Self::new(home.join(NAME))).ok_or_else(|| {
            Error::transient(format!(
                "~/{NAME}: {variable} does not name a folder: set it to your home folder"
            ))
        })
    }

    /// Returns the lock of this file. A caller that reads the store, asks a server and saves must
    /// hold it throughout. [`save`](TokenStore::save) and [`delete`](TokenStore::delete) take it
    /// themselves if no clone of it is held.
    pub fn login_lock(&self) -> &LoginLock {
        &self.lock
    }

    /// Reads, changes and replaces the file. `edit` returns whether there is anything to write.
    fn change(&self, edit: impl Fn(&mut Document<'_>) -> bool) -> Result<()> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if own_file::check_folder(&self.path)? {
            self.notice(Notice::FolderIsOpen {
                place: own_file::shown(own_file::folder(&self.path)),
            });
        }
        let login = self.lock.share_or_acquire(LoginLock::PATIENCE)?;
        for _ in 0..CHANGE_ATTEMPTS {
            let peers = PeerLock::acquire(&self.path, login.excludes_others(), PeerLock::PATIENCE)?;
            let content = self.read()?;
            let document = Document::parse(&content);
            let is_damaged = document.is_none();
            let mut document = document.unwrap_or_else(Document::empty);
            if !edit(&mut document) {
                return Ok(());
            }
            let replacement = match self.prepare(&document.to_text()) {
                Ok(replacement) => replacement,
                // The new file could not be written, perhaps because the disk is full. An empty
                // file means the same as none, so remove the file, which needs no space.
                Err(_) if document.is_empty() && !is_damaged && peers.is_held() => {
                    return self.remove();
                }
                Err(error) => return Err(error),
            };
            if peers.is_held() {
                return self.put_in_place(replacement, is_damaged);
            }
        }
        Err(own_file::store_error(
            &self.path,
            "other programs keep changing it: try again",
        ))
    }

    /// Returns the content of the file; empty if there is no file.
    fn read(&self) -> Result<Zeroizing<Vec<u8>>> {
        let Some((file, metadata)) = own_file::open(&self.path, OpenOptions::new().read(true))?
        else {
            return Ok(Zeroizing::default());
        };
        self.repair_permissions(&file, &metadata);
        // Read at most SIZE_LIMIT. A truncated file fails to parse and is handled as damaged,
        // unless only blanks were cut off.
        let size = metadata.len().min(SIZE_LIMIT);
        // Allocate the whole buffer first, because a buffer that grows leaves copies of the tokens
        // in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0)));
        file.take(size)
            .read_to_end(&mut bytes)
            .map_err(|error| own_file::io_error(&self.path, "read", &error))?;
        Ok(bytes)
    }

    #[cfg(unix)]
    fn repair_permissions(&self, file: &File, metadata: &std::fs::Metadata) {
        use std::os::unix::fs::PermissionsExt;

        if metadata.permissions().mode() & 0o077 != 0 {
            let place = own_file::shown(&self.path);
            self.notice(
                match file.set_permissions(PermissionsExt::from_mode(0o600)) {
                    Ok(()) => Notice::PermissionsRepaired { place },
                    Err(error) => Notice::OthersCanRead {
                        place,
                        reason: error.to_string(),
                    },
                },
            );
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "as on Unix")]
    fn repair_permissions(&self, _: &File, _: &std::fs::Metadata) {}

    /// Writes all of `text` to a new file under another name, and syncs it to the disk.
    fn prepare(&self, text: &str) -> Result<NamedTempFile> {
        let mut replacement = own_file::temporary(&self.path)?;
        replacement
            .write_all(text.as_bytes())
            .and_then(|()| replacement.as_file().sync_all())
            .map_err(|error| own_file::io_error(&self.path, "written", &error))?;
        Ok(replacement)
    }

    fn put_in_place(&self, replacement: NamedTempFile, is_damaged: bool) -> Result<()> {
        if is_damaged {
            self.keep_damaged()?;
        }
        let mut replacement = replacement;
        for attempt in 1.. {
            match replacement.persist(&self.path) {
                Ok(_) => break,
                Err(failure) if attempt < RENAME_ATTEMPTS => {
                    replacement = failure.file;
                    std::thread::sleep(RENAME_PAUSE);
                }
                Err(failure) => {
                    return Err(own_file::io_error(&self.path, "replaced", &failure.error));
                }
            }
        }
        self.sync_folder();
        Ok(())
    }

    /// Renames a file that we cannot parse and must replace, because its owner may want it back.
    fn keep_damaged(&self) -> Result<()> {
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ");
        let copy = own_file::with_suffix(&self.path, &format!(".corrupt-{time}"));
        std::fs::rename(&self.path, &copy)
            .map_err(|error| own_file::io_error(&self.path, "set aside", &error))?;
        self.notice(Notice::DamagedFileKept {
            place: own_file::shown(&self.path),
            copy: own_file::shown(&copy),
        });
        Ok(())
    }

    fn remove(&self) -> Result<()> {
        std::fs::remove_file(&self.path)
            .map_err(|error| own_file::io_error(&self.path, "removed", &error))?;
        self.sync_folder();
        Ok(())
    }

    /// Syncs the folder, so that the new name survives a power cut. If that fails, the file is
    /// still correct.
    fn sync_folder(&self) {
        if cfg!(unix)
            && let Err(error) =
                File::open(own_file::folder(&self.path)).and_then(|folder| folder.sync_all())
        {
            tracing::warn!(%error, "the folder of the token file could not be synced");
        }
    }

    fn notice(&self, notice: Notice) {
        let mut notices = self.notices();
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    /// No change under this lock can be half done, so the value is still valid if a panic has
    /// poisoned it.
    fn notices(&self) -> MutexGuard<'_, Vec<Notice>> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenStore for FileStore {
    /// Takes no lock, because the file is only ever replaced as a whole.
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        Ok(Document::parse(&self.read()?).and_then(|document| read(&document, client_id)))
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        if client_id.is_empty() {
            return Err(own_file::store_error(&self.path, "the client ID is empty"));
        }
        self.change(|document| {
            write(document, client_id, token);
            true
        })
    }

    /// Compares and changes in one step, under the other clients' lock.
    fn replace(
        &self,
        client_id: &str,
        old: &StoredToken,
        new: Option<&StoredToken>,
    ) -> Result<bool> {
        let stands = Cell::new(false);
        self.change(|document| {
            stands.set(read(document, client_id).is_some_and(|current| current.is_same_grant(old)));
            match new {
                _ if !stands.get() => false,
                Some(new) => {
                    write(document, client_id, new);
                    true
                }
                None => document.remove(client_id),
            }
        })?;
        Ok(stands.get())
    }

    /// Waits long enough even for the lock of a client that has just crashed to become stale.
    fn get_ready(&self) -> Result<()> {
        own_file::check_folder(&self.path)?;
        let login = self.lock.share_or_acquire(LoginLock::PATIENCE)?;
        let _peers = PeerLock::acquire(&self.path, login.excludes_others(), PeerLock::UNTIL_STALE)?;
        let present = self
            .path
            .symlink_metadata()
            .map_or(0, |metadata| metadata.len().min(SIZE_LIMIT));
        let next = vec![0; usize::try_from(present).unwrap_or(0) + ROOM_FOR_A_TOKEN];
        // A full disk still accepts an empty file, so write as many bytes as the next save will
        // need. They need no sync: ext4, XFS and Btrfs reserve the space at once.
        let written = own_file::temporary(&self.path)?.write_all(&next);
        written.map_err(|error| own_file::io_error(&self.path, "written", &error))
    }

    fn delete(&self, client_id: &str) -> Result<()> {
        if self
            .path
            .symlink_metadata()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        {
            return Ok(());
        }
        self.change(|document| document.remove(client_id))
    }

    fn description(&self) -> String {
        format!("file {}", own_file::shown(&self.path))
    }

    fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices())
    }
}

fn read(document: &Document<'_>, client_id: &str) -> Option<StoredToken> {
    let (entry, record) = (document.entry(client_id)?, document.record(client_id));
    format::read(&entry, record.as_deref().map(String::as_str))
}

fn write(document: &mut Document<'_>, client_id: &str, token: &StoredToken) {
    let previous = document.entry(client_id);
    let entry = format::write(client_id, token, previous.as_deref().map(String::as_str));
    let record = format::write_record(token);
    document.set(client_id, &entry, record.as_deref().map(String::as_str));
}
