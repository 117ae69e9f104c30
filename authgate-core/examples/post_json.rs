//! A service posts JSON to an API.
//!
//! It builds on `client_credentials` and adds a body. The body is sent again if the API answers
//! 401, because a new token may work.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- sh -c \
//!     'API_URL=$AUTHGATE_URL/api/users cargo run -p authgate-core --example post_json'
//! ```

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use authgate_core::http::read_body;
use authgate_core::{
    BearerAuth, DiscoveryClient, Environment, HttpClient, OAuthClient, Settings, TokenSource,
};
use serde::Serialize;

const BODY_LIMIT: usize = 1024 * 1024;

#[derive(Serialize)]
struct NewUser {
    name: &'static str,
    email: &'static str,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", Settings::explain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let settings = Settings::for_service(&Environment::load()?)?;
    let url = settings
        .api_url
        .context("set API_URL to the API that takes the JSON")?;

    let http = HttpClient::new(settings.plain_http);
    let metadata = DiscoveryClient::new(&settings.authgate_url, http.clone())?
        .fetch()
        .await?;
    let client = OAuthClient::new(settings.client_id, metadata.to_endpoints(), http)
        .with_secret(settings.client_secret);
    let api = BearerAuth::new(TokenSource::builder(client).build());

    let user = NewUser {
        name: "Ada Lovelace",
        email: "ada@example.com",
    };
    let response = api
        .post(&url)
        .json(&user)
        .timeout(Duration::from_secs(10))
        .send()
        .await?;
    println!("{}", response.status());
    println!("{}", read_body(response, BODY_LIMIT).await.printable());
    Ok(())
}
