//! A store in a file that AuthGate's other clients use too.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::document::Document;
use super::lock::{LoginGuard, LoginLock};
use super::own_file;
use super::peer_lock::PeerLock;
use super::{FoundTokens, StoredToken, TokenStore, format, salvage};
use crate::error::{Error, Result};
use crate::notice::Notices;
use crate::text;

/// The name of the file in the home folder.
const NAME: &str = ".authgate-tokens.json";

/// The name of a damaged file that was set aside has this after it, and then the time.
const SET_ASIDE: &str = ".corrupt-";

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
    notices: Notices,
}

impl FileStore {
    /// Creates a store for the file at `path`, which need not exist yet; its folder must.
    pub fn new(path: impl Into<PathBuf>, notices: Notices) -> Self {
        Self {
            path: path.into(),
            notices,
        }
    }

    /// Creates a store for the file in the home folder. Fails if `HOME` (on Windows `USERPROFILE`) is
    /// unset or not an absolute path.
    pub fn in_home(notices: Notices) -> Result<Self> {
        let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        let home = std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|home| home.is_absolute());
        home.map(|home| Self::new(home.join(NAME), notices))
            .ok_or_else(|| {
                Error::transient(format!(
                    "~/{NAME}: {variable} does not name a folder: set it to your home folder"
                ))
            })
    }

    /// Returns the lock that a program must hold to change this file.
    pub fn login_lock(&self) -> LoginLock {
        LoginLock::Beside(self.path.clone())
    }

    /// Reads, changes and replaces the file. `edit` returns whether there is anything to write.
    fn change(
        &self,
        guard: &LoginGuard,
        mut edit: impl FnMut(&mut Document) -> bool,
    ) -> Result<()> {
        if own_file::check_folder(&self.path)? {
            let folder = text::printable_path(own_file::folder(&self.path));
            self.notices.add(format!(
                "Other users can write in {folder} and could replace the token file. To prevent \
                 that: chmod go-w {folder}"
            ));
        }
        for _ in 0..CHANGE_ATTEMPTS {
            let peers = PeerLock::acquire(&self.path, guard.excludes_others(), PeerLock::PATIENCE)?;
            let document = Document::parse(&self.read(&self.path)?);
            let is_damaged = document.is_none();
            let mut document = document.unwrap_or_default();
            if !edit(&mut document) {
                return Ok(());
            }
            let is_empty = document.is_empty() && !is_damaged;
            let text = document.into_text();
            if text.len() as u64 > SIZE_LIMIT {
                return Err(self.error(format!(
                    "would become larger than {} MiB, which no client reads: remove entries that are not needed",
                    SIZE_LIMIT / 1024 / 1024
                )));
            }
            let replacement = match self.prepare(&text) {
                Ok(replacement) => replacement,
                // The new file could not be written, perhaps because the disk is full. An empty
                // file means the same as none, so remove the file, which needs no space.
                Err(_) if is_empty && peers.is_held() => {
                    return self.remove();
                }
                Err(error) => return Err(error),
            };
            if peers.is_held() {
                return self.put_in_place(replacement, is_damaged);
            }
        }
        Err(self.error("other programs keep changing it: try again"))
    }

    /// Returns the content of the file at `path`, which is the token file or a copy of it; empty if
    /// there is no file.
    #[cfg_attr(
        not(unix),
        expect(clippy::unused_self, reason = "only Unix has permissions to repair")
    )]
    fn read(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
        let Some((file, metadata)) = own_file::open(path, OpenOptions::new().read(true))? else {
            return Ok(Zeroizing::default());
        };
        #[cfg(unix)]
        self.repair_permissions(path, &file, &metadata);
        // Read at most SIZE_LIMIT. A truncated file fails to parse and is handled as damaged,
        // unless only blanks were cut off.
        let size = metadata.len().min(SIZE_LIMIT);
        // Allocate the whole buffer first, because a buffer that grows leaves copies of the tokens
        // in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0)));
        file.take(size)
            .read_to_end(&mut bytes)
            .map_err(|error| own_file::io_error(path, "read", &error))?;
        Ok(bytes)
    }

    #[cfg(unix)]
    fn repair_permissions(&self, path: &Path, file: &File, metadata: &std::fs::Metadata) {
        if is_accessible_to_others(metadata) {
            let place = text::printable_path(path);
            self.notices.add(match close_to_others(file) {
                Ok(true) => format!(
                    "Other users could read {place}; now only you can. If somebody may have \
                         read it, log out and log in again."
                ),
                Ok(false) => format!(
                    "Other users can read {place}, because its file system ignores permissions. \
                         To prevent it, set HOME to a folder on another one"
                ),
                Err(error) => format!(
                    "Other users can read {place}, and we cannot change that ({error}). To \
                         prevent it: chmod 600 {place}"
                ),
            });
        }
    }

    /// Writes all of `text` to a new file under another name, and syncs it to the disk.
    fn prepare(&self, text: &str) -> Result<NamedTempFile> {
        let mut replacement = own_file::temporary(&self.path)?;
        replacement
            .write_all(text.as_bytes())
            .and_then(|()| replacement.as_file().sync_all())
            .map_err(|error| own_file::io_error(&self.path, "written", &error))?;
        Ok(replacement)
    }

    fn put_in_place(&self, mut replacement: NamedTempFile, is_damaged: bool) -> Result<()> {
        if is_damaged {
            self.keep_damaged()?;
        }
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
        let copy = own_file::with_suffix(&self.path, &format!("{SET_ASIDE}{time}"));
        std::fs::rename(&self.path, &copy)
            .map_err(|error| own_file::io_error(&self.path, "set aside", &error))?;
        self.notices.add(format!(
            "{} was damaged and has been replaced. The damaged file is kept as {}",
            text::printable_path(&self.path),
            text::printable_path(&copy)
        ));
        Ok(())
    }

    /// Finds what the file has for this client. Fails if something there cannot be read.
    fn find_in_file(&self, client_id: &str, found: &mut FoundTokens) -> Result<()> {
        let content = self.read(&self.path)?;
        let Some(document) = Document::parse(&content) else {
            found.tokens = salvage::tokens(&content, client_id);
            return Err(self.error(if found.tokens.is_empty() {
                "is damaged, so a login in it can be neither revoked nor deleted: repair or delete the file"
            } else {
                "is damaged, so the login in it can be revoked but not deleted: repair or delete the file"
            }));
        };
        let entry = document.entry(client_id);
        match (&entry, read(&document, client_id)) {
            (_, Some(token)) => found.tokens.push(token),
            (Some(entry), None) if format::has_no_token(entry) => {}
            (None, None) if !document.has_entry(client_id) => {
                found.has_orphan = document.record(client_id).is_some();
            }
            (_, None) => {
                return Err(self.error(
                    "has an entry for this client that cannot be understood, so it is neither revoked nor deleted: delete the entry by hand",
                ));
            }
        }
        Ok(())
    }

    /// Finds the logins of this client in a damaged file that was set aside.
    fn find_in_copy(&self, copy: &Path, client_id: &str) -> Result<Vec<StoredToken>> {
        let tokens = salvage::tokens(&self.read(copy)?, client_id);
        if tokens.is_empty() {
            return Err(own_file::store_error(
                copy,
                "is a damaged token file that was set aside, and a login in it cannot be revoked: delete the file if you do not need it",
            ));
        }
        self.notices.add(format!(
            "{} is a damaged token file that was set aside, and it has a login of this client. Delete the file if you do not need it",
            text::printable_path(copy)
        ));
        Ok(tokens)
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        own_file::store_error(&self.path, reason)
    }

    fn is_missing(&self) -> bool {
        self.path
            .symlink_metadata()
            .is_err_and(|error| error.kind() == ErrorKind::NotFound)
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
}

