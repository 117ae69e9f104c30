//! The helper program, which works on stores in a process of its own.

use std::process::Stdio;

#[cfg(target_os = "linux")]
use authgate_test_support::session::Session;
use authgate_test_support::{Home, Run, Started};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_store-process");

/// A run in a home folder, on the store of this name.
pub(crate) fn run(home: &Home, store: &str) -> Run {
    Run::new(PROGRAM, home).args(store)
}

/// Starts a run that the test gives its orders one by one.
pub(crate) fn start(run: Run) -> Started {
    run.stdin(Stdio::piped()).start()
}

/// A process in a home folder, on the store of this name.
pub(crate) fn in_home(home: &Home, store: &str) -> Started {
    start(run(home, store))
}

/// A process in a desktop session, on the store of this name.
#[cfg(target_os = "linux")]
pub(crate) fn in_session(session: &Session, store: &str) -> Started {
    start(session.run(PROGRAM).args(store))
}
