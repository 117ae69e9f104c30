//! Runs a command that uses the server.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::{ExitCode, ExitStatus},
};

use authgate_dev_server::DevServer;
use tokio::process::{Child, Command};

use super::{
    arguments::CommandLine,
    signals::{Signal, Signals},
};

/// Why the command has no exit status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("cannot run {program:?}")]
    Start {
        program: OsString,
        source: io::Error,
    },
    #[error("cannot wait for the command")]
    Wait(#[source] io::Error),
}

impl CommandError {
    /// Returns the exit code that a shell would: 127 if the command was not found, 126 if it could
    /// not be started.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                ExitCode::from(127)
            }
            Self::Start { .. } => ExitCode::from(126),
            Self::Wait(_) => ExitCode::FAILURE,
        }
    }
}

/// Runs the command to its end, passes signals on to it, and returns its exit status. Standard output belongs to the
/// command, so nothing else is printed there.
pub(crate) async fn run(
    server: &DevServer,
    authority_file: Option<&Path>,
    command: CommandLine,
) -> Result<ExitCode, CommandError> {
    // Listen for signals before the command starts, so that a signal cannot end the server alone.
    let mut signals = Signals::new().map_err(CommandError::Wait)?;
    let mut child = Command::new(&command.program);
    // `cargo run` describes our package in these variables, which would make a nested cargo rebuild.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_our_package(name)) {
        child.env_remove(name);
    }
    if let Some(file) = authority_file {
        // The command would also trust the certificates in this directory, so remove it.
        child.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
    }
    if std::env::var_os("API_URL").is_none() {
        // Override an `API_URL` in a file `.env`: that API must not get this server's tokens.
        child.env("API_URL", "");
    }
    let mut child = child
        .args(command.arguments)
        .envs(environment(server))
        .spawn()
        .map_err(|source| CommandError::Start {
            program: command.program,
            source,
        })?;
    loop {
        tokio::select! {
            ended = child.wait() => return ended.map(exit_code).map_err(CommandError::Wait),
            signal = signals.next() => pass_on(signal, &child),
        }
    }
}

fn is_of_our_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ]
    .iter()
    .any(|ours| name.starts_with(ours))
}

/// Returns the variables for the command: the issuer, the confidential client, and the URLs for the
/// two tutorials.
fn environment(server: &DevServer) -> [(&'static str, String); 5] {
    let client = server.confidential_client();
    [
        ("AUTHGATE_URL", server.url().to_owned()),
        ("CLIENT_ID", client.id.clone()),
        ("CLIENT_SECRET", client.secret.clone().unwrap_or_default()),
        ("TOKEN_URL", format!("{}/oauth/token", server.url())),
        (
            "PROTECTED_API_URL",
            format!("{}/oauth/userinfo", server.url()),
        ),
    ]
}

/// Passes a signal on to the command, unless a terminal has already sent it Ctrl-C. A terminal
/// sends Ctrl-C to every process of the foreground group; with a second one, many programs stop at
/// once. Without a terminal, only this process got the signal.
#[cfg(unix)]
fn pass_on(signal: Signal, child: &Child) {
    use std::io::IsTerminal as _;
    let has_terminal =
        io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
    if signal == Signal::INT && has_terminal {
        return;
    }
    let process = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(process) = process {
        // An error means that the command has just ended, which the next wait reports.
        let _ended = rustix::process::kill_process(process, signal);
    }
}

/// Does nothing, because the console sends Ctrl-C to every process, including the command.
#[cfg(not(unix))]
fn pass_on(_signal: Signal, _child: &Child) {}

#[cfg(unix)]
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(not(unix))]
fn exit_code(status: ExitStatus) -> ExitCode {
    // An exit code has 32 bits here, but `ExitCode` takes only 8.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
