//! `authgate-dev-server`: a development server that keeps its data in memory, alone or with a
//! command. See `--help`.

mod program {
    pub(crate) mod arguments;
    pub(crate) mod command;
    pub(crate) mod instructions;
    pub(crate) mod signals;
}

use std::{env, fs, io, io::Write as _, process::ExitCode};

use anyhow::Context as _;
use authgate_dev_server::{DevServer, StartError};
use program::{
    arguments::{self, Options, Request},
    command, instructions,
    signals::Signals,
};

const WRONG_USAGE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let request = match arguments::parse(env::args_os().skip(1)) {
        Ok(request) => request,
        Err(wrong) => {
            complain(&format!("{wrong}\nTry --help."));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    match run(request).await {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(request: Request) -> anyhow::Result<ExitCode> {
    match request {
        Request::Help => {
            io::stdout().write_all(instructions::HELP.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Request::Serve(options) => {
            let server = start(&options, arguments::DEFAULT_PORT).await?;
            // Listen for signals before printing, because a reader of the text may end the server at once.
            let mut signals = Signals::new().context("cannot wait for signals")?;
            io::stdout().write_all(
                instructions::for_people(&server, options.authority_file.as_deref()).as_bytes(),
            )?;
            signals.next().await;
            server.stop().await;
            Ok(ExitCode::SUCCESS)
        }
        Request::Run(options, command) => {
            let server = start_for_command(&options).await?;
            let ended = command::run(&server, options.authority_file.as_deref(), command).await;
            server.stop().await;
            match ended {
                Ok(code) => Ok(code),
                Err(error) => {
                    let code = error.exit_code();
                    complain(&format!("{:#}", anyhow::Error::new(error)));
                    Ok(code)
                }
            }
        }
    }
}

/// Prefers the same port in each run, because a login that a client stored in the last run is for
/// the server at that address.
async fn start_for_command(options: &Options) -> anyhow::Result<DevServer> {
    match start(options, arguments::DEFAULT_PORT).await {
        Err(error) if is_port_in_use(error.downcast_ref()) => {
            start(options, arguments::ANY_PORT).await
        }
        started => started,
    }
}

fn is_port_in_use(error: Option<&StartError>) -> bool {
    matches!(error, Some(StartError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse)
}

async fn start(options: &Options, default_port: u16) -> anyhow::Result<DevServer> {
    let started = options.builder(default_port).start().await;
    let server = started.map_err(|error| {
        let in_use = is_port_in_use(Some(&error));
        let error = anyhow::Error::new(error);
        if in_use {
            error.context("the port is in use: choose another one with --port")
        } else {
            error
        }
    })?;
    if let (Some(file), Some(certificate)) =
        (&options.authority_file, server.certificate_authority())
    {
        fs::write(file, certificate).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(server)
}

fn complain(message: &str) {
    // If standard error is closed, the message is lost.
    let _unread = writeln!(io::stderr(), "authgate-dev-server: {message}");
}
