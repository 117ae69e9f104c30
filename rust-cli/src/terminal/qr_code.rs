//! A QR code made of characters.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// The URL as a QR code, if the terminal can show it: it must be one, wide enough, and know the
/// block characters.
pub(super) fn picture(url: &impl AsRef<str>, is_terminal: bool) -> Option<String> {
    if !is_terminal || !speaks_utf8() {
        return None;
    }
    let code = QrCode::new(url.as_ref()).ok()?;
    // Dark modules are drawn as the terminal's background: most terminals are dark, and scanners
    // read both.
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let (width, height) = (picture.lines().next()?.chars().count(), picture.lines().count());
    fits(width, height).then_some(picture)
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

#[cfg(unix)]
fn fits(width: usize, height: usize) -> bool {
    rustix::termios::tcgetwinsize(std::io::stderr())
        .is_ok_and(|window| width <= usize::from(window.ws_col) && height <= usize::from(window.ws_row))
}

#[cfg(not(unix))]
fn fits(_width: usize, _height: usize) -> bool {
    false
}
