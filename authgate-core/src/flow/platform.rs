//! Finds out whether a browser can be opened here, and with which program.

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::browser::{Launcher, SystemBrowser};
use super::browser_variable;

/// The facts about this machine that decide which flow can work. [`Platform::current`] looks them
/// up; a test supplies its own.
pub struct Platform {
    /// The operating system.
    pub system: System,
    /// Whether a person sits at a terminal.
    pub terminal: bool,
    /// Reads an environment variable.
    pub variable: Lookup<String>,
    /// Finds an executable by its name or its whole path.
    pub find_program: Lookup<PathBuf>,
}

type Lookup<T> = Box<dyn Fn(&str) -> Option<T> + Send + Sync>;

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

impl Platform {
    /// Looks up the facts for this process.
    pub fn current() -> Self {
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

    /// Returns the browser that a person at this machine can see. It is unavailable, with the first
    /// reason that applies, over SSH, in a remote container, in CI, without a display, and where no
    /// program opens URLs. An editor's run button has no terminal, so none is needed.
    pub fn browser(&self) -> SystemBrowser {
        let has_display = self.is_set("DISPLAY") || self.is_set("WAYLAND_DISPLAY");
        let obstacle = if self.is_set("SSH_CONNECTION") || self.is_set("SSH_TTY") {
            // Even with a DISPLAY.
            "this is an SSH session, so the browser would open on the remote machine"
        } else if self.is_true("CODESPACES") || self.is_true("REMOTE_CONTAINERS") {
            "this is a remote container, which a browser on your machine cannot reach"
        } else if self.is_true("CI") {
            "CI is set, so nobody is there to log in"
        } else if self.system == System::Unix && !has_display && self.wslview().is_none() {
            // wslview opens the browser of the Windows host, which needs no display.
            "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
        } else {
            return self.requested_browser();
        };
        SystemBrowser::unavailable(obstacle)
    }

    /// Returns the browser for a person who has asked for it by name: any launcher will do, because
    /// the person knows what it opens, such as a browser over `ssh -X`.
    pub fn requested_browser(&self) -> SystemBrowser {
        let launchers = match self.browser_variable() {
            Some(Ok(launchers)) => launchers,
            _ => self.system_launchers(),
        };
        if launchers.is_empty() {
            return SystemBrowser::unavailable(
                "no program that opens URLs was found (xdg-open, wslview, or one named in BROWSER)",
            );
        }
        SystemBrowser::new(launchers)
    }

    /// Returns why `BROWSER` is set and yet not used, if that is so.
    pub fn problem_with_browser_variable(&self) -> Option<String> {
        self.browser_variable()?.err()
    }

    /// Returns whether no flow can work, because no person is there to see it: `CI` is set and
    /// there is no terminal.
    pub fn is_unattended(&self) -> bool {
        self.is_true("CI") && !self.terminal
    }

    fn system_launchers(&self) -> Vec<Launcher> {
        let found = |name| (self.find_program)(name);
        let programs = match self.system {
            // Windows would search the current folder as well, so use the whole path.
            System::Windows => {
                let root = self
                    .value("SystemRoot")
                    .unwrap_or_else(|| r"C:\Windows".to_owned());
                let program = format!(r"{root}\System32\rundll32.exe");
                return vec![Launcher::new(program, ["url.dll,FileProtocolHandler"])];
            }
            System::MacOs => vec![found("open")],
            System::Unix => vec![self.wslview(), found("xdg-open")],
        };
        let programs = programs.into_iter().flatten();
        programs
            .map(|program| Launcher::new(program, [""; 0]))
            .collect()
    }

    /// Returns the launchers that `BROWSER` names, or why it names none. Windows has no such
    /// variable.
    fn browser_variable(&self) -> Option<Result<Vec<Launcher>, String>> {
        let variable = self.value("BROWSER")?;
        (self.system != System::Windows)
            .then(|| browser_variable::launchers(&variable, &self.find_program))
    }

    fn wslview(&self) -> Option<PathBuf> {
        let is_wsl = self.is_set("WSL_DISTRO_NAME") || self.is_set("WSL_INTEROP");
        is_wsl.then(|| (self.find_program)("wslview"))?
    }

    fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Returns whether the variable is set to anything but `false` or `0`. Some people set
    /// `CI=false` to say that this is not CI.
    fn is_true(&self, name: &str) -> bool {
        self.value(name)
            .is_some_and(|value| !matches!(value.as_str(), "false" | "0"))
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Platform")
            .field("system", &self.system)
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// Searches `PATH` as the system would, but never in the current folder, because another user may
/// own it.
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
