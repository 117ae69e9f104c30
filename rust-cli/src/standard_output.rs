//! Notices whether standard output was closed when the program started.

/// Returns whether standard output was closed. Rust then opens the null device in its place, for
/// reading and writing, so writes succeed and are lost. A shell opens `>/dev/null` for writing only.
#[cfg(unix)]
pub(crate) fn is_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};

    let output = std::io::stdout();
    let is_for_both = fcntl_getfl(&output).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    let is_null_device = match (fstat(&output), stat("/dev/null")) {
        (Ok(output), Ok(null)) => output.st_rdev == null.st_rdev,
        _ => false,
    };
    is_for_both && is_null_device
}

#[cfg(not(unix))]
pub(crate) fn is_closed() -> bool {
    false
}
