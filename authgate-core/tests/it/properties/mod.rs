//! Every parser of external input, with random input.

mod answers; // a server's answers
mod callback; // requests to the redirect URI
mod settings; // a person's settings
mod text; // text that is shown to a person
mod token_file; // the token file

use proptest::prelude::Strategy;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

/// Checks `property` with this many random values. A failure is not recorded in a file; write a
/// named test for it.
fn for_any<S: Strategy>(cases: u32, values: S, property: impl Fn(S::Value)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&values, |value| {
        property(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Builds a runtime on the test's own thread.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
