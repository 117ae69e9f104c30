//! Helpers that the tests of several packages share. A helper for one package stays in that
//! package.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first failure"
)]
#![allow(
    clippy::missing_panics_doc,
    reason = "every function here panics when the test cannot go on"
)]
#![allow(clippy::new_without_default, reason = "no test needs a default")]
#![allow(missing_docs, reason = "many names need no explanation")]
#![allow(
    missing_debug_implementations,
    reason = "a test prints only the values that it compares"
)]

pub mod browser;
mod closing_server; // a server that closes connections which are still in use
pub mod files;
mod home; // a home folder and the login that is stored in it
pub mod http;
mod login_block; // the output of rust-cli: its 16 lines, and its notices
#[cfg(target_os = "linux")]
mod name_servers; // name servers that fail
mod port; // ports that no other test takes
mod program; // runs of a built program
pub mod python;
mod redaction; // replaces the parts of a text that differ from run to run
#[cfg(target_os = "linux")]
pub mod session;
#[cfg(unix)]
mod terminal; // a terminal of a given size
mod waiting; // waits for a condition

pub use closing_server::ClosingServer;
pub use home::Home;
pub use login_block::{StoredLogin, masked};
#[cfg(target_os = "linux")]
pub use name_servers::{NameServers, NameTrouble};
pub use port::Port;
pub use program::{Ended, Run, Started};
pub use redaction::redact;
#[cfg(unix)]
pub use terminal::Terminal;
pub use waiting::{LIMIT, until};

/// Returns how often a test repeats an attempt: a few times, or as often as `AUTHGATE_TEST_ROUNDS`
/// says. CI sets this variable.
pub fn rounds(few: u64) -> u64 {
    std::env::var("AUTHGATE_TEST_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(few)
}
