//! Sessions with a bus and a keyring, or without, and a look at what is in the keyring.

use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::stores::{CLIENT, left_out, part};

/// A session bus on which a keyring is unlocked.
pub(crate) const UNLOCKED: &str = r#"exec dbus-run-session -- sh -c '
    printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$@"' sh "$@""#;

/// A session bus on which a keyring can be started that nobody has set up.
pub(crate) const NEVER_SET_UP: &str = r#"exec dbus-run-session -- "$@""#;

pub(crate) const NO_BUS: &str = r#"unset DBUS_SESSION_BUS_ADDRESS; exec "$@""#;

/// A session bus that knows no services.
pub(crate) const NO_KEYRING: &str = r#"cat >"$HOME/bus.conf" <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
END
exec dbus-run-session --config-file="$HOME/bus.conf" -- "$@""#;

pub(crate) const SILENT_BUS: &str =
    r#"DBUS_SESSION_BUS_ADDRESS="unix:path=$HOME/bus"; export DBUS_SESSION_BUS_ADDRESS; exec "$@""#;

pub(crate) fn is_asked_for() -> bool {
    let asked_for = std::env::var("AUTHGATE_TEST_KEYRING").is_ok_and(|value| value == "1");
    if !asked_for {
        left_out("AUTHGATE_TEST_KEYRING is not 1");
    }
    asked_for
}

/// Runs the part `test` in a session that the shell script `state` makes.
pub(crate) fn run_in(state: &str, test: &str) {
    if is_asked_for() {
        let home = tempfile::tempdir().unwrap();
        run_in_home(state, test, &home);
    }
}

pub(crate) fn run_in_home(state: &str, test: &str, home: &TempDir) {
    let part = part(test, home.path());
    let output = Command::new("sh")
        .args(["-c", state, "sh"])
        .arg(part.get_program())
        .args(part.get_args())
        .envs([("AUTHGATE_TEST_PART", home.path()), ("HOME", home.path()), ("XDG_RUNTIME_DIR", home.path())])
        .output()
        .unwrap();
    let shown = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
}

/// The attributes of all items with this service and our client, as secret-tool shows them.
pub(crate) fn items(service: &str) -> String {
    let output =
        Command::new("secret-tool").args(["search", "--all", "service", service, "username", CLIENT]).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

pub(crate) fn add_item(text: &str, more: &[&str]) {
    let mut child = Command::new("secret-tool")
        .args(["store", "--label=made by a test", "service", "authgate", "username", CLIENT])
        .args(more)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
