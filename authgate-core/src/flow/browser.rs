//! Opens a URL in the person's browser.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use url::Url;

use crate::error::{Cause, Error, Result};

/// A launcher that still runs after this time is assumed to be the browser itself.
const LAUNCH_LIMIT: Duration = Duration::from_secs(5);

/// Opens a URL for a person to see. Tests supply their own.
pub trait Browser: Send + Sync {
    /// Opens `url`. The future completes when the browser is open, as far as we can tell.
    ///
    /// # Errors
    ///
    /// [`Error::BrowserUnavailable`] with the reason.
    fn open<'a>(&'a self, url: &'a Url) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

    /// Returns whether opening a URL may work, as far as is known before trying.
    fn is_available(&self) -> bool {
        true
    }
}

/// The browser of this machine, opened by a launcher program such as `xdg-open`. If one fails, the
/// next is tried. [`Platform::browser`](super::Platform::browser) finds them.
///
/// A launcher runs by itself: its output is discarded, a Ctrl-C at the terminal does not reach it,
/// and `CLIENT_SECRET` is not in its environment. The URL is in one of its arguments, and no shell
/// is involved.
///
/// We do not use the `webbrowser` crate, because it passes on the whole environment, waits for text
/// browsers, and does not limit how long a launcher takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemBrowser {
    /// The launchers to try in turn, or the reason why there is none.
    launchers: Result<Vec<Launcher>, &'static str>,
}

/// A program that opens a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Launcher {
    /// Creates a launcher. `%s` in an argument stands for the URL; without one, the URL follows
    /// after `arguments`.
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }

    /// Returns the program and the arguments that open `url`.
    pub fn command_line(&self, url: &str) -> (&Path, Vec<String>) {
        let mut arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|argument| argument.replace("%s", url))
            .collect();
        if arguments == self.arguments {
            arguments.push(url.to_owned());
        }
        (&self.program, arguments)
    }
}

impl SystemBrowser {
    /// Creates a browser that is opened by the first of these launchers that succeeds.
    pub fn new(launchers: impl Into<Vec<Launcher>>) -> Self {
        Self {
            launchers: Ok(launchers.into()),
        }
    }

    /// Creates a browser that cannot be opened, for this reason.
    pub fn unavailable(reason: &'static str) -> Self {
        Self {
            launchers: Err(reason),
        }
    }

    /// Returns why the browser cannot be opened, if that is so.
    pub fn obstacle(&self) -> Option<&'static str> {
        self.launchers.as_ref().err().copied()
    }

    /// Returns the launchers, of which there are none if the browser cannot be opened.
    #[cfg(feature = "test-util")]
    pub fn launchers(&self) -> &[Launcher] {
        self.launchers.as_deref().unwrap_or_default()
    }
}

impl Browser for SystemBrowser {
    fn open<'a>(&'a self, url: &'a Url) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
        Box::pin(async move {
            let launchers = self
                .launchers
                .as_ref()
                .map_err(|reason| unavailable(reason))?;
            // A launcher opens every URL, and on some systems `file:` runs programs. Besides, a URL
            // that begins with http cannot be mistaken for an option.
            if !matches!(url.scheme(), "http" | "https") {
                return Err(unavailable("only http and https addresses are opened"));
            }
            let mut failures = Vec::new();
            for launcher in launchers {
                match launch(launcher, url).await {
                    Ok(()) => return Ok(()),
                    Err(failure) => failures.push(failure),
                }
            }
            Err(unavailable(&failures.join(", and ")))
        })
    }

    fn is_available(&self) -> bool {
        self.launchers.is_ok()
    }
}

/// Runs the launcher. Returns why it failed, if it did.
async fn launch(launcher: &Launcher, url: &Url) -> Result<(), String> {
    let (program, arguments) = launcher.command_line(url.as_str());
    let name = program.display();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_remove("CLIENT_SECRET")
        // xdg-open would read BROWSER again, and less carefully than we have.
        .env_remove("BROWSER")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(false);
    #[cfg(unix)]
    command.process_group(0);

    let mut child = command
        .spawn()
        .map_err(|error| format!("{name} cannot be run: {}", Cause::innermost(&error)))?;
    match timeout(LAUNCH_LIMIT, child.wait()).await {
        Ok(Ok(status)) if !status.success() && !is_explorer(program) => {
            Err(format!("{name} ended with {}", exit_status(status)))
        }
        // The launcher succeeded, or it still runs and may be the browser itself.
        _ => Ok(()),
    }
}

/// Returns whether this is the Explorer of Windows, which ends with status 1 although it opens the
/// browser. WSL users name it in `BROWSER`.
fn is_explorer(program: &Path) -> bool {
    program
        .file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case("explorer.exe"))
}

fn exit_status(status: ExitStatus) -> String {
    status
        .code()
        .map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"))
}

fn unavailable(reason: &str) -> Error {
    Error::BrowserUnavailable {
        reason: format!("no browser can be opened here: {reason}"),
        source: None,
    }
}
