//! Everything that reads foreign bytes, against random ones.

mod answers; // what a server answers
mod browser_variable; // `BROWSER`
mod callback; // requests to the callback address
mod environment; // `.env`
mod text; // text on its way to a person
mod token_file; // the token file
mod url; // URLs that a person has written

use proptest::prelude::Strategy;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Runtime};

/// A failure is not kept in a file: it becomes a test with a name.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Holds `property` against this many random values.
fn for_any<S: Strategy>(count: u32, values: S, property: impl Fn(S::Value)) {
    let outcome = TestRunner::new(cases(count)).run(&values, |value| {
        property(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A runtime on the test's own thread.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
