//! What the tests of the stores share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use authgate_core::Secret;
use authgate_core::store::StoredToken;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tempfile::TempDir;

pub(crate) const CLIENT: &str = "client-1";
pub(crate) const ISSUER: &str = "https://auth.example.com";

/// A token that can be told from others by `number`, which is also its order in time.
pub(crate) fn token(number: u64) -> StoredToken {
    let mut token = StoredToken::new(Secret::from(format!("access-{number}")));
    token.refresh_token = Some(Secret::from(format!("refresh-{number}")));
    token.expires_at = Some(2_000_000_000 + number);
    token.issuer = Some(ISSUER.to_owned());
    token.scope = Some("openid profile".to_owned());
    token.id_token = Some(Secret::from("id-token"));
    token
}

pub(crate) fn jwt(issuer: &str) -> String {
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    format!("{}.{}.c2lnbmF0dXJl", part(r#"{"alg":"HS256"}"#.to_owned()), part(format!(r#"{{"iss":"{issuer}"}}"#)))
}

/// A folder with a path for a token file in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    (folder, path)
}

/// The JSON text of a file with one entry.
pub(crate) fn file_with(client_id: &str, entry: &str) -> String {
    serde_json::json!({"data": {client_id: entry}}).to_string()
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// This test program again, to run one of its parts in a process of its own.
pub(crate) fn part(test: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("AUTHGATE_TEST_PART", path);
    command
}

/// What a part works on; `None` when it is run as a test, and has nothing to do.
pub(crate) fn part_path() -> Option<PathBuf> {
    std::env::var_os("AUTHGATE_TEST_PART").map(PathBuf::from)
}

/// How often the same is tried where `AUTHGATE_TEST_ROUNDS` says so; `None` where a few times will do.
pub(crate) fn rounds() -> Option<u64> {
    std::env::var("AUTHGATE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok())
}

/// A Python that has the Python client's package, if one is named for the tests.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("AUTHGATE_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        left_out("AUTHGATE_TEST_PYTHON does not name a Python with go-authgate");
    }
    python
}

/// Runs a script with `sys` and the Python client's stores imported; its arguments are in `sys.argv`.
pub(crate) fn run_python(python: &Path, script: &str, arguments: &[&str]) -> Output {
    const START: &str = "import sys, json
from authgate.credstore import StoredToken, token_file_store, token_keyring_store
";
    let output = Command::new(python).arg("-c").arg(START.to_owned() + script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Says which test did not run here, past the test harness, which shows nothing of a test that passes.
pub(crate) fn left_out(reason: &str) {
    use std::io::Write;

    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "left out: {test}: {reason}");
}
