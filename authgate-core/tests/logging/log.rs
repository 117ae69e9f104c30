//! Everything that the library and its dependencies log.

use std::io::{self, Write};
use std::sync::{Mutex, Once};

use tracing_subscriber::filter::LevelFilter;

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Records everything that any test logs from now on, at every level.
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
        // Of the dependencies, the HTTP client logs each connection, at the level `DEBUG`.
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
