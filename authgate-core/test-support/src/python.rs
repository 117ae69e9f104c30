//! The Python SDK.

use std::path::PathBuf;
use std::process::Command;

/// Returns the interpreter that has the Python SDK: `AUTHGATE_TEST_PYTHON`. Only ignored tests need
/// it.
pub fn interpreter() -> PathBuf {
    let python = std::env::var_os("AUTHGATE_TEST_PYTHON");
    python
        .expect("AUTHGATE_TEST_PYTHON names a Python with go-authgate, keyring and secretstorage")
        .into()
}

/// Prepares a script that imports the SDK's stores and finds its arguments in `sys.argv`.
pub fn script(text: &str, arguments: &[&str]) -> Command {
    const START: &str = "import sys, json
from authgate.credstore import StoredToken, token_file_store, token_keyring_store
";
    let mut command = Command::new(interpreter());
    command
        .arg("-c")
        .arg(START.to_owned() + text)
        .args(arguments);
    command
}

pub fn run(text: &str, arguments: &[&str]) {
    succeed(&mut script(text, arguments));
}

/// Runs a command, which must succeed.
#[track_caller]
pub fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
