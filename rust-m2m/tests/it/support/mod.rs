//! Runs of the built program.

pub(crate) mod connect_proxy; // a proxy, as companies have one

use authgate_dev_server::DevServer;
use authgate_test_support::{Ended, Home, Run};

/// A run that has a home folder and no settings.
pub(crate) fn run(home: &Home) -> Run {
    Run::new(env!("CARGO_BIN_EXE_rust-m2m"), home)
}

/// A run that has the settings of this server's service and trusts its certificate.
pub(crate) fn service(home: &Home, server: &DevServer) -> Run {
    run(home).as_service_of(server).trusting(&[server])
}

/// The error that ended a run before it printed anything.
#[track_caller]
pub(crate) fn error(ended: &Ended) -> String {
    ended.fails_with(1, &["error: "]);
    let said = ended.said();
    assert_eq!(said.lines().count(), 1, "{ended:?}");
    said.trim_end().to_owned() + "\n"
}

/// The same without its cause, which is in the system's words.
#[track_caller]
pub(crate) fn without_cause(ended: &Ended) -> String {
    let error = error(ended);
    let (before, rest) = error.split_once(" (").unwrap();
    let (_, after) = rest.rsplit_once("). ").unwrap();
    format!("{before} ([cause]). {after}")
}
