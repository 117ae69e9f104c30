//! The program: alone, and around a command.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authgate-dev-server"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// Starts the program and reads the first line that it, or its command, prints.
fn start(arguments: &[&str]) -> (Child, BufReader<ChildStdout>, String) {
    let mut child = program(arguments).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    (child, stdout, line)
}

/// The URL in the first line of a server without a command.
fn url(line: &str) -> &str {
    line.split_whitespace().find(|word| word.starts_with("http://")).unwrap()
}

fn ask(url: &str, request: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{}", request.replace("HOST", address)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn help_names_every_option() {
    let output = run(&["--help"]);
    let help = text(&output.stdout);
    assert!(output.status.success());
    for option in [
        "--port",
        "--host",
        "--access-token-lifetime",
        "--interval",
        "--rotate-refresh-tokens",
        "--rate-limits",
        "--user-not-found",
        "--tls",
    ] {
        assert!(help.contains(option), "{option}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    for (arguments, complaint) in [
        (&["--nonsense"][..], "unknown option --nonsense"),
        (&["--port"], "--port needs a value"),
        (&["--port", "eighty"], "--port: a number"),
        (&["--port=70000"], "--port: a number"),
        (&["--rate-limits=yes"], "--rate-limits takes no value"),
        (&["--host", "0.0.0.0"], "loopback"),
        (&["--host=example.com", "true"], "loopback"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(complaint), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_port_in_use_ends_with_1_and_names_the_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run(&["--port", &taken.local_addr().unwrap().port().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--port"), "{output:?}");
}

#[test]
fn a_command_that_does_not_exist_ends_with_127() {
    let output = run(&["--", "there-is-no-such-command"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("cannot run \"there-is-no-such-command\""), "{output:?}");
}

#[test]
fn alone_it_says_what_to_set_and_serves() {
    let (mut child, mut stdout, first) = start(&["--port", "0", "--access-token-lifetime", "60"]);
    let url = url(&first).to_owned();
    let mut lines = String::new();
    while !lines.contains("/dev/device/approve") {
        assert_ne!(stdout.read_line(&mut lines).unwrap(), 0, "{lines}");
    }
    for line in [
        format!("export AUTHGATE_URL={url}"),
        "export CLIENT_ID=dev-service".to_owned(),
        "export CLIENT_SECRET=dev-service-secret".to_owned(),
        "export CLIENT_ID=dev-cli".to_owned(),
        // Unset, they would be those in a file `.env`.
        "export CLIENT_SECRET=".to_owned(),
        "export API_URL=".to_owned(),
        format!("curl -d user_code=XXXX-XXXX {url}/dev/device/approve"),
    ] {
        assert!(lines.lines().any(|printed| printed == line), "{line} in {lines}");
    }
    assert!(lines.contains("jane / password"));

    let form = "grant_type=client_credentials&client_id=dev-service&client_secret=dev-service-secret";
    let answer = ask(
        &url,
        &format!(
            "POST /oauth/token HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        ),
    );
    assert!(answer.contains(r#""expires_in":59"#), "{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(unix)]
mod unix {
    use super::*;

    const WAIT: &str = "trap 'kill $!; exit 42' INT TERM HUP; sleep 60 & echo ready; wait";

    fn kill(signal: &str, process: u32) {
        let sent = Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
        assert!(sent.success());
    }

    #[test]
    fn a_command_finds_the_server_in_its_environment_and_stdout_is_its_own() {
        let output = run(&[
            "sh",
            "-c",
            r#"echo "$AUTHGATE_URL|$CLIENT_ID|$CLIENT_SECRET|$TOKEN_URL|$PROTECTED_API_URL|${API_URL-unset}""#,
        ]);
        let line = text(&output.stdout).trim_end();
        let url = line.split('|').next().unwrap();
        assert!(url.starts_with("http://127.0.0.1:"));
        assert_eq!(line, format!("{url}|dev-service|dev-service-secret|{url}/oauth/token|{url}/oauth/userinfo|"));
        assert!(output.status.success() && output.stderr.is_empty());
    }

    #[cfg(feature = "tls")]
    #[test]
    fn over_https_the_authority_is_in_the_file_and_the_command_is_told_to_trust_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("authority.pem");
        let echo = r#"echo "$AUTHGATE_URL|$SSL_CERT_FILE"; cat "$SSL_CERT_FILE""#;
        let output =
            program(&["--tls", "authority.pem", "sh", "-c", echo]).current_dir(folder.path()).output().unwrap();
        let (line, certificate) = text(&output.stdout).split_once('\n').unwrap();
        assert!(line.starts_with("https://127.0.0.1:"), "{output:?}");
        assert!(line.ends_with(&format!("|{}", file.display())), "{output:?}");
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"), "{output:?}");
        assert_eq!(certificate, std::fs::read_to_string(&file).unwrap());

        let (mut child, mut stdout, first) = start(&["--port=0", "--tls", file.to_str().unwrap()]);
        assert!(first.contains("https://127.0.0.1:"), "{first}");
        let mut lines = String::new();
        while !lines.contains(&format!("export SSL_CERT_FILE='{}'\n", file.display())) {
            assert_ne!(stdout.read_line(&mut lines).unwrap(), 0, "{lines}");
        }
        kill("-TERM", child.id());
        child.wait().unwrap();

        let output = run(&["--tls", "/there/is/no/such/folder", "true"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("cannot write"), "{output:?}");
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_build_that_cannot_serve_https_says_which_one_can() {
        let output = run(&["--tls", "authority.pem", "true"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("--features tls"), "{output:?}");
    }

    #[test]
    fn the_exit_status_is_the_commands() {
        assert_eq!(run(&["--", "sh", "-c", "exit 7"]).status.code(), Some(7));
        assert_eq!(run(&["--rate-limits", "sh", "-c", "kill -9 $$"]).status.code(), Some(128 + 9));
    }

    #[test]
    fn options_after_the_command_are_the_commands() {
        let output = run(&["echo", "--port", "--", "-x"]);
        assert_eq!(text(&output.stdout), "--port -- -x\n");
    }

    #[test]
    fn a_command_that_cannot_be_started_ends_with_126() {
        let output = run(&["/"]);
        assert_eq!(output.status.code(), Some(126), "{output:?}");
    }

    #[test]
    fn signals_are_passed_on_and_the_command_decides() {
        for signal in ["-TERM", "-HUP", "-INT"] {
            let (mut child, _stdout, line) = start(&["sh", "-c", WAIT]);
            assert_eq!(line, "ready\n");
            kill(signal, child.id());
            assert_eq!(child.wait().unwrap().code(), Some(42), "{signal}");
        }
    }

    #[test]
    fn a_server_alone_ends_when_it_is_asked_to() {
        for signal in ["-INT", "-TERM"] {
            let (mut child, _stdout, line) = start(&["--port=0"]);
            assert!(line.contains("http://127.0.0.1:"));
            kill(signal, child.id());
            assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        }
    }
}
