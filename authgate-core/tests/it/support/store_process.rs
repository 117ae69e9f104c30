//! The helper program, which works on stores in a separate process.

use std::process::Stdio;

#[cfg(target_os = "linux")]
use authgate_test_support::session::Session;
use authgate_test_support::{Home, Run, Started};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_store-process");

/// Prepares a run in a home folder, with the store of this name.
pub(crate) fn run(home: &Home, store: &str) -> Run {
    Run::new(PROGRAM, home).args(store)
}

/// Starts a run that gets its commands one by one.
pub(crate) fn start(run: Run) -> Started {
    run.stdin(Stdio::piped()).start()
}

/// Starts a process in a home folder, with the store of this name.
pub(crate) fn in_home(home: &Home, store: &str) -> Started {
    start(run(home, store))
}

/// Starts a process in a desktop session, with the store of this name.
#[cfg(target_os = "linux")]
pub(crate) fn in_session(session: &Session, store: &str) -> Started {
    start(session.run(PROGRAM).args(store))
}
