//! Where the person reads: standard error, or the terminal if standard error reaches nobody.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use super::window;

/// The output that a person sees.
///
/// Until a login needs the person, this is standard error. Then we look whether it reaches anybody.
/// If not, as with `2>/dev/null`, the prompt goes to the controlling terminal, as that of ssh does.
#[derive(Default)]
pub(super) struct Output {
    /// The controlling terminal if the prompt goes there. Empty until the first prompt.
    terminal: OnceLock<Option<File>>,
}

impl Output {
    /// Chooses the output for the prompts, unless that has been done before.
    pub(super) fn choose(&self) {
        self.terminal.get_or_init(|| {
            if reaches_somebody(&io::stderr()) {
                None
            } else {
                open_terminal()
            }
        });
    }

    /// Returns whether a person may read the output.
    pub(super) fn is_visible(&self) -> bool {
        match self.chosen_terminal() {
            Some(terminal) => reaches_somebody(terminal),
            None => reaches_somebody(&io::stderr()),
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        match self.chosen_terminal() {
            Some(terminal) => terminal.is_terminal(),
            None => io::stderr().is_terminal(),
        }
    }

    /// Returns the columns and rows of the window, or `None` if there is none.
    pub(super) fn window_size(&self) -> Option<(usize, usize)> {
        match self.chosen_terminal() {
            Some(terminal) => window::size(terminal),
            None => window::size(&io::stderr()),
        }
    }

    /// Writes the text as it is, at once. If standard error cannot be written, tries the terminal.
    pub(super) fn write(&self, text: &str) {
        let written = match self.chosen_terminal() {
            Some(mut terminal) => terminal.write_all(text.as_bytes()),
            None => io::stderr().write_all(text.as_bytes()),
        };
        if written.is_err()
            && let Some(mut terminal) = open_terminal()
        {
            let text = window::wrap(text, window::size(&terminal));
            let _ = terminal.write_all(text.as_bytes());
        }
    }

    fn chosen_terminal(&self) -> Option<&File> {
        self.terminal.get()?.as_ref()
    }
}

/// Opens the terminal of this process, which standard error need not be.
#[cfg(unix)]
fn open_terminal() -> Option<File> {
    File::options().write(true).open("/dev/tty").ok()
}

#[cfg(not(unix))]
fn open_terminal() -> Option<File> {
    None
}

/// Returns whether somebody may read what is written here: not to the null device, which replaces a
/// closed standard error too, to a pipe without a reader, or to a terminal that has hung up.
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
