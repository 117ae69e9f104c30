//! Shows a login to a person, on standard error. The words of the prompts are the library's; a
//! terminal adds a QR code and a countdown, and wraps lines at the width of its window.

mod qr_code;
mod window;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authgate_core::{DevicePrompt, Prompt};

/// The prompt of a person at a terminal. Clones share the terminal.
#[derive(Clone)]
pub(crate) struct Terminal {
    /// Whether standard error is a terminal that can clear a line.
    can_clear_line: bool,
    /// The length of the countdown that is shown, in columns; 0 if none is.
    countdown_length: Arc<AtomicUsize>,
}

/// Writes to standard error and ignores failures, because `eprintln!` would panic if it is closed.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let _ = match window::size() {
        Some((columns, _)) => {
            writeln!(io::stderr(), "{}", window::wrap(&text.to_string(), columns))
        }
        None => writeln!(io::stderr(), "{text}"),
    };
}

/// Moves the cursor back to the beginning of the line and clears the line.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

impl Terminal {
    pub(crate) fn new() -> Self {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        Self {
            can_clear_line: io::stderr().is_terminal() && !is_dumb,
            countdown_length: Arc::default(),
        }
    }
}

impl Prompt for Terminal {
    fn show(&self, text: &str) {
        self.countdown(None);
        say(format_args!("{text}"));
    }

    fn device_code(&self, prompt: &DevicePrompt<'_>) {
        self.show(&format!("{prompt}\n"));
        if let Some(picture) = prompt
            .verification_uri_complete
            .and_then(|url| qr_code::picture(url, self.can_clear_line))
        {
            // The escape sequences of the picture have no width, so it must not be wrapped.
            let _ = writeln!(io::stderr(), "Or scan this QR code:\n\n{picture}");
            // The picture may have pushed the prompt out of the window, so repeat code and page.
            self.show(&format!(
                "Check that the page shows the code {},\nor enter it at {}\n",
                prompt.user_code, prompt.verification_uri
            ));
        }
    }

    fn countdown(&self, remaining: Option<Duration>) {
        let line = remaining
            .filter(|_| self.can_clear_line)
            .map_or_else(String::new, countdown_line);
        let shown = self.countdown_length.swap(line.len(), Ordering::Relaxed);
        if shown > 0 || !line.is_empty() {
            let clear = clear(shown);
            // Standard error is not buffered, so the line appears at once.
            let _ = write!(io::stderr(), "{clear}{line}");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.countdown(None);
    }
}

/// Returns the sequence that clears a line of this length. If the window is narrower than when the
/// line was written, the line takes several rows, and the cursor is on the last one.
fn clear(length: usize) -> String {
    let columns = window::size().map_or(usize::MAX, |(columns, _)| columns);
    let rows_above = length.saturating_sub(1) / columns;
    if rows_above == 0 {
        return CLEAR_LINE.to_owned();
    }
    format!("\r\u{1b}[{rows_above}A\u{1b}[J")
}

fn countdown_line(remaining: Duration) -> String {
    let (minutes, seconds) = (remaining.as_secs() / 60, remaining.as_secs() % 60);
    let time = format!("{minutes}:{seconds:02} left ");
    let line = format!("Waiting for you to log in, {time}");
    // A line that takes two rows cannot be cleared, so use a shorter one.
    if window::size().is_some_and(|(columns, _)| columns < line.len()) {
        time
    } else {
        line
    }
}
