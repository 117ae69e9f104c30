//! A service posts JSON to an API.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p authgate-core --example post_json
//! ```
//!
//! It builds on `client_credentials` and adds a body: `post(url).json(&value)`. `BearerAuth` can
//! send this body again: if the API refuses a token that was in memory, it repeats the request once
//! with a new token.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use authgate_core::{
    BearerAuth, Endpoints, Environment, HttpClient, OAuthClient, TokenSource, in_one_line,
    parse_url, read_body,
};
use serde::Serialize;

const BODY_LIMIT: usize = 1024 * 1024;

/// The body that the API expects; use your own type.
#[derive(Serialize)]
struct NewUser {
    name: &'static str,
    email: &'static str,
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_one_line(&*error));
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
    let environment = Environment::load()?;
    let [client_id, client_secret, token_url, api_url] = environment.require([
        "CLIENT_ID",
        "CLIENT_SECRET",
        "TOKEN_URL",
        "PROTECTED_API_URL",
    ])?;
    if let Some(warning) = environment.mixed_sources(&["TOKEN_URL", "PROTECTED_API_URL"]) {
        eprintln!("warning: {warning}");
    }
    let plain_http = environment.plain_http()?;
    let token_url = parse_url("TOKEN_URL", token_url.expose(), plain_http)?;

    let client = OAuthClient::new(
        client_id.expose(),
        Endpoints::from_token_url(token_url),
        HttpClient::new(plain_http),
    )
    .with_secret(client_secret);
    let api = BearerAuth::new(TokenSource::builder(client).build());

    let user = NewUser {
        name: "Ada Lovelace",
        email: "ada@example.com",
    };
    let response = api
        .post(api_url.expose())
        .json(&user)
        .timeout(Duration::from_secs(10))
        .send()
        .await?;
    let status = response.status();
    let answer = read_body(response, BODY_LIMIT).await.printable();
    if !status.is_success() {
        bail!("the API answered {status}: {answer}");
    }
    println!("{answer}");
    Ok(())
}
