//! The program, run as a person and a script run it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

mod concurrency; // several runs at once: one refreshes, the others use its token
#[cfg(unix)]
mod crash; // a run that is killed: it leaves a whole file, and no later run waits for it
mod flows; // a login by each flow, and which one it is
mod logout; // `--logout`
mod output; // what the program prints
#[cfg(unix)]
mod saving; // how a token is saved, and what a run does where it cannot be
#[cfg(target_os = "linux")]
mod secrecy; // no secret in anything that a run leaves behind
mod settings; // flags, variables and `.env`
#[cfg(unix)]
mod signals; // Ctrl-C and its like at each step: the run ends at once, with nothing half done
mod stored_login; // a stored login: used, refreshed, given up or left alone
mod support;
#[cfg(unix)]
mod terminal; // what a person sees in a terminal
mod token_answers; // odd answers of the token endpoint
