//! A service attaches its token to another HTTP client: hyper's, or any other tower service.
//!
//! ```console
//! $ cargo run -p authgate-dev-server -- cargo run -p authgate-core --example tower_service
//! ```
//!
//! It builds on `client_credentials` and replaces `BearerAuth` with `Bearer`, which also sends a
//! request once more after a 401.
//!
//! Two things that `BearerAuth` does are left to you. Call only URLs that may get a token, as
//! `parse_url` decides, and follow no redirects. hyper's client speaks only http; for https, build it
//! with the connector of the crate `hyper-rustls`.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};

use authgate_core::{
    Endpoints, Environment, HttpClient, OAuthClient, TokenSource, in_one_line, parse_url,
};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower_service::Service;

const BODY_LIMIT: usize = 1024 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;

/// Attaches a valid token to each request of `inner`.
#[derive(Clone)]
struct Bearer<S> {
    tokens: TokenSource,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Bearer<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S: Service<Request<B>, Error: Into<BoxError>, Future: Send>,
    B: Clone + Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(())) // `call` waits for the inner service
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (tokens, mut inner) = (self.tokens.clone(), self.inner.clone());
        Box::pin(async move {
            let mut again = Some(request.clone());
            loop {
                // The header carries this token, or a newer one if a refresh comes in between.
                let token = tokens.token().await?;
                let header = tokens.header().await?;
                request.headers_mut().insert(AUTHORIZATION, header);
                let ready = poll_fn(|context| inner.poll_ready(context)).await;
                ready.map_err(Into::into)?;
                let response = inner.call(request).await.map_err(Into::into)?;
                match again.take() {
                    Some(again) if response.status() == 401 => request = again,
                    _ => return Ok(response),
                }
                // The next round gets a new token, unless another call has already fetched one.
                tokens.invalidate(&token.access_token);
            }
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_one_line(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxError> {
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

    let client = OAuthClient::new(
        client_id.expose(),
        Endpoints::from_token_url(token_url),
        HttpClient::new(plain_http),
    )
    .with_secret(client_secret);
    let mut api = Bearer {
        tokens: TokenSource::builder(client).build(),
        inner: Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>(),
    };

    let request = Request::get(api_url.as_str()).body(Full::default())?;
    let response = api.call(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_LIMIT)
        .collect()
        .await?
        .to_bytes();
    println!("{status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}
