//! The stores of logins.

#[cfg(unix)]
mod fallback; // several stores as one
#[cfg(unix)]
mod file; // the token file
mod format; // our format, and those of the other clients
#[cfg(target_os = "linux")]
mod keyring; // the keyring in every state of a session bus
#[cfg(target_os = "linux")]
mod keyring_items; // several items of one client
#[cfg(unix)]
mod lock; // our lock and the other clients'
#[cfg(unix)]
mod processes; // many processes on one token file
#[cfg(windows)]
mod windows; // files and keyrings on Windows
