use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A terminal of a given size. The run gets the window; the test reads the screen.
pub struct Terminal {
    screen: File,
    window: File,
}

impl Terminal {
    pub fn of_size(columns: u16, rows: u16) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap().into_string().unwrap();
        let not_the_tests_own = OFlags::NOCTTY.bits().cast_signed();
        let window = File::options()
            .read(true)
            .write(true)
            .custom_flags(not_the_tests_own)
            .open(name)
            .unwrap();
        tcsetwinsize(
            &window,
            Winsize {
                ws_row: rows,
                ws_col: columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            },
        )
        .unwrap();
        Self {
            screen: screen.into(),
            window,
        }
    }

    pub(crate) fn into_ends(self) -> (tokio::fs::File, File) {
        (self.screen.into(), self.window)
    }
}
