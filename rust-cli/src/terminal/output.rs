//! The output for the person: standard error, or the terminal if nobody can read standard error.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use super::window;

/// The output that a person sees.
///
/// This is standard error. If a login needs the person and standard error reaches nobody, as with
/// `2>/dev/null`, it is the controlling terminal, as for the prompt of ssh.
#[derive(Default)]
pub(super) struct Output {
    /// The controlling terminal, if it takes the place of standard error.
    terminal: OnceLock<File>,
}

impl Output {
    /// Makes sure, if possible, that the person sees what follows.
    pub(super) fn require_person(&self) {
        if self.terminal.get().is_none()
            && !reaches_somebody(&io::stderr())
            && let Some(terminal) = open_terminal()
        {
            let _ = self.terminal.set(terminal);
        }
    }

    /// Returns whether a person may read the output.
    pub(super) fn is_visible(&self) -> bool {
        match self.terminal.get() {
            Some(terminal) => reaches_somebody(terminal),
            None => reaches_somebody(&io::stderr()),
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        match self.terminal.get() {
            Some(terminal) => terminal.is_terminal(),
            None => io::stderr().is_terminal(),
        }
    }

    /// Returns the columns and rows of the window, or `None` if there is none.
    pub(super) fn window_size(&self) -> Option<(usize, usize)> {
        match self.terminal.get() {
            Some(terminal) => window::size(terminal),
            None => window::size(&io::stderr()),
        }
    }

    /// Writes the text as it is, at once.
    pub(super) fn write(&self, text: &str) {
        let _ = match self.terminal.get() {
            Some(mut terminal) => terminal.write_all(text.as_bytes()),
            None => io::stderr().write_all(text.as_bytes()),
        };
    }
}

/// Opens the controlling terminal.
#[cfg(unix)]
fn open_terminal() -> Option<File> {
    File::options().write(true).open("/dev/tty").ok()
}

#[cfg(not(unix))]
fn open_terminal() -> Option<File> {
    None
}

/// Returns whether somebody may read this output. Nobody reads the null device, which also replaces a
/// closed standard error, a pipe without a reader, or a terminal that has hung up.
#[cfg(unix)]
fn reaches_somebody(output: &impl std::os::fd::AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut output = [PollFd::new(output, PollFlags::empty())];
    let at_once = Timespec::default();
    let has_gone = poll(&mut output, Some(&at_once)).is_ok()
        && output[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::HUP);
    !has_gone && !crate::standard_output::is_null_device(&output[0])
}

#[cfg(not(unix))]
fn reaches_somebody<T>(_: &T) -> bool {
    true
}
