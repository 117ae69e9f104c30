//! Opens and creates files so that no other user can substitute one.
//!
//! A token file has a known path. A user who can put a link, a pipe or a file of their own there
//! could read the tokens, or make us overwrite another file. We therefore follow no link, and check
//! the opened file by its descriptor, because a path can change its meaning between two calls.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
#[cfg(not(unix))]
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::config::belongs_to_another_user;
use crate::error::{Error, Result};
use crate::text::printable_path;

/// Follows the name of a file in the names of its temporary files.
pub(super) const TEMPORARY: &str = ".authgate-rust-";

pub(super) fn store_error(path: &Path, reason: impl Into<String>) -> Error {
    Error::transient(format!("{}: {}", printable_path(path), reason.into()))
}

/// Creates an error with the system's message and with advice.
pub(super) fn io_error(path: &Path, action: &str, error: &io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::NotFound => ": the folder does not exist; make it, or set HOME to one that does",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            ": make it writable, or set HOME to a folder of yours"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            ": free some space and try again"
        }
        _ => "",
    };
    let error = error.to_string();
    // The error of a temporary file ends with its random path, which helps nobody, and a notice that
    // differs each time is shown each time.
    let reason = error.split(" at path ").next().unwrap_or_default();
    store_error(path, format!("cannot be {action} ({reason}){advice}"))
}

/// Opens `path` if it is a file of ours. Returns `None` if there is no file.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<Option<(File, Metadata)>> {
    let file = match do_not_follow(options).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) if path.is_symlink() => {
            return Err(store_error(
                path,
                "is a symbolic link, which is not followed: put the file itself there, or remove the link",
            ));
        }
        Err(error) => return Err(io_error(path, "opened", &error)),
    };
    let metadata = file
        .metadata()
        .map_err(|error| io_error(path, "examined", &error))?;
    match objection(&metadata) {
        None => Ok(Some((file, metadata))),
        Some(objection) => Err(store_error(path, objection)),
    }
}

/// Checks the folder of `path`, which must not belong to another user.
///
/// Returns whether other users can still write in it.
pub(super) fn check_folder(path: &Path) -> Result<bool> {
    let folder = folder(path);
    let metadata = std::fs::metadata(folder).map_err(|error| io_error(folder, "used", &error))?;
    if !metadata.is_dir() {
        return Err(store_error(folder, "is not a folder: set HOME to one"));
    }
    // With `sudo`, HOME may be the user's, and a file created there would lock them out.
    if belongs_to_another_user(&metadata) {
        return Err(store_error(
            folder,
            "belongs to another user: set HOME to a folder of yours",
        ));
    }
    Ok(is_open_to_others(&metadata))
}

/// Creates an empty file beside `path` that only we can read, with an unpredictable name that begins
/// with its name and [`TEMPORARY`]. The file is removed when it is dropped.
pub(super) fn temporary(path: &Path) -> Result<NamedTempFile> {
    let prefix = with_suffix(path, TEMPORARY);
    tempfile::Builder::new()
        .prefix(prefix.file_name().unwrap_or_default())
        .rand_bytes(12)
        .tempfile_in(folder(path))
        .map_err(|error| io_error(path, "written", &error))
}

/// Returns the files beside `path` whose names begin with its name and `suffix`, in order. A folder
/// that does not exist has none.
pub(super) fn files_beside(path: &Path, suffix: &str) -> Result<Vec<PathBuf>> {
    let folder = folder(path);
    let prefix = with_suffix(path, suffix);
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let unread = |error| io_error(folder, "read", &error);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unread)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unread)?;
        if entry.file_name().as_encoded_bytes().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Returns `path` with `suffix` after its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Returns whether `file` is the file at `path`, and not one that was there before.
pub(super) fn is_at(path: &Path, file: &File) -> bool {
    match (path.symlink_metadata(), file.metadata()) {
        (Ok(there), Ok(ours)) => is_same_file(&there, &ours),
        _ => false,
    }
}

/// Returns whether both describe the same file, whatever its name, as well as the system can tell.
pub(super) fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    #[cfg(unix)]
    let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
    #[cfg(not(unix))]
    let identity = |metadata: &Metadata| (metadata.created().ok(), metadata.modified().ok());
    identity(one) == identity(other)
}

/// Makes opening fail for a link, and return at once for a pipe that has no other end.
#[cfg(unix)]
fn do_not_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    options
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
}

#[cfg(not(unix))]
fn do_not_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// Returns why a file must not be used, if so.
fn objection(metadata: &Metadata) -> Option<&'static str> {
    if !metadata.is_file() {
        return Some("is not a regular file: remove it, or set HOME to another folder");
    }
    if !is_ours(metadata) {
        return Some("belongs to another user: remove it, or set HOME to a folder of yours");
    }
    #[cfg(unix)]
    if metadata.nlink() > 1 {
        return Some(
            "has a second name (a hard link), so writing to it would change another file: remove one of them",
        );
    }
    None
}

#[cfg(unix)]
pub(super) fn is_ours(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Always true, because the profile folder keeps other users out here.
#[cfg(not(unix))]
pub(super) fn is_ours(_: &Metadata) -> bool {
    true
}

/// Returns whether other users can remove or replace our files in the folder.
#[cfg(unix)]
fn is_open_to_others(folder: &Metadata) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const STICKY: u32 = 0o1000;

    folder.mode() & WRITABLE_BY_OTHERS != 0 && folder.mode() & STICKY == 0
}

/// Always false, for the same reason.
#[cfg(not(unix))]
fn is_open_to_others(_: &Metadata) -> bool {
    false
}
