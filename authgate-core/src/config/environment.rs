//! The process environment and an optional `.env` file.

use std::collections::HashMap;
use std::env::VarError;
use std::fmt;
use std::path::Path;

use super::env_file::{self, Entry};
use super::url::PlainHttp;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text::printable_path;

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
    /// root, can be written by others, cannot be read, is not UTF-8 text, or is larger than 64 KiB,
    /// before or after its variables are expanded; or when an entry is malformed, or its `$NAME` is no
    /// variable from an earlier line. The message names the line, never its content.
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
        let file = env_file::read(path)
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
        values
            .try_into()
            .map_err(|_| Error::permanent(self.not_set(&missing)))
    }

    /// Says which variables have no value, what to do, and where they are set to an empty value.
    fn not_set(&self, missing: &[&str]) -> String {
        let them = if missing.len() == 1 { "it" } else { "them" };
        let mut sentences = vec![format!(
            "not set: {}. Export {them}, or write {them} into a file .env in the current directory (.env.example shows \
             how)",
            missing.join(", ")
        )];
        let (exported, others): (Vec<&str>, Vec<&str>) = missing
            .iter()
            .partition(|name| std::env::var_os(name).is_some());
        let hidden: Vec<&str> = exported
            .into_iter()
            .filter(|name| self.is_in_file(name))
            .collect();
        if !hidden.is_empty() {
            sentences.push(format!(
                "These are empty in the environment, which hides their values in the file: {}",
                hidden.join(", ")
            ));
        }
        let blank: Vec<String> = others
            .into_iter()
            .filter_map(|name| Some(format!("{name} (line {})", self.file.get(name)?.line)))
            .collect();
        if !blank.is_empty() {
            sentences.push(format!(
                "{} gives an empty value to {}: put a value with $ or # in single quotes",
                self.path,
                blank.join(", ")
            ));
        }
        sentences.join(". ")
    }

    /// Returns a warning if `CLIENT_SECRET` comes from the process environment and one of
    /// `destinations`, the variables with the URLs that the secret or its tokens are sent to, from
    /// the file. That may be intended, or the file in a strange folder is there to steal them.
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
