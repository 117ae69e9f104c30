//! Everything that is logged, by the library and by all that it is built on.

use std::io::{self, Write};
use std::sync::{Mutex, Once};

use tracing_subscriber::filter::LevelFilter;

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Writes down all that is logged from now on, by whichever test, at the lowest level.
pub(crate) fn log() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_writer(|| Log)
            .init();
    });
}

pub(crate) struct Log;

impl Log {
    pub(crate) fn text() -> String {
        String::from_utf8_lossy(&LOGGED.lock().unwrap()).into_owned()
    }

    pub(crate) fn has_no(secret: &str) {
        let logged = Self::text();
        // Of what it builds on, the HTTP client logs each connection, at the level before the last.
        assert!(
            logged.contains("reqwest"),
            "not everything is logged: {logged}"
        );
        let lines: Vec<_> = logged
            .lines()
            .filter(|line| line.contains(secret))
            .collect();
        assert!(lines.is_empty(), "{secret} is logged: {lines:#?}");
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
