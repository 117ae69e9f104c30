//! A person logs in, and the program calls an API as that person for as long as it runs.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p authgate-core --features login --example call_api_as_person
//! ```
//!
//! It builds on `rust-cli` and adds one thing: `session.token_source()`, the credential for API
//! calls. It refreshes the token in the background, under the same lock as every other program of
//! this person.
//!
//! It does not handle a login that the server ends while the program runs. A call then fails with
//! an error for which `needs_login()` is true, and the program must call `authenticate` again.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use authgate_core::{BearerAuth, Environment, LoginOptions, Settings, authenticate, read_body};

const CALLS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// How long an API may take for its answer. Without a limit, a call could wait forever.
const API_LIMIT: Duration = Duration::from_secs(30);
const BODY_LIMIT: usize = 1024 * 1024;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", Settings::explain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Runs on one thread, which is enough for one request after the other.
fn start() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(run());
    // Do not wait for a name server that does not answer.
    runtime.shutdown_background();
    outcome
}

async fn run() -> Result<()> {
    let settings = Settings::for_person(&Environment::load()?)?;
    for warning in settings.warnings() {
        eprintln!("warning: {warning}");
    }
    let options = LoginOptions::new(&settings.authgate_url, &settings.client_id)
        .client_secret(settings.client_secret)
        .scopes(["profile", "email"])
        .plain_http(settings.plain_http);

    // Use the stored login, or log in by browser or device code.
    let mut session = authenticate(options).await?;
    let user = session.validate().await?;
    println!(
        "Logged in as {}",
        user.name.as_deref().unwrap_or("somebody without a name")
    );

    // `api` carries the credential: clone it into every task that calls the API.
    let api = BearerAuth::new(session.token_source());
    let userinfo = session.client()?.endpoints().userinfo_url.clone();
    let url = settings
        .api_url
        .or(userinfo)
        .context("set API_URL to the API to call")?;
    for call in 1..=CALLS {
        let response = api.get(&url).timeout(API_LIMIT).send().await?;
        let status = response.status();
        println!(
            "Call {call}: {status} {}",
            read_body(response, BODY_LIMIT).await.printable()
        );
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
