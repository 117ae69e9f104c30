//! Opening a URL in the person's browser.

use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use url::Url;

use super::surroundings::{Launcher, NoBrowser};
use crate::error::{Cause, Error, Result};

/// A launcher that has not ended by then is taken to be the browser itself.
const LAUNCH_LIMIT: Duration = Duration::from_secs(5);

/// What [`Browser::open`] returns: done when the browser is open, as far as one can tell.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Something that opens a URL for a person to see. Tests bring their own.
pub trait Browser: Send + Sync {
    /// Opens `url`.
    ///
    /// # Errors
    ///
    /// [`Error::BrowserUnavailable`] with the reason.
    fn open<'a>(&'a self, url: &'a Url) -> Opening<'a>;

    /// Whether it is worth a try, as far as is known before one.
    fn is_available(&self) -> bool {
        true
    }
}

/// The browser of the machine, opened by a program that was found to do so.
///
/// The program runs by itself: nothing that it prints is seen, a Ctrl-C at the terminal does not
/// reach it, and `CLIENT_SECRET` is not in its environment. The URL is one argument to it, and no
/// shell is involved.
///
/// The `webbrowser` crate was not used: it hands the whole environment on, it waits for text
/// browsers, and it does not limit how long a launcher takes.
#[derive(Debug, Clone)]
pub struct SystemBrowser {
    launcher: Result<Launcher, NoBrowser>,
}

impl SystemBrowser {
    /// Opens URLs by `launcher`, as [`Surroundings::browser`](super::Surroundings::browser) has
    /// found it. Without one, opening fails with the reason.
    pub fn new(launcher: Result<Launcher, NoBrowser>) -> Self {
        Self { launcher }
    }
}

impl Browser for SystemBrowser {
    fn open<'a>(&'a self, url: &'a Url) -> Opening<'a> {
        Box::pin(async move {
            let launcher = self.launcher.as_ref().map_err(|reason| Error::from(*reason))?;
            // A launcher opens whatever it is given: `file:` runs programs on some systems. And a
            // URL that begins with http cannot be taken for an option.
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
        // What BROWSER says has been judged; xdg-open would read it again, and less carefully.
        .env_remove("BROWSER")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(false);
    #[cfg(unix)]
    command.process_group(0);

    let mut child =
        command.spawn().map_err(|error| unavailable(&format!("{name} cannot be run: {}", Cause::innermost(&error))))?;
    match timeout(LAUNCH_LIMIT, child.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(unavailable(&format!("{name} ended with {}", ending(status)))),
        // Ended well, or still running: the browser itself, perhaps.
        _ => Ok(()),
    }
}

fn ending(status: ExitStatus) -> String {
    status.code().map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"))
}

fn unavailable(reason: &str) -> Error {
    Error::BrowserUnavailable { reason: reason.to_owned() }
}
