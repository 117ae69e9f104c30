//! The requests that these tests send.

use std::time::Duration;

use authgate_dev_server::DevServer;
use authgate_test_support::http::{self, Answer, Pairs};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use tokio::net::TcpStream;

pub(crate) const CALLBACK: &str = "http://127.0.0.1:8088/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The S256 transformation of [`VERIFIER`] (RFC 7636 appendix B).
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) const PUBLIC: (&str, &str) = ("client_id", "dev-cli");
pub(crate) const SERVICE: (&str, &str) = ("client_id", "dev-service");
pub(crate) const SECRET: (&str, &str) = ("client_secret", "dev-service-secret");

/// Returns the URL of a path, which may be outside the issuer's path.
pub(crate) fn at(server: &DevServer, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

pub(crate) async fn get(server: &DevServer, path: &str) -> Answer {
    http::get(&at(server, path)).await
}

pub(crate) async fn post(server: &DevServer, path: &str, form: Pairs<'_>) -> Answer {
    http::post(&at(server, path), &[], form).await
}

pub(crate) async fn token(server: &DevServer, form: Pairs<'_>) -> Answer {
    post(server, "/oauth/token", form).await
}

pub(crate) async fn refresh(server: &DevServer, refresh_token: &str) -> Answer {
    token(
        server,
        &[
            ("grant_type", "refresh_token"),
            PUBLIC,
            ("refresh_token", refresh_token),
        ],
    )
    .await
}

/// Posts a form with HTTP Basic and sends its two halves unchanged.
pub(crate) async fn post_with_basic(
    server: &DevServer,
    path: &str,
    client: (&str, &str),
    form: Pairs<'_>,
) -> Answer {
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", client.0, client.1))
    );
    http::post(&at(server, path), &[("authorization", &basic)], form).await
}

pub(crate) async fn get_with_bearer(server: &DevServer, path: &str, token: &str) -> Answer {
    http::get_with(
        &at(server, path),
        &[("authorization", &format!("Bearer {token}"))],
    )
    .await
}

/// Sends a request under paused time.
pub(crate) async fn send_paused(
    server: &DevServer,
    method: &str,
    path: &str,
    form: &str,
) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let request = http::request(method, &at(server, path), &headers, form);
    let stream = TcpStream::connect(server.address()).await.unwrap();
    Answer::from(http::converse_at_length(stream, &request).await.as_str())
}

/// Returns the form with these changes; an empty value removes a parameter.
pub(crate) fn changed<'a>(
    form: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let kept = form
        .iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let added = changes.iter().filter(|(_, value)| !value.is_empty());
    kept.chain(added).copied().collect()
}

/// Returns the status and the error code of most refusals.
pub(crate) fn refused(error: &str) -> (u16, String) {
    (400, error.to_owned())
}

/// Decodes a part of a JWT: 0 is the header, 1 the claims.
pub(crate) fn jwt_part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Advances Tokio's clock, which the server's clock follows.
pub(crate) async fn advance(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}
