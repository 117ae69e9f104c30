//! The process environment and an optional `.env` file.

use std::cell::Cell;
use std::collections::HashMap;
use std::env::VarError;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::expansion::{expand, hide_dollars};
use super::url::PlainHttp;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text::printable_path;

/// A real `.env` is smaller than this, before and after its variables are expanded, so we refuse a
/// larger one.
const FILE_LIMIT: usize = 64 * 1024;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Variables from the process environment or, if it does not set them, from `.env`.
///
/// ```no_run
/// # fn example() -> authgate_core::Result<()> {
/// use authgate_core::Environment;
///
/// let environment = Environment::load()?;
/// let [client_id, client_secret] = environment.require(["CLIENT_ID", "CLIENT_SECRET"])?;
/// let scope = environment.get("SCOPE")?;
/// # Ok(())
/// # }
/// ```
///
/// We read the file in the current directory only, because a file in a parent directory may belong
/// to somebody else. We never write to the process environment. `Debug` shows the names, but no
/// values.
pub struct Environment {
    file: HashMap<String, Entry>,
    /// The file's path, safe to print.
    path: String,
}

/// A variable in the file.
struct Entry {
    value: Secret,
    /// The line on which the entry begins.
    line: usize,
}

impl Entry {
    fn is_blank(&self) -> bool {
        self.value.expose().trim().is_empty()
    }
}

impl Environment {
    /// Reads `.env` in the current directory, if there is one.
    ///
    /// [dotenvy] parses the values. `$NAME` and `${NAME}`, unless single-quoted, stand for a variable
    /// from an earlier line of the file, never for one from the process environment: the file may be
    /// a stranger's, and could send it anywhere. If two entries have the same name, the first one
    /// counts.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the file is not a regular file, belongs to another user than this one or
    /// root, can be written by others, cannot be read, is not UTF-8 text, is
    /// larger than 64 KiB, before or after its variables are expanded, or has a malformed entry or
    /// one with the name of no earlier variable. The message names the line, never its content.
    pub fn load() -> Result<Self> {
        Self::load_from(Path::new(".env"))
    }

    /// Reads another file in the same way as [`Environment::load`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Environment::load`].
    pub fn load_from(path: &Path) -> Result<Self> {
        let printable_path = printable_path(path);
        let file = read_file(path)
            .and_then(|text| parse(&text))
            .map_err(|reason| Error::permanent(format!("{printable_path}: {reason}")))?;
        Ok(Self {
            file,
            path: printable_path,
        })
    }

    /// Returns the variable's value; `None` if it is unset, empty or blank.
    ///
    /// An empty variable in the process environment hides the one in the file.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the value in the process environment is not UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<Secret>> {
        let value = match std::env::var(name) {
            Ok(value) => Some(Secret::from(value)),
            Err(VarError::NotPresent) => self.file.get(name).map(|entry| entry.value.clone()),
            Err(VarError::NotUnicode(_)) => {
                return Err(Error::permanent(format!(
                    "{name} is not valid UTF-8. Set it again"
                )));
            }
        };
        Ok(value.filter(|value| !value.expose().trim().is_empty()))
    }

    /// Returns whether a variable that is `1` or `0` is on. An unset variable is off.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] for any other value: one program would read `false` as a yes, another as a
    /// no.
    pub fn switch(&self, name: &str) -> Result<bool> {
        match self.get(name)?.as_ref().map(Secret::expose) {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(Error::permanent(format!(
                "{name} is neither 1 nor 0. Set it to 1 for yes, or to 0 for no"
            ))),
        }
    }

    /// Returns a variable of the process environment. A file in the current folder must not set it,
    /// because that file may belong to an attacker.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the file sets it, or when the value is not UTF-8.
    pub fn get_exported(&self, name: &str) -> Result<Option<Secret>> {
        if self.file.contains_key(name) {
            return Err(Error::permanent(format!(
                "{name} is in the file .env, where it is not allowed. Export it instead"
            )));
        }
        self.get(name)
    }

    /// Returns whether `AUTHGATE_ALLOW_HTTP` allows plain http to other machines.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Environment::switch`].
    pub fn plain_http(&self) -> Result<PlainHttp> {
        let is_allowed = self.switch("AUTHGATE_ALLOW_HTTP")?;
        Ok(if is_allowed {
            PlainHttp::Anywhere
        } else {
            PlainHttp::Loopback
        })
    }

    /// Returns the values of all these variables, in the same order.
    ///
    /// # Errors
    ///
    /// [`Error::Other`], which names every missing variable at once and says what to do.
    pub fn require<const N: usize>(&self, names: [&str; N]) -> Result<[Secret; N]> {
        let mut values = Vec::with_capacity(N);
        let mut missing = Vec::new();
        for name in names {
            match self.get(name)? {
                Some(value) => values.push(value),
                None => missing.push(name),
            }
        }
        values.try_into().map_err(|_| {
            let hidden: Vec<&str> = missing.iter().copied().filter(|&name| self.hides(name)).collect();
            let hidden = match hidden.join(", ") {
                names if names.is_empty() => names,
                names => format!(". These are empty in the environment, which hides their values in the file: {names}"),
            };
            let empty = self.empty_in_file(&missing);
            Error::permanent(format!(
                "not set: {}. Export {them}, or write {them} into a file .env in the current directory (.env.example \
                 shows how){hidden}{empty}",
                missing.join(", "),
                them = if missing.len() == 1 { "it" } else { "them" },
            ))
        })
    }

    /// Returns a warning if `CLIENT_SECRET` comes from the process environment and one of
    /// `destinations`, the variables with the URLs that the secret or its tokens are sent to, from
    /// the file. That is legitimate, but so a file in a strange folder could steal them.
    pub fn mixed_sources(&self, destinations: &[&str]) -> Option<String> {
        let is_secret_exported =
            std::env::var_os("CLIENT_SECRET").is_some_and(|value| !value.is_empty());
        let from_file: Vec<&str> = destinations
            .iter()
            .copied()
            .filter(|name| self.is_in_file(name) && std::env::var_os(name).is_none())
            .collect();
        (is_secret_exported && !from_file.is_empty()).then(|| {
            format!(
                "CLIENT_SECRET comes from the environment, but {} decides where the secret and its tokens are sent: it \
                 sets {}",
                self.path,
                from_file.join(", ")
            )
        })
    }

    /// Says which of these variables the file gives an empty value, and on which line.
    fn empty_in_file(&self, names: &[&str]) -> String {
        let lines: Vec<String> = names
            .iter()
            .filter(|name| std::env::var_os(name).is_none())
            .filter_map(|&name| {
                let entry = self.file.get(name).filter(|entry| entry.is_blank())?;
                Some(format!("{name} (line {})", entry.line))
            })
            .collect();
        if lines.is_empty() {
            return String::new();
        }
        format!(
            ". {} gives an empty value to {}: put a value with $ or # in single quotes",
            self.path,
            lines.join(", ")
        )
    }

    /// Returns whether an empty variable in the environment hides a value in the file.
    fn hides(&self, name: &str) -> bool {
        self.is_in_file(name) && std::env::var_os(name).is_some()
    }

    /// Returns whether the file has a value for this variable that is not blank.
    fn is_in_file(&self, name: &str) -> bool {
        self.file.get(name).is_some_and(|entry| !entry.is_blank())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.file.keys()).finish()
    }
}

/// Reads the file, or returns why we do not read it. A missing file is like an empty one.
fn read_file(path: &Path) -> Result<String, String> {
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
