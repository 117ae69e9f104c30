//! Draws a QR code with characters.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// White on black, in every colour scheme of the terminal, because some scanners cannot read a
/// picture with the two colours exchanged.
const WHITE_ON_BLACK: &str = "\u{1b}[1;37;40m";
const DEFAULT_COLOURS: &str = "\u{1b}[0m";

const HEADING: &str = "Or scan this QR code, and check that the page shows the same code:";

/// The rows that we need besides the picture: the heading and the countdown, each with an empty one.
const OTHER_ROWS: usize = 4;

/// Returns the URL as a QR code with a heading, if a terminal with this space can show it: large
/// enough, and able to show the block characters and the colours.
pub(super) fn picture(url: &impl AsRef<str>, columns: usize, rows: usize) -> Option<String> {
    // Without colours, the terminal's own decide whether the picture is light on dark or the
    // reverse, which some scanners cannot read.
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if no_colour || !uses_utf8() {
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
    if columns < width.max(HEADING.len()) || rows < height + OTHER_ROWS {
        return None;
    }
    let lines: Vec<String> = picture
        .lines()
        .map(|line| format!("{WHITE_ON_BLACK}{line}{DEFAULT_COLOURS}\n"))
        .collect();
    Some(format!("{HEADING}\n\n{}\n", lines.concat()))
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
