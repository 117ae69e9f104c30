//! Fetches a token once, keeps it in memory and refreshes it in time, and shows the pitfalls on the
//! way.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p authgate-core --example token_provider
//! ```
//!
//! To use a server of your own, set `CLIENT_ID`, `CLIENT_SECRET`, `TOKEN_URL`, `PROTECTED_API_URL`
//! and, if the server wants one, `SCOPE` in the environment or in a file `.env`.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use authgate_core::{
    BearerAuth, BodyEnd, Endpoints, Environment, HttpClient, OAuthClient, Token, TokenSource,
    in_one_line, mask, parse_url, read_body,
};
use reqwest::header::DATE;
use url::Url;

/// How long an API may take for its answer. Without a limit, a call could wait forever.
const API_LIMIT: Duration = Duration::from_secs(30);
const BODY_LIMIT: usize = 1024 * 1024;

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
    let api_url = parse_url("PROTECTED_API_URL", api_url.expose(), plain_http)?;
    let scope = environment.get("SCOPE")?;
    let scopes: Vec<String> = scope
        .iter()
        .flat_map(|scope| scope.expose().split_whitespace())
        .map(str::to_owned)
        .collect();

    let public_client = OAuthClient::new(
        client_id.expose(),
        Endpoints::from_token_url(token_url),
        HttpClient::new(plain_http),
    );
    let client = public_client.clone().with_secret(client_secret);

    // One token without a provider takes one request each time.
    let token = get_access_token(&client, &scopes).await?;
    println!("Access token: {}", mask(&token.access_token));

    // A provider sends a request for the first call, takes the token from memory for the second,
    // and refreshes it before it expires. If the server gives no lifetime, it assumes 300 seconds.
    let provider = TokenSource::builder(client.clone()).scopes(scopes).build();
    println!(
        "Current token: {}",
        mask(&provider.token().await?.access_token)
    );
    println!(
        "Current token: {} (from memory)",
        mask(&provider.token().await?.access_token)
    );

    // Call a protected API with the provider's token.
    let api = BearerAuth::new(provider);
    let (data, server_date) = call_protected_resource(&api, api_url).await?;
    println!("{data}");

    // Pitfall: a missing client secret. We send nothing.
    if let Err(error) = get_access_token(&public_client, &[]).await {
        println!("Missing client secret: {}", in_one_line(&error));
    }

    // Pitfall: a scope that the server does not know or does not grant to this client.
    if let Err(error) = get_access_token(&client, &["no-such-scope".to_owned()]).await {
        println!("Incorrect scope: {}", in_one_line(&error));
    }

    // Pitfall: clock skew. We count expiry from the request by a clock that does not step, so skew
    // harms us little; but an API that checks the token's own times may still refuse it.
    println!("Clock skew: {}", clock_skew(server_date.as_deref()));

    // Pitfall: rate limiting, which `get_access_token` below handles.
    println!(
        "Rate limiting: {BACK_OFF_ATTEMPTS} tries, at least {} s apart",
        BACK_OFF.as_secs()
    );
    Ok(())
}

const BACK_OFF: Duration = Duration::from_secs(5);
const BACK_OFF_ATTEMPTS: u32 = 3;

/// Requests a token, and again when the server answers 429.
///
/// The library has already done so for up to ten seconds, honouring `Retry-After`. This is for a
/// program with more time than that, such as a nightly job.
async fn get_access_token(
    client: &OAuthClient,
    scopes: &[String],
) -> Result<Token, authgate_core::Error> {
    let mut attempt = 1;
    loop {
        match client.client_credentials(scopes).await {
            Err(error) if error.status() == Some(429) && attempt < BACK_OFF_ATTEMPTS => {
                let wait = error
                    .retry_after()
                    .unwrap_or(BACK_OFF * 2_u32.pow(attempt - 1));
                println!("Too many requests: trying again in {} s", wait.as_secs());
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Returns the API's answer and the server's `Date`.
async fn call_protected_resource(api: &BearerAuth, url: Url) -> Result<(String, Option<String>)> {
    let response = api
        .get(url)
        .header("Accept", "application/json")
        .timeout(API_LIMIT)
        .send()
        .await?;
    let response = response
        .error_for_status()
        .map_err(reqwest::Error::without_url)?;
    let date = response
        .headers()
        .get(DATE)
        .and_then(|date| date.to_str().ok())
        .map(str::to_owned);
    let body = read_body(response, BODY_LIMIT).await;
    match body.end {
        BodyEnd::Complete => Ok((body.printable(), date)),
        BodyEnd::Truncated => Ok((
            body.printable() + "\n(response body truncated to 1 MB)",
            date,
        )),
        BodyEnd::Lost(error) => Err(error.into()),
    }
}

fn clock_skew(server_date: Option<&str>) -> String {
    let local = SystemTime::now();
    let compared = server_date
        .context("the server sent no Date")
        .and_then(|date| {
            let server =
                httpdate::parse_http_date(date).context("the server's Date cannot be read")?;
            let skew = local
                .duration_since(server)
                .unwrap_or_else(|ahead| ahead.duration());
            Ok(format!(
                "server {date}, here {}: {} s apart",
                httpdate::fmt_http_date(local),
                skew.as_secs()
            ))
        });
    compared.unwrap_or_else(|unknown| unknown.to_string())
}
