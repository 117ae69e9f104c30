//! Shows a login to a person. The words of the prompts are the library's; a terminal adds a QR code
//! and a countdown, and wraps lines at the width of its window.

mod output;
mod qr_code;
mod window;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authgate_core::{BrowserPrompt, DevicePrompt, Prompt};

use output::Output;

/// The prompt of a person at a terminal.
#[derive(Default)]
pub(crate) struct Terminal {
    output: Output,
    /// The length of the countdown that is shown, in columns; 0 if none is.
    countdown_length: AtomicUsize,
}

/// Moves the cursor back to the beginning of the line and clears the line.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

impl Terminal {
    /// Returns whether the output is a terminal that can clear a line.
    fn can_clear_line(&self) -> bool {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        self.output.is_terminal() && !is_dumb
    }

    /// Wraps the text at the width of the window.
    fn wrapped(&self, text: &str) -> String {
        window::wrap(text, self.output.window_size())
    }

    /// Returns the sequence that clears a line of this length. If the window is narrower than when
    /// the line was written, the line takes several rows, and the cursor is on the last one.
    fn clear(&self, length: usize) -> String {
        let columns = self.output.window_size().map_or(usize::MAX, |size| size.0);
        let rows_above = length.saturating_sub(1) / columns;
        if rows_above == 0 {
            return CLEAR_LINE.to_owned();
        }
        format!("\r\u{1b}[{rows_above}A\u{1b}[J")
    }

    fn countdown_line(&self, remaining: Duration) -> String {
        let (minutes, seconds) = (remaining.as_secs() / 60, remaining.as_secs() % 60);
        let time = format!("{minutes}:{seconds:02} left ");
        let line = format!("Waiting for you to log in, {time}");
        // A line that takes two rows cannot be cleared, so use a shorter one.
        let window = self.output.window_size();
        if window.is_some_and(|(columns, _)| columns < line.len()) {
            time
        } else {
            line
        }
    }
}

impl Prompt for Terminal {
    fn show(&self, text: &str) {
        self.countdown(None);
        self.output.write(&format!("{}\n", self.wrapped(text)));
    }

    fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
        self.output.require_person();
        self.show(&format!("{prompt}\n"));
    }

    fn device_code(&self, prompt: &DevicePrompt<'_>) {
        self.output.require_person();
        let text = format!("{prompt}\n");
        self.show(&text);
        // The prompt warns of codes that others have sent (RFC 8628 section 5.4), so a picture must
        // not push it out of the window.
        if self.can_clear_line()
            && let Some(url) = prompt.verification_uri_complete
            && let Some((columns, rows)) = self.output.window_size()
            && let rows_of_text = window::rows(&self.wrapped(&text), columns)
            && let Some(picture) = qr_code::picture(url, columns, rows.saturating_sub(rows_of_text))
        {
            // The escape sequences of the picture have no width, so it must not be wrapped.
            self.output.write(&picture);
        }
    }

    fn countdown(&self, remaining: Option<Duration>) {
        if remaining.is_some() {
            self.output.require_person();
        }
        let line = remaining
            .filter(|_| self.can_clear_line())
            .map_or_else(String::new, |remaining| self.countdown_line(remaining));
        let shown = self.countdown_length.swap(line.len(), Ordering::Relaxed);
        if shown > 0 || !line.is_empty() {
            self.output.write(&format!("{}{line}", self.clear(shown)));
        }
    }

    fn is_visible(&self) -> bool {
        self.output.require_person();
        self.output.is_visible()
    }
}
