//! Finds out whether a browser can be opened here, and with which program.

mod browser_variable;

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The facts that the decision depends on. [`Surroundings::of_this_machine`] looks them up; a test
/// supplies its own.
///
/// ```
/// use authgate_core::flow::{NoBrowser, Surroundings, System};
///
/// let surroundings = Surroundings {
///     system: System::Unix,
///     terminal: true,
///     variable: Box::new(|name| (name == "SSH_TTY").then(|| "/dev/pts/0".to_owned())),
///     find_program: Box::new(|name| Some(format!("/usr/bin/{name}").into())),
/// };
/// assert_eq!(surroundings.browser(), Err(NoBrowser::Ssh));
/// ```
pub struct Surroundings {
    /// The operating system.
    pub system: System,
    /// Whether a person sits at a terminal.
    pub terminal: bool,
    /// Reads an environment variable.
    pub variable: Lookup<String>,
    /// Finds an executable by its name or its whole path.
    pub find_program: Lookup<PathBuf>,
}

/// A function that looks something up by its name.
pub type Lookup<T> = Box<dyn Fn(&str) -> Option<T> + Send + Sync>;

/// An operating system, as far as browsers are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// macOS, which always has a browser.
    MacOs,
    /// Windows, which always has a browser.
    Windows,
    /// Linux and the others, including WSL.
    Unix,
}

/// A program that opens a URL, which it receives as one argument after its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

impl Launcher {
    /// Creates a launcher. The URL follows after `arguments`.
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }

    /// Returns the program.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// Why no browser can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoBrowser {
    /// This is an SSH session (`SSH_CONNECTION`, `SSH_TTY`). The browser would open on the remote
    /// machine, even with a `DISPLAY`.
    Ssh,
    /// The browser and the port that it comes back to are on different machines.
    RemoteContainer,
    /// `CI` is set, so no person is there.
    Ci,
    /// There is no terminal, so no person is there.
    NoTerminal,
    /// Neither `DISPLAY` nor `WAYLAND_DISPLAY` is set.
    NoDisplay,
    /// There is no program that opens a URL.
    NoLauncher,
}

impl fmt::Display for NoBrowser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ssh => "this is an SSH session, and the browser would open on the other machine",
            Self::RemoteContainer => {
                "this is a container elsewhere, and a browser here could not come back to it"
            }
            Self::Ci => "CI is set, so nobody is there to log in",
            Self::NoTerminal => "there is no terminal, so nobody is there to log in",
            Self::NoDisplay => "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)",
            Self::NoLauncher => {
                "there is no program that opens a URL (xdg-open, wslview, or one named in BROWSER)"
            }
        })
    }
}

impl std::error::Error for NoBrowser {}

impl From<NoBrowser> for Error {
    fn from(reason: NoBrowser) -> Self {
        Self::BrowserUnavailable {
            reason: format!("no browser can be opened here: {reason}"),
            source: None,
        }
    }
}

impl Surroundings {
    /// Looks up the facts for this process.
    pub fn of_this_machine() -> Self {
        let system = if cfg!(target_os = "macos") {
            System::MacOs
        } else if cfg!(windows) {
            System::Windows
        } else {
            System::Unix
        };
        Self {
            system,
            terminal: std::io::stdin().is_terminal(),
            variable: Box::new(|name| std::env::var(name).ok()),
            find_program: Box::new(find_program),
        }
    }

    /// Returns the program that opens a browser which the person at the terminal can see.
    ///
    /// # Errors
    ///
    /// The first reason why no browser can be opened.
    pub fn browser(&self) -> Result<Launcher, NoBrowser> {
        if self.is_set("SSH_CONNECTION") || self.is_set("SSH_TTY") {
            return Err(NoBrowser::Ssh);
        }
        if self.is_yes("CODESPACES") || self.is_yes("REMOTE_CONTAINERS") {
            return Err(NoBrowser::RemoteContainer);
        }
        if self.is_yes("CI") {
            return Err(NoBrowser::Ci);
        }
        if !self.terminal {
            return Err(NoBrowser::NoTerminal);
        }
        self.launcher()
    }

    /// Returns whether no flow can work, because no person is there to see it: `CI` is set and
    /// there is no terminal.
    pub fn is_unattended(&self) -> bool {
        self.is_yes("CI") && !self.terminal
    }

    fn launcher(&self) -> Result<Launcher, NoBrowser> {
        let found =
            |name: &str| (self.find_program)(name).map(|program| Launcher::new(program, [""; 0]));
        let launcher = match self.system {
            // Use the whole path, because Windows would also search the current folder.
            System::Windows => {
                let root = self
                    .value("SystemRoot")
                    .unwrap_or_else(|| r"C:\Windows".to_owned());
                let program = format!(r"{root}\System32\rundll32.exe");
                Some(Launcher::new(program, ["url.dll,FileProtocolHandler"]))
            }
            System::MacOs => self.named_browser().or_else(|| found("open")),
            // wslview opens the browser of the surrounding Windows, which needs no display.
            System::Unix if self.is_wsl() && (self.find_program)("wslview").is_some() => {
                self.named_browser().or_else(|| found("wslview"))
            }
            System::Unix if self.is_set("DISPLAY") || self.is_set("WAYLAND_DISPLAY") => {
                self.named_browser().or_else(|| found("xdg-open"))
            }
            System::Unix => return Err(NoBrowser::NoDisplay),
        };
        launcher.ok_or(NoBrowser::NoLauncher)
    }

    fn named_browser(&self) -> Option<Launcher> {
        browser_variable::launcher(&self.value("BROWSER")?, &self.find_program)
    }

    fn is_wsl(&self) -> bool {
        self.is_set("WSL_DISTRO_NAME") || self.is_set("WSL_INTEROP")
    }

    fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Returns whether the variable is set to anything but `false` or `0`. Some people set
    /// `CI=false` to say that this is not CI.
    fn is_yes(&self, name: &str) -> bool {
        self.value(name)
            .is_some_and(|value| !matches!(value.as_str(), "false" | "0"))
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Surroundings")
            .field("system", &self.system)
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// Searches where the system would, but never in the current folder, because another user may own
/// it.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        return is_executable(path).then(|| path.to_owned());
    }
    if path.components().count() != 1 {
        return None;
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
