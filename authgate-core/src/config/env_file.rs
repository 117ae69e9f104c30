//! Reads a `.env` file.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::expansion::{expand, hide_dollars};
use crate::secret::Secret;
use crate::text::printable_path;

/// A real `.env` is smaller than this, before and after its variables are expanded, so we refuse a
/// larger one.
const FILE_LIMIT: usize = 64 * 1024;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A variable in the file.
pub(super) struct Entry {
    pub(super) value: Secret,
    /// The line on which the entry begins.
    pub(super) line: usize,
}

impl Entry {
    pub(super) fn is_blank(&self) -> bool {
        self.value.expose().trim().is_empty()
    }
}

/// Reads the variables in the file, or returns why we do not read it. A missing file is like an
/// empty one.
pub(super) fn read(path: &Path) -> Result<HashMap<String, Entry>, String> {
    parse(&read_text(path)?)
}

fn read_text(path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("cannot be read ({error})");
    let file = match open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        opened => opened.map_err(unreadable)?,
    };
    // Examine the opened file, because the path may name another one by now.
    let metadata = file.metadata().map_err(unreadable)?;
    if let Some(reason) = objection(path, &metadata) {
        return Err(reason);
    }
    let mut text = String::new();
    file.take(FILE_LIMIT as u64 + 1)
        .read_to_string(&mut text)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
            _ => unreadable(error),
        })?;
    if text.len() > FILE_LIMIT {
        return Err("is larger than 64 KiB".to_owned());
    }
    if text.contains('\0') {
        return Err("contains a NUL character. Save it as UTF-8 text".to_owned());
    }
    // Without a final line break, dotenvy takes trailing white space for an unfinished entry.
    text.push('\n');
    Ok(text)
}

/// Opens the file without waiting, because a FIFO with its name would block the program forever.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options.open(path)
}

/// Returns why we do not read this file. We follow a link, as people keep one `.env` for several
/// folders: what counts is who can change the file that it leads to.
fn objection(path: &Path, metadata: &Metadata) -> Option<String> {
    if !metadata.is_file() {
        return Some("is not a regular file".to_owned());
    }
    if belongs_to_another_user(metadata) {
        return Some(
            "belongs to another user, who could decide where secrets are sent. Make a copy of your own, or \
             export the variables"
                .to_owned(),
        );
    }
    is_writable_by_others(metadata).then(|| {
        format!(
            "other users can change it, and with it where secrets are sent. Run: chmod go-w {}",
            printable_path(path)
        )
    })
}

/// Returns whether a file or folder is neither ours nor root's.
#[cfg(unix)]
pub(crate) fn belongs_to_another_user(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    let owner = metadata.uid();
    owner != 0 && owner != rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn is_writable_by_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    const WRITABLE_BY_GROUP: u32 = 0o020;
    const WRITABLE_BY_ALL: u32 = 0o002;

    // Where each user has a group of their own, it has the user's number, and new files are often
    // writable by it.
    let has_others_in_group = metadata.gid() != metadata.uid();
    let writable_by_group = metadata.mode() & WRITABLE_BY_GROUP != 0 && has_others_in_group;
    writable_by_group || metadata.mode() & WRITABLE_BY_ALL != 0
}

/// Always false, because the profile folder keeps other users out here.
#[cfg(not(unix))]
pub(crate) fn belongs_to_another_user(_: &Metadata) -> bool {
    false
}

/// Always false, for the same reason.
#[cfg(not(unix))]
fn is_writable_by_others(_: &Metadata) -> bool {
    false
}

fn parse(text: &str) -> Result<HashMap<String, Entry>, String> {
    let text = hide_dollars(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
    let is_skipped: Vec<bool> = text.lines().map(is_blank_or_comment).collect();
    let lines_read = Cell::new(0);
    let mut entries = dotenvy::from_read_iter(Lines {
        rest: text.as_bytes(),
        count: &lines_read,
    });
    let mut variables: HashMap<String, Entry> = HashMap::new();
    let mut room = FILE_LIMIT;
    loop {
        let before = lines_read.get();
        let Some(entry) = entries.next() else {
            return Ok(variables);
        };
        // The parser has silently skipped the blank lines and comments before the entry.
        let skipped = is_skipped.iter().skip(before).take_while(|line| **line);
        let line = before + skipped.count() + 1;
        let at_line = |problem: &str| format!("line {line} {problem}");
        // dotenvy's own message quotes the line, and with it the secret.
        let (name, value) = entry.map_err(|_| {
            at_line(
                "is not of the form NAME=value, or does not close a quote. Put a value with spaces, quotes, $ or # in \
                 single quotes",
            )
        })?;
        let known = |name: &str| variables.get(name).map(|entry| entry.value.expose());
        let value = expand(&value, known, room).map_err(at_line)?;
        room -= value.len();
        // The first of two entries counts.
        let value = Secret::from(value);
        variables.entry(name).or_insert(Entry { value, line });
    }
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// Hands out one physical line per read and counts them, because dotenvy's errors carry a column
/// but no line.
struct Lines<'a> {
    rest: &'a [u8],
    count: &'a Cell<usize>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line_end = self
            .rest
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(self.rest.len(), |at| at + 1);
        let length = line_end.min(buffer.len());
        let (line, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(line);
        self.rest = rest;
        if line.ends_with(b"\n") {
            self.count.set(self.count.get() + 1);
        }
        Ok(length)
    }
}
