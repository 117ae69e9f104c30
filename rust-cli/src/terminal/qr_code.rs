//! Draws a QR code with characters.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::window;

/// White on black, in every colour scheme of the terminal, because some scanners cannot read a
/// picture with the two colours exchanged.
const WHITE_ON_BLACK: &str = "\u{1b}[1;37;40m";
const DEFAULT_COLOURS: &str = "\u{1b}[0m";

/// The rows that we need below the picture: the code and the page, which may take two, between two
/// empty ones, and the countdown.
const ROWS_BELOW: usize = 5;

/// Returns the URL as a QR code if standard error can show it: it must be a terminal, large enough,
/// and able to show the block characters and the colours.
pub(super) fn picture(url: &impl AsRef<str>, is_terminal: bool) -> Option<String> {
    // Without colours, the terminal's own decide whether the picture is light on dark or the
    // reverse, which some scanners cannot read.
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if !is_terminal || no_colour || !uses_utf8() {
        return None;
    }
    // A screen has no scratches or stains, so use the least redundancy, which makes the smallest
    // picture.
    let code = QrCode::with_error_correction_level(url.as_ref(), EcLevel::L).ok()?;
    // The characters have the foreground colour, which is white here, so they draw the light
    // modules.
    let picture = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    let (width, height) = (
        picture.lines().next()?.chars().count(),
        picture.lines().count(),
    );
    let (columns, rows) = window::size()?;
    if columns < width || rows < height + ROWS_BELOW {
        return None;
    }
    let lines: Vec<String> = picture
        .lines()
        .map(|line| format!("{WHITE_ON_BLACK}{line}{DEFAULT_COLOURS}\n"))
        .collect();
    Some(lines.concat())
}

fn uses_utf8() -> bool {
    if cfg!(windows) {
        return false; // We cannot find out the code page of the console.
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
