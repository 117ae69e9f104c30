//! Shared by the fuzz targets: how they get their input, answers in the notation of the seeds, and a
//! client to read them.

use std::path::Path;
use std::sync::LazyLock;

use authgate_core::{Endpoints, HttpClient, OAuthClient, Secret};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

/// Defines a fuzz target for `&[u8]` or `&str`.
///
/// cargo-fuzz sets `cfg(fuzzing)` and links libFuzzer. Without it, the target is a program that checks
/// each file in the folder that it is given, so the seeds can be checked without a C++ compiler.
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: &$type:tt| $check:expr) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|$input: &$type| $check);

        #[cfg(not(fuzzing))]
        fn main() {
            for bytes in $crate::files() {
                let $input = <$type as $crate::Input>::read(&bytes);
                $check;
            }
        }
    };
}

/// The input of a target, read from the bytes of a file.
pub trait Input {
    fn read(bytes: &[u8]) -> &Self;
}

impl Input for [u8] {
    fn read(bytes: &[u8]) -> &Self {
        bytes
    }
}

impl Input for str {
    fn read(bytes: &[u8]) -> &Self {
        std::str::from_utf8(bytes).expect("a seed that is UTF-8")
    }
}

/// Reads the files in the folder that is named by the program's argument.
pub fn files() -> impl Iterator<Item = Vec<u8>> {
    let folder = std::env::args_os().nth(1).expect("a folder");
    let files = std::fs::read_dir(&folder).expect("a folder that can be read");
    files.map(|file| std::fs::read(file.expect("a file").path()).expect("a file"))
}

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
