//! Shared by the fuzz targets: answers in the notation of the seeds, and a client to read them.

use std::path::Path;
use std::sync::LazyLock;

use authgate_core::{Endpoints, HttpClient, OAuthClient, Secret};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

/// The server in every URL; no request reaches it.
pub const ISSUER: &str = "https://auth.example.com";

/// From now on, answers all requests as `bytes` say: the status, one header per line, an empty
/// line, and the body. An invalid status or header is left out.
pub fn answer_with(bytes: &[u8]) {
    let mut answer = Response::new(Vec::new());
    let mut rest = bytes;
    for number in 0.. {
        let line = next_line(&mut rest);
        if line.is_empty() {
            break;
        }
        if number == 0 {
            *answer.status_mut() = StatusCode::from_bytes(line).unwrap_or_default();
        } else if let Some(colon) = line.iter().position(|&byte| byte == b':') {
            let (name, value) = (
                HeaderName::from_bytes(&line[..colon]),
                HeaderValue::from_bytes(&line[colon + 1..]),
            );
            if let (Ok(name), Ok(value)) = (name, value) {
                answer.headers_mut().append(name, value);
            }
        }
    }
    *answer.body_mut() = rest.to_vec();
    authgate_core::fuzzing::answer_with(answer);
}

fn next_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest
        .iter()
        .position(|&byte| byte == b'\n')
        .unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    line
}

/// Creates a confidential client of a server that has every endpoint which the targets call.
pub fn client(secret: &str) -> OAuthClient {
    let endpoint = |path: &str| Url::parse(&format!("{ISSUER}{path}")).expect("a URL");
    let mut endpoints = Endpoints::from_token_url(endpoint("/oauth/token"));
    endpoints.device_authorization_url = Some(endpoint("/oauth/device/code"));
    endpoints.userinfo_url = Some(endpoint("/oauth/userinfo"));
    endpoints.token_info_url = Some(endpoint("/oauth/tokeninfo"));
    endpoints.introspection_url = Some(endpoint("/oauth/introspect"));
    OAuthClient::new("client-1", endpoints, HttpClient::default()).with_secret(Secret::from(secret))
}

/// Runs a future to its end on a paused clock, so that a pause between two attempts takes no time.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Returns a folder for the files of this process.
pub fn folder() -> &'static Path {
    static FOLDER: LazyLock<TempDir> =
        LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
    FOLDER.path()
}
