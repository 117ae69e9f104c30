//! Opens a URL in the person's browser.

#[cfg(feature = "test-util")]
use std::path::Path;
use std::path::PathBuf;
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

/// The browser of this machine, opened by a launcher program such as `xdg-open`.
/// [`Platform::browser`](super::Platform::browser) finds it.
///
/// The launcher runs by itself: its output is discarded, a Ctrl-C at the terminal does not reach
/// it, and `CLIENT_SECRET` is not in its environment. The URL is one of its arguments, and no shell
/// is involved.
///
/// We do not use the `webbrowser` crate, because it passes on the whole environment, waits for text
/// browsers, and does not limit how long a launcher takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemBrowser {
    /// The launcher, or the reason why there is none.
    launcher: Result<Launcher, &'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Launcher {
    program: PathBuf,
    arguments: Vec<String>,
}

impl SystemBrowser {
    /// Creates a browser that is opened by `program`. The URL follows after `arguments`.
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            launcher: Ok(Launcher {
                program: program.into(),
                arguments: arguments.into_iter().map(Into::into).collect(),
            }),
        }
    }

    /// Creates a browser that cannot be opened, for this reason.
    pub fn unavailable(reason: &'static str) -> Self {
        Self {
            launcher: Err(reason),
        }
    }

    /// Returns the launcher program, or `None` if the browser cannot be opened.
    #[cfg(feature = "test-util")]
    pub fn program(&self) -> Option<&Path> {
        self.launcher
            .as_ref()
            .ok()
            .map(|launcher| launcher.program.as_path())
    }
}

impl Browser for SystemBrowser {
    fn open<'a>(&'a self, url: &'a Url) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
        Box::pin(async move {
            let launcher = self
                .launcher
                .as_ref()
                .map_err(|reason| unavailable(reason))?;
            // A launcher opens every URL, and on some systems `file:` runs programs. Besides, a URL
            // that begins with http cannot be mistaken for an option.
            if !matches!(url.scheme(), "http" | "https") {
                return Err(unavailable("only http and https addresses are opened"));
            }
            launch(launcher, url).await
        })
    }

    fn is_available(&self) -> bool {
        self.launcher.is_ok()
    }
}

async fn launch(launcher: &Launcher, url: &Url) -> Result<()> {
    let name = launcher.program.display();
    let mut command = Command::new(&launcher.program);
    command
        .args(&launcher.arguments)
        .arg(url.as_str())
        .env_remove("CLIENT_SECRET")
        // xdg-open would read BROWSER again, and less carefully than we have.
        .env_remove("BROWSER")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(false);
    #[cfg(unix)]
    command.process_group(0);

    let mut child = command.spawn().map_err(|error| {
        unavailable(&format!(
            "{name} cannot be run: {}",
            Cause::innermost(&error)
        ))
    })?;
    match timeout(LAUNCH_LIMIT, child.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(unavailable(&format!(
            "{name} ended with {}",
            exit_status(status)
        ))),
        // The launcher succeeded, or it still runs and may be the browser itself.
        _ => Ok(()),
    }
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
