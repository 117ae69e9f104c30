//! The command-line flags, and the variables that can be set instead.

use std::process::ExitCode;

use anyhow::Result;
use authgate_core::flow::RedirectUri;
use authgate_core::login::FlowMode;
use authgate_core::{Environment, Error};
use clap::{Parser, ValueEnum};

/// Logs you in to an AuthGate server and shows who you are and what your token is good for.
///
/// A login is kept in the OS keyring, or in ~/.authgate-tokens.json, and used again by the next run; AuthGate's Python
/// and Bash clients share it. AUTHGATE_URL and CLIENT_ID say which server and client, in the environment or in a file
/// .env in the current directory; CLIENT_SECRET is for a confidential client.
#[derive(Debug, Parser)]
#[allow(clippy::doc_markdown, reason = "--help shows these texts unchanged")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// How to log in: a browser where one can be opened and else a device code, or only one of them [variable:
    /// AUTHGATE_FLOW]
    #[arg(long, value_enum, value_name = "FLOW")]
    flow: Option<Flow>,

    /// Where the browser comes back to, exactly as it is registered for the client [variable: AUTHGATE_REDIRECT_URI]
    /// [default: http://127.0.0.1:8088/callback]
    #[arg(long, value_name = "URI", value_parser = RedirectUri::parse)]
    redirect_uri: Option<RedirectUri>,

    /// Keep the login in the file only, and leave the keyring alone [variable: AUTHGATE_NO_KEYRING=1]
    #[arg(long)]
    no_keyring: bool,

    /// Revoke the login at the server and delete it here
    #[arg(long, conflicts_with_all = ["json", "print_access_token"])]
    pub(crate) logout: bool,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print a valid access token and nothing else: curl -H "Authorization: Bearer $(rust-cli --print-access-token)" URL
    #[arg(long, conflicts_with = "json")]
    pub(crate) print_access_token: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Flow {
    Auto,
    Browser,
    Device,
}

/// The settings that result from flags, variables and defaults.
pub(crate) struct Choices {
    pub(crate) flow_mode: FlowMode,
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) keyring: bool,
}

/// Help that the user asked for, or a usage error.
pub(crate) struct Usage(clap::Error);

impl Usage {
    pub(crate) fn show(&self) -> ExitCode {
        match self.0.print() {
            Ok(()) => ExitCode::from(u8::try_from(self.0.exit_code()).unwrap_or(2)),
            Err(_) => ExitCode::FAILURE,
        }
    }
}

impl Arguments {
    pub(crate) fn from_command_line() -> Result<Self, Usage> {
        Self::try_parse().map_err(Usage)
    }

    /// Combines flags, variables and defaults. Flags override variables.
    pub(crate) fn over(&self, environment: &Environment) -> Result<Choices, Error> {
        let flow = match (self.flow, environment.get("AUTHGATE_FLOW")?) {
            (Some(flow), _) => flow,
            (None, Some(name)) => Flow::from_str(name.expose(), false).map_err(|_| {
                Error::Config("AUTHGATE_FLOW is none of auto, browser and device".to_owned())
            })?,
            (None, None) => Flow::Auto,
        };
        let redirect_uri = match (
            &self.redirect_uri,
            environment.get("AUTHGATE_REDIRECT_URI")?,
        ) {
            (Some(uri), _) => uri.clone(),
            (None, Some(uri)) => RedirectUri::parse(uri.expose())
                .map_err(|error| Error::Config(format!("AUTHGATE_REDIRECT_URI: {error}")))?,
            (None, None) => RedirectUri::default(),
        };
        let without_keyring = environment.switch("AUTHGATE_NO_KEYRING")?;
        Ok(Choices {
            flow_mode: match flow {
                Flow::Auto => FlowMode::Auto,
                Flow::Browser => FlowMode::Browser,
                Flow::Device => FlowMode::Device,
            },
            redirect_uri,
            keyring: !(self.no_keyring || without_keyring),
        })
    }
}

/// Adds the flag for the device flow if the user chose the browser and another flow may work. The
/// library does not know our flags.
pub(crate) fn with_advice(error: Error, flow_mode: FlowMode) -> anyhow::Error {
    let without_browser = matches!(
        error,
        Error::Listener { .. } | Error::LoginExpired { .. } | Error::BrowserUnavailable { .. }
    );
    let error = anyhow::Error::from(error);
    if flow_mode == FlowMode::Browser && without_browser {
        return error
            .context("the login by browser came to nothing; --flow device logs in without one");
    }
    error
}
