//! A service authenticates itself and calls an API: the OAuth 2.0 client credentials grant
//! (RFC 6749 section 4.4) against an AuthGate server. The steps are those of the README.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p rust-m2m
//! ```

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use authgate_core::{
    BearerAuth, Body, BodyEnd, DiscoveryClient, Environment, HttpClient, OAuthClient, Secret,
    Settings, TokenSource, read_body,
};

const USAGE: &str = "\
Usage: rust-m2m [OPTIONS]

Authenticates as a service and prints what the API answers.
Set AUTHGATE_URL, CLIENT_ID and CLIENT_SECRET in the environment or in a file .env (see .env.example);
API_URL, if set, is called instead of the server's userinfo endpoint, and SCOPE requests other scopes
than profile and email.

Options:
  -h, --help     Print help
  -V, --version  Print version";

/// The scopes to request, unless SCOPE names others.
const SCOPES: &str = "profile email";

/// How long the API may take for its answer.
const API_LIMIT: Duration = Duration::from_secs(30);
/// How many bytes of the answer we read and print.
const BODY_LIMIT: usize = 1024 * 1024;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        None => {}
        Some(argument) if argument == "--help" || argument == "-h" => return show(USAGE),
        Some(argument) if argument == "--version" || argument == "-V" => {
            return show(concat!("rust-m2m ", env!("CARGO_PKG_VERSION")));
        }
        Some(_) => {
            say(format_args!(
                "rust-m2m takes no other arguments.\n\n{USAGE}"
            ));
            return ExitCode::from(2);
        }
    }
    start().unwrap_or_else(|error| {
        say(format_args!("error: {}", Settings::explain(&*error)));
        ExitCode::FAILURE
    })
}

/// Runs on one thread, which is enough for one request after the other and starts faster.
fn start() -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(run());
    // Do not wait for a name server that does not answer.
    runtime.shutdown_background();
    outcome
}

async fn run() -> Result<ExitCode> {
    let environment = Environment::load()?;
    let settings = Settings::for_service(&environment)?;
    for warning in settings.warnings() {
        say(format_args!("warning: {warning}"));
    }
    let scope = environment.get("SCOPE")?;
    let scope = scope.as_ref().map_or(SCOPES, Secret::expose);
    let scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();

    // 1. Auto-discovers OIDC endpoints via DiscoveryClient
    let http = HttpClient::new(settings.plain_http);
    let metadata = DiscoveryClient::new(&settings.authgate_url, http.clone())?
        .fetch()
        .await?;

    // 2. Creates an OAuthClient with the client secret
    let client = OAuthClient::new(settings.client_id, metadata.to_endpoints(), http)
        .with_secret(settings.client_secret)
        .with_client_authentication(settings.client_authentication);

    // 3. Creates an auto-refreshing TokenSource with profile and email scopes and a 30-second expiry delta
    let tokens = TokenSource::builder(client)
        .scopes(scopes.clone())
        .expiry_delta(Duration::from_secs(30))
        .build();

    // 4. Wraps the token source in a BearerAuth HTTP client
    let api = BearerAuth::new(tokens.clone());

    // 5. Streams an authenticated GET request to /oauth/userinfo (limited to 1 MB)
    let is_userinfo = settings.api_url.is_none();
    let url = settings
        .api_url
        .or_else(|| metadata.userinfo_endpoint.clone())
        .context(
            "the server names no userinfo endpoint. Set API_URL to an API that accepts its tokens",
        )?;
    let response = api.get(url).timeout(API_LIMIT).send().await?;
    let status = response.status();
    let body = read_body(response, BODY_LIMIT).await;

    // 6. Prints the response status and body
    print(status.as_u16(), &body).context("cannot write the result to standard output")?;

    say_what_was_not_granted(&tokens, &scopes).await;
    if let BodyEnd::Lost(error) = body.end {
        return Err(error.into());
    }
    if is_userinfo && status == 401 && body.printable().contains("User not found") {
        say(format_args!(
            "note: the userinfo endpoint knows only people, and this token is a service's. The token itself is valid: \
             set API_URL to an API of yours, or to {}, to see it accepted",
            metadata.tokeninfo_endpoint
        ));
    }
    Ok(if status.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Reports the scopes that the server did not grant, because they may explain the answer.
async fn say_what_was_not_granted(tokens: &TokenSource, scopes: &[String]) {
    let Ok(token) = tokens.token().await else {
        return;
    };
    let missing = token.missing_scopes(scopes).join(" ");
    if !missing.is_empty() {
        say(format_args!("note: the server did not grant: {missing}"));
    }
}

fn print(status: u16, body: &Body) -> io::Result<()> {
    // `println!` would panic if the reader has gone.
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "Status: {status}")?;
    writeln!(stdout, "Body: {}", body.printable())?;
    if let BodyEnd::Truncated = body.end {
        writeln!(stdout, "(response body truncated to 1 MB)")?;
    }
    stdout.flush()
}

/// Writes a message to standard error and ignores a failure, on which `eprintln!` would panic.
fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn show(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
