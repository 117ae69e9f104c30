//! `authenticate`: stored logins, refreshes and new logins.

mod auto; // which flow is chosen, and which one follows if it fails
mod faults; // a stored login when the server or a store fails
mod issuer; // which server a stored login belongs to
#[cfg(unix)]
mod mix_up; // a server that names endpoints of another one
#[cfg(unix)]
mod other_login; // a login of another run while this one waits
#[cfg(unix)]
mod processes; // two processes with one expired login
#[cfg(unix)]
mod scopes; // whether a stored login has the scopes that are requested now
#[cfg(unix)]
mod token_source; // a person's token while a program runs
