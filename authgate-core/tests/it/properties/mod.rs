//! Everything that reads foreign bytes, against random ones.

mod answers; // what a server answers
mod callback; // requests to the callback address
mod settings; // what a person sets
mod text; // text on its way to a person
mod token_file; // the token file

use proptest::prelude::Strategy;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

/// Holds `property` against this many random values. A failure is not kept in a file: it becomes a
/// test with a name.
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

/// A runtime on the test's own thread.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
