//! Shows a login to a person, on standard error.

mod qr_code;
mod window;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use authgate_core::flow::{BrowserPrompt, DevicePrompt, Notice, Prompt};

/// Shows prompts and notices. A real terminal also shows the time left, on a line that is cleared
/// later.
pub(crate) struct Terminal {
    /// Whether the cursor can move back to the beginning of a line.
    can_redraw: bool,
    /// Whether the line with the time left is on the screen.
    countdown_is_shown: AtomicBool,
}

/// Writes to standard error and ignores failures, because `eprintln!` would panic if it is closed.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let _ = match window::size() {
        Some((columns, _)) => writeln!(
            io::stderr(),
            "{}",
            window::wrapped(&text.to_string(), columns)
        ),
        None => writeln!(io::stderr(), "{text}"),
    };
}

/// Moves back to the beginning of the line and clears it.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

impl Terminal {
    pub(crate) fn new() -> Self {
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let can_redraw = io::stderr().is_terminal() && !is_dumb;
        Self {
            can_redraw,
            countdown_is_shown: AtomicBool::new(false),
        }
    }

    /// Writes whole lines, after clearing the time left. If they cannot be written, the login still
    /// goes on.
    fn say(&self, text: &str) {
        self.waited();
        say(format_args!("{text}"));
    }
}

impl Prompt for Terminal {
    fn authorization_url(&self, prompt: &BrowserPrompt<'_>) {
        self.say(&format!("{prompt}\n"));
    }

    fn device_code(&self, prompt: &DevicePrompt<'_>) {
        self.say(&format!("{prompt}\n"));
        if let Some(picture) = prompt
            .verification_uri_complete
            .and_then(|url| qr_code::picture(url, self.can_redraw))
        {
            let _ = writeln!(io::stderr(), "Or scan this:\n\n{picture}");
            // The picture may have pushed the text above it out of the window, so repeat the code.
            self.say(&format!(
                "and compare the code: {}\nor type it at {}\n",
                prompt.user_code, prompt.verification_uri
            ));
        }
    }

    fn notice(&self, notice: &Notice) {
        self.say(&notice.to_string());
    }

    fn waiting(&self, remaining: Duration) {
        if self.can_redraw {
            let (minutes, seconds) = (remaining.as_secs() / 60, remaining.as_secs() % 60);
            self.countdown_is_shown.store(true, Ordering::Relaxed);
            let left = format!("{minutes}:{seconds:02} left ");
            let line = format!("Waiting for you to log in, {left}");
            // A line that takes two rows cannot be cleared, so use a shorter one.
            let line = if window::size().is_some_and(|(columns, _)| columns < line.len()) {
                left
            } else {
                line
            };
            let mut stderr = io::stderr();
            let _ = write!(stderr, "{CLEAR_LINE}{line}");
            let _ = stderr.flush();
        }
    }

    fn waited(&self) {
        if self.countdown_is_shown.swap(false, Ordering::Relaxed) {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.waited();
    }
}
