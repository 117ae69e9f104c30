//! The OAuth 2.0 client credentials grant in one piece: get a token, call a protected API with it.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p authgate-core --example client_credentials
//! ```
//!
//! To use a server of your own, set `CLIENT_ID`, `CLIENT_SECRET`, `TOKEN_URL` and
//! `PROTECTED_API_URL` in the environment or in a file `.env`. The program needs no discovery, so
//! any OAuth 2.0 server will do.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use authgate_core::{
    BearerAuth, BodyEnd, Endpoints, Environment, Error, HttpClient, OAuthClient, Secret, Token,
    TokenSource, excerpt, in_one_line, mask, parse_url, printable_url, read_body,
};
use url::Url;

/// How long an API may take for its answer. Without a limit, a call could wait forever.
const API_LIMIT: Duration = Duration::from_secs(30);
/// How many bytes of an API's answer we read.
const BODY_LIMIT: usize = 1024 * 1024;
/// How many characters of an error's answer we show.
const EXCERPT_LENGTH: usize = 200;

struct Configuration {
    client_id: String,
    client_secret: Secret,
    token_url: Url,
    protected_api_url: Url,
    http: HttpClient,
}

fn main() -> ExitCode {
    match start() {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {}", in_one_line(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Runs on one thread, which is enough for one request after the other.
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
    let configuration = Configuration::load()?;
    let client = OAuthClient::new(
        &configuration.client_id,
        Endpoints::from_token_url(configuration.token_url.clone()),
        configuration.http.clone(),
    )
    .with_secret(configuration.client_secret.clone());
    let tokens = TokenSource::builder(client).build();

    let Some(token) = get_oauth_token(&configuration, &tokens).await else {
        println!("Failed to obtain OAuth token.");
        return Ok(ExitCode::FAILURE);
    };
    println!("Access Token: {}", mask(&token.access_token));
    match call_protected_api(tokens, configuration.protected_api_url).await {
        Some(answer) => println!("{answer}"),
        None => return Ok(ExitCode::FAILURE),
    }
    Ok(ExitCode::SUCCESS)
}

impl Configuration {
    fn load() -> Result<Self> {
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
        Ok(Self {
            client_id: client_id.expose().to_owned(),
            client_secret,
            token_url: parse_url("TOKEN_URL", token_url.expose(), plain_http)?,
            protected_api_url: parse_url("PROTECTED_API_URL", api_url.expose(), plain_http)?,
            http: HttpClient::new(plain_http),
        })
    }
}

/// Obtains an access token; prints what went wrong if there is none.
async fn get_oauth_token(
    configuration: &Configuration,
    tokens: &TokenSource,
) -> Option<Arc<Token>> {
    println!(
        "Requesting token from: {}",
        printable_url(&configuration.token_url)
    );
    match tokens.token().await {
        Ok(token) => {
            println!("Successfully obtained access token.");
            let lifetime = token.lifetime.unwrap_or_default().as_secs();
            println!(
                "Token Type: {}, Expires In: {lifetime} seconds",
                token.token_type
            );
            Some(token)
        }
        Err(error) => {
            explain(&error, "");
            None
        }
    }
}

/// Calls the API with a valid token; prints what went wrong if there is no usable answer.
async fn call_protected_api(tokens: TokenSource, url: Url) -> Option<String> {
    println!("Calling protected API: {}", printable_url(&url));
    let api = BearerAuth::new(tokens);
    let response = match api
        .get(url)
        .header("Content-Type", "application/json")
        .timeout(API_LIMIT)
        .send()
        .await
    {
        Ok(response) => response,
        Err(error) => {
            explain(&error, " calling protected API");
            return None;
        }
    };
    let status = response.status();
    let body = read_body(response, BODY_LIMIT).await;
    if !status.is_success() {
        println!("HTTP Error calling protected API: {status}");
        println!(
            "Response: {}",
            excerpt(&String::from_utf8_lossy(&body.bytes), EXCERPT_LENGTH)
        );
        return None;
    }
    if let BodyEnd::Lost(error) = &body.end {
        explain(error, " calling protected API");
        return None;
    }
    println!("Protected API response:");
    let cut = if let BodyEnd::Truncated = body.end {
        "\n(response body truncated to 1 MB)"
    } else {
        ""
    };
    Some(body.printable() + cut)
}

/// Tells the three kinds of failure apart: the server refused, the server was not reached, the
/// answer cannot be used.
fn explain(error: &Error, during: &str) {
    match error {
        Error::OAuth {
            code, description, ..
        } => {
            println!("HTTP Error{during}: {error}");
            let description = description.as_deref().unwrap_or("(no description)");
            println!(
                "Response: {}",
                excerpt(&format!("{code}: {description}"), EXCERPT_LENGTH)
            );
        }
        Error::Response { reason, .. } => {
            println!("HTTP Error{during}: {error}");
            println!("Response: {}", excerpt(reason, EXCERPT_LENGTH));
        }
        Error::Transport { .. } => println!("Request Error{during}: {}", in_one_line(error)),
        _ => println!("Data Error{during}: {error}"),
    }
}