impl TokenStore for FileStore {
    /// Takes no lock, because the file is only ever replaced as a whole.
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        Ok(
            Document::parse(&self.read(&self.path)?)
                .and_then(|document| read(&document, client_id)),
        )
    }

    /// Compares and changes in one step, under the other clients' lock.
    fn put(
        &self,
        client_id: &str,
        only_if: Option<&StoredToken>,
        new: Option<&StoredToken>,
        guard: &LoginGuard,
    ) -> Result<bool> {
        if new.is_some() && client_id.is_empty() {
            return Err(self.error("the client ID is empty"));
        }
        if new.is_none() && self.is_missing() {
            return Ok(only_if.is_none());
        }
        let mut may_change = true;
        self.change(guard, |document| {
            may_change = only_if.is_none_or(|old| {
                read(document, client_id).is_some_and(|current| current.is_same_grant(old))
            });
            match new {
                _ if !may_change => false,
                Some(new) => {
                    write(document, client_id, new);
                    true
                }
                None => document.remove(client_id),
            }
        })?;
        Ok(may_change)
    }

    fn find_all(&self, client_id: &str) -> FoundTokens {
        let mut found = FoundTokens::default();
        let in_file = self.find_in_file(client_id, &mut found);
        found.unread.extend(in_file.err());
        let copies = own_file::files_beside(&self.path, SET_ASIDE).unwrap_or_else(|error| {
            found.unread.push(error);
            Vec::new()
        });
        for copy in copies {
            match self.find_in_copy(&copy, client_id) {
                Ok(tokens) => found.set_aside.extend(tokens),
                Err(error) => found.unread.push(error),
            }
        }
        found
    }

    /// Waits long enough even for the lock of a client that has just crashed to become stale.
    fn get_ready(&self, guard: &LoginGuard) -> Result<()> {
        own_file::check_folder(&self.path)?;
        let _peers = PeerLock::acquire(&self.path, guard.excludes_others(), PeerLock::UNTIL_STALE)?;
        let present = own_file::open(&self.path, OpenOptions::new().read(true))?
            .map_or(0, |(_, metadata)| metadata.len().min(SIZE_LIMIT));
        let next = vec![0; usize::try_from(present).unwrap_or(0) + ROOM_FOR_A_TOKEN];
        // A full disk still accepts an empty file, so write as many bytes as the next save will
        // need. They need no sync: ext4, XFS and Btrfs reserve the space at once.
        let written = own_file::temporary(&self.path)?.write_all(&next);
        written.map_err(|error| own_file::io_error(&self.path, "written", &error))
    }

    fn description(&self) -> String {
        format!("file {}", text::printable_path(&self.path))
    }
}

/// Takes the permissions of other users away. Returns whether they are gone: some file systems report
/// success and change nothing.
#[cfg(unix)]
fn close_to_others(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;

    file.set_permissions(PermissionsExt::from_mode(0o600))?;
    Ok(!is_accessible_to_others(&file.metadata()?))
}

#[cfg(unix)]
fn is_accessible_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;

    metadata.permissions().mode() & 0o077 != 0
}

fn read(document: &Document, client_id: &str) -> Option<StoredToken> {
    format::read(&document.entry(client_id)?, document.record(client_id))
}

fn write(document: &mut Document, client_id: &str, token: &StoredToken) {
    let previous = document.entry(client_id);
    let entry = format::write(client_id, token, previous.as_deref().map(String::as_str));
    let record = format::write_record(token);
    document.set(client_id, &entry, record.as_deref().map(String::as_str));
}
