//! Runs a program from start to finish, and measures it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::programs::Programs;

/// A program with its arguments and its own environment.
pub(crate) struct Process {
    command: Command,
    name: String,
}

/// The resources that one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// The time from start to exit, in seconds.
    pub(crate) wall: f64,
    /// The CPU time in user mode and in the kernel, in seconds.
    pub(crate) cpu: f64,
    /// The largest resident set, in bytes.
    pub(crate) peak_memory: f64,
}

impl Process {
    /// Prepares a program to run in `folder`, with no environment variable except `HOME`.
    pub(crate) fn new(programs: &Programs, folder: &Path, program: impl AsRef<OsStr>) -> Self {
        let name = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(programs.built("launcher"));
        command
            .arg(program)
            .env_clear()
            .env("HOME", folder)
            .current_dir(folder);
        command.stdin(Stdio::null());
        Self { command, name }
    }

    pub(crate) fn arguments<S: AsRef<OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Adds the environment of this process, which a build needs.
    pub(crate) fn with_environment(mut self) -> Self {
        self.command.envs(std::env::vars_os());
        self
    }

    /// Runs the program once; it must succeed.
    pub(crate) fn run(&mut self) -> Result<Usage> {
        let output = self
            .command
            .output()
            .context("the launcher cannot be run")?;
        let text = String::from_utf8(output.stdout)?;
        let mut numbers = text.split_whitespace().map(str::parse::<f64>);
        let mut next = || {
            numbers
                .next()
                .with_context(|| format!("{}: the launcher failed", self.name))
        };
        let (status, wall, cpu, peak_memory) = (next()??, next()??, next()??, next()??);
        ensure!(
            status == 0.0,
            "{} ended with {status}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(Usage {
            wall: wall / 1e9,
            cpu: cpu / 1e9,
            peak_memory,
        })
    }
}
