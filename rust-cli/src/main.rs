//! Logs a person in at an AuthGate server: OAuth 2.0 authorization code with PKCE in a browser, or
//! a device code over SSH. The steps are those of the README.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p rust-cli
//! ```

mod arguments;
mod interrupt;
mod report;
mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use authgate_core::flow::InFlight;
use authgate_core::login::logout;
use authgate_core::{Environment, Error, LoginOptions, Settings, authenticate};

use arguments::Arguments;
use report::Report;
use terminal::Terminal;

fn main() -> ExitCode {
    let arguments = match Arguments::from_command_line() {
        Ok(arguments) => arguments,
        Err(usage) => return usage.show(),
    };
    interrupt::keep_secrets_out_of_core_dumps();

    let in_flight = InFlight::default();
    interrupt::run(&in_flight, run(arguments, in_flight.clone())).unwrap_or_else(|error| {
        terminal::say(format_args!("error: {error}"));
        error
            .chain()
            .skip(1)
            .for_each(|cause| terminal::say(format_args!("  caused by: {cause}")));
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments, in_flight: InFlight) -> Result<ExitCode> {
    let environment = Environment::load()?;
    let settings = Settings::for_person(&environment)?;
    let choices = arguments.over(&environment)?;
    if let Some(warning) = settings.warning() {
        terminal::say(format_args!("warning: {warning}"));
    }
    let options = LoginOptions::new(settings.authgate_url, settings.client_id)
        .client_secret(settings.client_secret)
        .scopes(["profile", "email"])
        .flow_mode(choices.flow_mode)
        .redirect_uri(choices.redirect_uri)
        .keyring(choices.keyring)
        .plain_http(settings.plain_http)
        .prompt(Terminal::new())
        .in_flight(in_flight);
    if arguments.logout {
        return report::logged_out(&logout(options).await?);
    }

    // 1. Calls authenticate(), which performs OIDC discovery and starts the appropriate OAuth flow
    // 2. Requests profile and email scopes
    // 3. Stores the token in the OS keyring (falls back to ~/.authgate-tokens.json)
    let advise = |error| arguments::with_advice(error, choices.flow_mode);
    let mut session = authenticate(options).await.map_err(advise)?;

    // 4. Validates the cached token via /oauth/userinfo — if the server has revoked it, clears the cache and re-authenticates
    let user = session.validate().await;
    // If the login has ended, there is nothing to report, so return the error.
    let user = if session.is_logged_in() {
        user
    } else {
        Ok(user.map_err(advise)?)
    };
    if arguments.print_access_token {
        match user {
            // The token is valid as far as we know, and its user may reach a server that we cannot,
            // so print it.
            Err(error) if is_outage(&error) => terminal::say(format_args!("warning: {error}")),
            user => drop(user?),
        }
        return print(session.token().access_token.expose(), ExitCode::SUCCESS);
    }

    // 5. Prints user info and detailed token metadata from /oauth/tokeninfo
    let token_info = session.token_info().await;
    let report = Report::new(session.token(), user, token_info);
    let text = if arguments.json {
        report.json()?
    } else {
        report.to_string()
    };
    print(&text, report.exit_code())
}

fn is_outage(error: &Error) -> bool {
    error.is_transient()
        && error
            .status()
            .is_none_or(|status| status == 429 || status >= 500)
}

fn print(text: &str, status: ExitCode) -> Result<ExitCode> {
    // Avoid println!, which panics when the reader has gone.
    writeln!(io::stdout(), "{text}").context("the result cannot be written to standard output")?;
    Ok(status)
}
