//! Runs of the built program.

pub(crate) mod connect_proxy; // a proxy as in many companies

use authgate_dev_server::DevServer;
use authgate_test_support::{Ended, Home, Run};

/// Prepares a run with a home folder and no settings.
pub(crate) fn run(home: &Home) -> Run {
    Run::new(env!("CARGO_BIN_EXE_rust-m2m"), home)
}

/// Prepares a run with the settings of this server's service, which trusts its certificate.
pub(crate) fn service(home: &Home, server: &DevServer) -> Run {
    run(home).as_service_of(server).trusting(&[server])
}

/// Checks that a run failed and printed nothing. Returns the error.
#[track_caller]
pub(crate) fn error(ended: &Ended) -> String {
    ended.fails_with(1, &["error: "]);
    let said = ended.said();
    assert_eq!(said.lines().count(), 1, "{ended:?}");
    said.trim_end().to_owned() + "\n"
}

/// The same without the cause, which is a message of the system.
#[track_caller]
pub(crate) fn without_cause(ended: &Ended) -> String {
    let error = error(ended);
    let (before, rest) = error.split_once(" (").unwrap();
    let (_, after) = rest.rsplit_once("). ").unwrap();
    format!("{before} ([cause]). {after}")
}
