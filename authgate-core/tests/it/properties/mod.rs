//! Everything that reads foreign bytes, against random ones.

#![cfg(feature = "login")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where something is not as it must be")]

mod answers;
mod browser_variable;
mod callback;
mod environment;
mod text;
mod token_file;
mod url;

use proptest::test_runner::Config;

/// A failure is not kept in a file: it becomes a test with a name.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
