//! A QR code made of characters.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::window;

/// White on black, whatever the terminal's colours: not every scanner reads a picture with the two
/// exchanged.
const WHITE_ON_BLACK: &str = "\u{1b}[1;37;40m";
const USUAL_COLOURS: &str = "\u{1b}[0m";

/// The rows that are wanted below the picture: the code and the address between two empty ones, and
/// the time left.
const ROWS_BELOW: usize = 5;

/// The URL as a QR code, if the terminal can show it: it must be one, wide enough, and know the
/// block characters.
pub(super) fn picture(url: &impl AsRef<str>, is_terminal: bool) -> Option<String> {
    if !is_terminal || !speaks_utf8() {
        return None;
    }
    // A screen is not scratched or stained, so the least redundancy makes the smallest picture.
    let code = QrCode::with_error_correction_level(url.as_ref(), EcLevel::L).ok()?;
    // The characters are drawn in the foreground's colour, which is the white one.
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let (width, height) = (picture.lines().next()?.chars().count(), picture.lines().count());
    let (columns, rows) = window::size()?;
    if columns < width || rows < height + ROWS_BELOW {
        return None;
    }
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (before, after) = if no_colour { ("", "") } else { (WHITE_ON_BLACK, USUAL_COLOURS) };
    let lines: Vec<String> = picture.lines().map(|line| format!("{before}{line}{after}\n")).collect();
    Some(lines.concat())
}

fn speaks_utf8() -> bool {
    if cfg!(windows) {
        return false; // The code page of the console cannot be known from here.
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
