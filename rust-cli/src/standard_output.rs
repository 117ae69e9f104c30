//! Notices whether standard output was closed when the program started.

/// Returns whether standard output was closed. Rust then opens the null device in its place, for
/// reading and writing, so writes succeed and are lost. A shell opens `>/dev/null` for writing only.
#[cfg(unix)]
pub(crate) fn is_closed() -> bool {
    use std::os::unix::fs::MetadataExt as _;

    use rustix::fs::{OFlags, fcntl_getfl, fstat};

    let output = std::io::stdout();
    let is_for_both = fcntl_getfl(&output).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    let device = fstat(&output).map(|output| output.st_rdev);
    let null = std::fs::metadata("/dev/null").map(|null| null.rdev());
    is_for_both && matches!((device, null), (Ok(device), Ok(null)) if device == null)
}

#[cfg(not(unix))]
pub(crate) fn is_closed() -> bool {
    false
}
