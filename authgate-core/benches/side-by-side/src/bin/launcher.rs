//! Runs a program and prints its cost: exit status, wall time and CPU time in nanoseconds, peak
//! memory in bytes.
//!
//! It is a separate process, because Linux counts the memory of a program's parent towards the
//! program's peak. The runner has a server in it and would hide what a small program needs.

use std::env::args_os;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use wait4::Wait4;

fn main() -> Result<()> {
    let mut arguments = args_os().skip(1);
    let program = arguments
        .next()
        .context("usage: launcher PROGRAM ARGUMENTS...")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null());

    let begun = Instant::now();
    let used = command.spawn()?.wait4()?;
    let wall = begun.elapsed();

    let cpu = used.rusage.utime + used.rusage.stime;
    let status = used.status.code().unwrap_or(-1);
    println!(
        "{status} {} {} {}",
        wall.as_nanos(),
        cpu.as_nanos(),
        used.rusage.maxrss
    );
    Ok(())
}
