//! Tests of the program, run as a person or a script runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is wrong"
)]

mod concurrency; // several runs at once: one refreshes, the others use its token
#[cfg(unix)]
mod crash; // a run that is killed: it leaves a whole file, and no later run waits for it
mod flags; // each flag, in --help and the README
mod flows; // a login by each flow, and which flow is chosen
#[cfg(target_os = "linux")]
mod limits; // few threads or open files
mod logout; // `--logout`
#[cfg(target_os = "linux")]
mod logout_unread; // `--logout` where a login is, or may be, that cannot be read
mod output; // what the program prints
#[cfg(unix)]
mod recipes; // the README's recipes over `--print-access-token`
#[cfg(unix)]
mod saving; // how a token is saved, and what a run does if it cannot be saved
#[cfg(target_os = "linux")]
mod secrecy; // no secret in anything that a run leaves behind
mod settings; // flags, variables and `.env`
#[cfg(unix)]
mod signals; // Ctrl-C and other signals at each step: the run ends at once, and no step is half done
mod stored_login; // a stored login: used, refreshed, deleted or left alone
mod support;
#[cfg(unix)]
mod terminal; // the output in a terminal
mod token_answers; // unusual answers of the token endpoint
