//! What the tests of this workspace's packages share. Each concept stands here once; what only one
//! package's tests need stays with them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]
#![allow(
    clippy::missing_panics_doc,
    reason = "every function here panics where the test cannot go on"
)]
#![allow(clippy::new_without_default, reason = "nobody asks for a default")]
#![allow(missing_docs, reason = "a name that says it all needs no more")]
#![allow(
    missing_debug_implementations,
    reason = "a test prints what it compares, and nothing else"
)]

pub mod browser;
pub mod files;
mod home; // a home folder and the login that is stored in it
pub mod http;
mod login_block; // what rust-cli prints and says: its 16 lines, and its notices
mod port; // ports that nobody else takes
mod program; // runs of a built program
pub mod python;
mod redaction; // texts without what differs from run to run
#[cfg(target_os = "linux")]
pub mod session;
#[cfg(unix)]
mod terminal; // a terminal of a size
mod waiting; // for something to become so

pub use home::Home;
pub use login_block::{StoredLogin, masked};
pub use port::Port;
pub use program::{Ended, Run, Started};
pub use redaction::redact;
#[cfg(unix)]
pub use terminal::Terminal;
pub use waiting::{LIMIT, until};

/// How often a test tries the same: a few times, or as often as `AUTHGATE_TEST_ROUNDS` says, which
/// is how often CI tries it.
pub fn rounds(few: u64) -> u64 {
    std::env::var("AUTHGATE_TEST_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(few)
}
