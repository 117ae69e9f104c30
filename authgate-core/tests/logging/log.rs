//! Everything that the library and its dependencies log.

use std::io::{self, Write};
use std::sync::{Mutex, Once};
use std::thread::{self, ThreadId};

use tracing_subscriber::filter::LevelFilter;

/// The events so far, in order, each with the thread that logged it.
static LOGGED: Mutex<Vec<(ThreadId, String)>> = Mutex::new(Vec::new());

/// Records everything that any test logs from now on, at every level.
///
/// Each test calls this first: where an event comes before its process has a subscriber, `tracing`
/// may drop the events of its kind for good.
pub(crate) fn log() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .without_time()
            .with_writer(|| Log)
            .init();
    });
}

pub(crate) struct Log;

impl Log {
    pub(crate) fn text() -> String {
        LOGGED
            .lock()
            .unwrap()
            .iter()
            .map(|(_, event)| event.as_str())
            .collect()
    }

    /// Returns the events of this thread, on which the tasks of a test run too.
    pub(crate) fn of_this_thread() -> Vec<String> {
        let here = thread::current().id();
        LOGGED
            .lock()
            .unwrap()
            .iter()
            .filter(|(thread, _)| *thread == here)
            .map(|(_, event)| event.clone())
            .collect()
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
    /// Records an event, which the subscriber writes at once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let event = String::from_utf8_lossy(bytes).into_owned();
        LOGGED.lock().unwrap().push((thread::current().id(), event));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
