//! Logs a person in at an AuthGate server: OAuth 2.0 authorization code with PKCE in a browser, or
//! a device code over SSH. The steps are those of the README.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p rust-cli
//! ```

mod arguments;
mod core_dumps;
mod interrupt;
mod report;
mod standard_output;
mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use authgate_core::{
    Environment, Error, InFlight, LoginOptions, Prompt as _, Settings, authenticate, logout,
};
use clap::Parser;

use arguments::{Arguments, with_advice};
use report::Report;
use terminal::Terminal;

/// The scopes to request, unless the person names others.
const SCOPES: &str = "profile email";
/// How long --print-access-token waits for the server to confirm a token that is still fresh.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    core_dumps::disable();
    let arguments = Arguments::parse();
    let (in_flight, terminal) = (InFlight::default(), Arc::new(Terminal::default()));
    let work = run(arguments, in_flight.clone(), terminal.clone());
    interrupt::run(&in_flight, &terminal, work).unwrap_or_else(|error| {
        match error.downcast_ref::<clap::Error>() {
            Some(wrong_usage) => wrong_usage.exit(),
            None => terminal.show(&format!("error: {}", Settings::explain(&*error))),
        }
        ExitCode::FAILURE
    })
}

async fn run(
    arguments: Arguments,
    in_flight: InFlight,
    terminal: Arc<Terminal>,
) -> Result<ExitCode> {
    let environment = Environment::load()?;
    let arguments = arguments.or_variables(&environment)?;
    let settings = Settings::for_person(&environment)?;
    for warning in settings.warnings() {
        terminal.show(&format!("warning: {warning}"));
    }
    let flow_mode = arguments.flow.unwrap_or_default();
    let advise = |error| with_advice(error, flow_mode);

    let mut options = LoginOptions::new(settings.authgate_url, settings.client_id)
        .client_secret(settings.client_secret)
        .client_authentication(settings.client_authentication)
        .plain_http(settings.plain_http)
        .trusted_origins(arguments.trust_origin)
        .replace_other_login(arguments.replace)
        .min_validity(Duration::from_secs(arguments.min_validity))
        .check_limit(arguments.print_access_token.then_some(CHECK_LIMIT))
        .prompt(terminal.clone())
        .in_flight(in_flight);
    for (name, value) in arguments.parameter {
        options = options.parameter(name, value);
    }
    let keyring = !arguments.no_keyring;
    if arguments.logout {
        let logout = logout(options.keyring(keyring)).await.map_err(advise)?;
        return report::logged_out(&logout, keyring, &terminal);
    }

    anyhow::ensure!(
        !arguments.print_access_token || !standard_output::is_closed(),
        "cannot print the access token, because standard output is closed"
    );

    // 1. Calls authenticate(), which performs OIDC discovery and starts the appropriate OAuth flow
    let mut session = authenticate(
        options
            .flow_mode(flow_mode)
            .redirect_uri(arguments.redirect_uri.unwrap_or_default())
            // 2. Requests profile and email scopes
            .scopes(
                arguments
                    .scope
                    .as_deref()
                    .unwrap_or(SCOPES)
                    .split_whitespace(),
            )
            // 3. Stores the token in the OS keyring (falls back to ~/.authgate-tokens.json)
            .keyring(keyring),
    )
    .await
    .map_err(advise)?;

    // 4. Validates the cached token via /oauth/userinfo — if the server has revoked it, clears the cache and re-authenticates
    let user = match session.validate().await {
        Err(error) if !session.is_logged_in() => return Err(advise(error)),
        user => user,
    };
    if arguments.print_access_token {
        match user {
            // The token is valid as far as we know, and its user may reach a server that we cannot,
            // so print it.
            Err(error) if is_outage(&error) => {
                terminal.show(&format!("warning: {}", Settings::explain(&error)));
            }
            // Another client stored this token without its scopes, so only the server knows what it
            // lacks. The session tells the person.
            Ok(_) if session.token().scope.is_none() => drop(session.token_info().await),
            user => drop(user?),
        }
        return print(session.token().access_token.expose(), ExitCode::SUCCESS);
    }

    // 5. Prints user info and detailed token metadata from /oauth/tokeninfo
    let report = Report {
        token_info: session.token_info().await,
        token: session.token(),
        user,
    };
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
    writeln!(io::stdout(), "{text}").context("cannot write the result to standard output")?;
    Ok(status)
}
