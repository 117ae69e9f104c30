//! Where logins are kept.

#[cfg(unix)]
mod fallback; // several stores as one
#[cfg(unix)]
mod file; // the token file
mod format; // what is written, and what the other clients write
#[cfg(target_os = "linux")]
mod keyring; // the keyring in every state of a session bus
#[cfg(target_os = "linux")]
mod keyring_items; // several items of one client
#[cfg(unix)]
mod lock; // our lock and the other clients'
#[cfg(unix)]
mod processes; // many processes on one token file
#[cfg(windows)]
mod windows; // what only Windows does to a file or a keyring
