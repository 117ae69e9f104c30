//! Notices whether standard output was closed when the program started.

#[cfg(unix)]
use std::os::fd::AsFd;

/// Returns whether standard output was closed. Rust then opens the null device in its place, for
/// reading and writing, so writes succeed and are lost. A shell opens `>/dev/null` for writing only.
#[cfg(unix)]
pub(crate) fn is_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};

    let output = std::io::stdout();
    let is_for_both = fcntl_getfl(&output).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    is_for_both && is_null_device(&output)
}

#[cfg(not(unix))]
pub(crate) fn is_closed() -> bool {
    false
}

/// Returns whether this is the null device, where everything that is written is lost.
#[cfg(unix)]
pub(crate) fn is_null_device(output: impl AsFd) -> bool {
    use rustix::fs::{fstat, stat};

    match (fstat(output), stat("/dev/null")) {
        (Ok(output), Ok(null)) => output.st_rdev == null.st_rdev,
        _ => false,
    }
}
