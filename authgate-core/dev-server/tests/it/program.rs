use std::net::TcpListener;

use authgate_test_support::{Ended, Home, Run, http, redact};
use insta::assert_snapshot;

fn program(home: &Home, arguments: &str) -> Run {
    Run::new(env!("CARGO_BIN_EXE_authgate-dev-server"), home).args(arguments)
}

async fn run(arguments: &str) -> Ended {
    program(&Home::new(), arguments).end().await
}

#[tokio::test]
async fn help_is_printed() {
    let help = run("--help").await;
    assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(help.stdout, @r#"
    An in-memory AuthGate (OAuth 2.0 / OpenID Connect) server on loopback, to try clients out.

    Usage: authgate-dev-server [OPTIONS]
           authgate-dev-server [OPTIONS] [--] COMMAND...

    Without COMMAND it serves on 127.0.0.1:8080, prints the variables to set, and runs until Ctrl-C.

    With COMMAND it takes that port, or a free one if it is in use, and runs COMMAND with AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET,
    TOKEN_URL and PROTECTED_API_URL set, and API_URL empty unless it is exported. It ends when COMMAND
    ends, and returns its exit status (128 plus the signal if a signal ended it, 127 if COMMAND was not
    found, 126 if it could not be started):

        cargo run -p authgate-dev-server -- cargo run -p rust-m2m

    Options, before COMMAND:
      --port N                   listen on this port
      --host ADDRESS             listen on this loopback address (127.0.0.1)
      --access-token-lifetime S  access tokens expire after S seconds (3600)
      --interval S               the polling interval of the device flow (5)
      --rotate-refresh-tokens    each refresh returns a new refresh token; an old one ends the login
      --rate-limits              limit requests per minute as AuthGate does: token 20, device code 10,
                                 introspection 20, login 5
      --user-not-found           userinfo answers 401 "User not found" to a machine's token, as
                                 AuthGate does today
      --error-pages              a wrong client or redirect URI at /oauth/authorize gets an error page, as
                                 RFC 6749 requires; AuthGate sends the browser to that URI all the same
      --tls CA_FILE              serve https; write the certificate of the authority to trust to CA_FILE
                                 and name it in COMMAND's SSL_CERT_FILE. COMMAND trusts only this
                                 authority, so it cannot download anything (only in a build with
                                 --features tls)
      -h, --help                 show this

    Clients: dev-service (secret dev-service-secret, all grants) and dev-cli (public). User: jane /
    password. Redirect URIs: http://127.0.0.1:8088/callback and http://localhost:8888/callback.
    All data are in memory and lost when the server ends.

    To approve or deny a device without a browser:
      curl -d user_code=XXXX-XXXX URL/dev/device/approve
      curl -d user_code=XXXX-XXXX URL/dev/device/deny

    To count the connections, and the last 10,000 requests by path (this one included):
      curl URL/dev/requests
    "#);
}

#[tokio::test]
async fn wrong_usage_fails_with_2() {
    let mut messages = String::new();
    for arguments in [
        "--nonsense",
        "--port",
        "--port eighty",
        "--port=70000",
        "--rate-limits=yes",
        "--host 0.0.0.0",
        "--host=example.com true",
    ] {
        let ended = run(arguments).await;
        ended.fails_with(2, &[]);
        messages += ended.stderr.strip_suffix("Try --help.\n").unwrap();
    }
    assert_snapshot!(messages, @r#"
    authgate-dev-server: unknown option --nonsense
    authgate-dev-server: --port needs a value
    authgate-dev-server: "eighty" is not a value for --port: a number from 0 to 65535
    authgate-dev-server: "70000" is not a value for --port: a number from 0 to 65535
    authgate-dev-server: --rate-limits takes no value
    authgate-dev-server: "0.0.0.0" is not a value for --host: a loopback address, such as 127.0.0.1 or ::1; the credentials of this server are public, so it does not listen elsewhere
    authgate-dev-server: "example.com" is not a value for --host: a loopback address, such as 127.0.0.1 or ::1; the credentials of this server are public, so it does not listen elsewhere
    "#);
}

#[tokio::test]
async fn a_port_in_use_fails_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let arguments = format!("--port {}", taken.local_addr().unwrap().port());
    run(&arguments)
        .await
        .fails_with(1, &["choose another one with --port"]);
}

#[tokio::test]
async fn a_command_that_cannot_start_fails_with_127_or_126() {
    run("-- there-is-no-such-command")
        .await
        .fails_with(127, &["cannot run \"there-is-no-such-command\""]);
    #[cfg(unix)]
    run("/").await.fails_with(126, &["cannot run"]);
}

#[tokio::test]
async fn alone_the_server_prints_what_to_set() {
    let home = Home::new();
    let run = program(&home, "--port 0 --access-token-lifetime 60").start();
    run.prints("/dev/device/deny\n").await;
    let printed = run.printed();
    assert_snapshot!(redact(&printed), @"
    AuthGate development server on http://127.0.0.1:[port] (in memory, until Ctrl-C)

    For rust-m2m, or any service:

    export AUTHGATE_URL=http://127.0.0.1:[port]
    export CLIENT_ID=dev-service
    export CLIENT_SECRET=dev-service-secret
    export API_URL=

    For the examples without discovery, in place of AUTHGATE_URL:

    export TOKEN_URL=http://127.0.0.1:[port]/oauth/token
    export PROTECTED_API_URL=http://127.0.0.1:[port]/oauth/userinfo

    For rust-cli, or any program that people log in to:

    export AUTHGATE_URL=http://127.0.0.1:[port]
    export CLIENT_ID=dev-cli
    export CLIENT_SECRET=

    Log in as jane / password. Or approve or deny a device without a browser:

    curl -d user_code=[code] http://127.0.0.1:[port]/dev/device/approve
    curl -d user_code=[code] http://127.0.0.1:[port]/dev/device/deny
    ");

    let url = printed
        .lines()
        .find_map(|line| line.strip_prefix("export TOKEN_URL="))
        .unwrap();
    let client = [
        ("client_id", "dev-service"),
        ("client_secret", "dev-service-secret"),
    ];
    let form = [&[("grant_type", "client_credentials")], &client[..]].concat();
    assert_eq!(http::post(url, &[], &form).await.json()["expires_in"], 59);
    run.kill().await;
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn a_build_without_tls_names_the_feature() {
    run("--tls authority.pem true")
        .await
        .fails_with(2, &["--features tls"]);
}

#[cfg(unix)]
mod unix {
    use super::*;

    fn shell(home: &Home, script: &str) -> Run {
        program(home, "sh -c").arg(script)
    }

    #[tokio::test]
    async fn the_command_gets_the_variables_and_owns_stdout() {
        let script = r#"echo "$AUTHGATE_URL|$CLIENT_ID|$CLIENT_SECRET|$TOKEN_URL|$PROTECTED_API_URL|${API_URL-unset}""#;
        let ended = shell(&Home::new(), script).end().await;
        let url = ended.stdout.split('|').next().unwrap();
        assert!(url.starts_with("http://127.0.0.1:"));
        let expected = format!(
            "{url}|dev-service|dev-service-secret|{url}/oauth/token|{url}/oauth/userinfo|\n"
        );
        assert_eq!(
            (ended.status, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(0), expected.as_str(), "")
        );
    }

    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn over_https_the_command_trusts_the_authority() {
        let home = Home::new();
        let file = home.path().canonicalize().unwrap().join("authority.pem");
        let script = r#"echo "$AUTHGATE_URL|$SSL_CERT_FILE"; cat "$SSL_CERT_FILE""#;
        let ended = program(&home, "--tls authority.pem sh -c")
            .arg(script)
            .end()
            .await;
        let (line, certificate) = ended.stdout.split_once('\n').unwrap();
        assert!(line.starts_with("https://127.0.0.1:"), "{ended:?}");
        assert!(line.ends_with(&format!("|{}", file.display())), "{ended:?}");
        assert!(
            certificate.starts_with("-----BEGIN CERTIFICATE-----"),
            "{ended:?}"
        );
        assert_eq!(certificate, std::fs::read_to_string(&file).unwrap());

        let alone = program(&home, "--port=0 --tls authority.pem").start();
        alone
            .prints(&format!("export SSL_CERT_FILE='{}'\n", file.display()))
            .await;
        assert!(
            alone
                .printed()
                .contains("export AUTHGATE_URL=https://127.0.0.1:"),
            "{}",
            alone.printed()
        );
        alone.kill().await;

        run("--tls /there/is/no/such/folder true")
            .await
            .fails_with(1, &["cannot write"]);
    }

    #[tokio::test]
    async fn the_exit_status_is_the_commands() {
        assert_eq!(shell(&Home::new(), "exit 7").end().await.status, Some(7));
        assert_eq!(
            program(&Home::new(), "--rate-limits -- sh -c")
                .arg("kill -9 $$")
                .end()
                .await
                .status,
            Some(128 + 9)
        );
    }

    #[tokio::test]
    async fn options_after_the_command_are_the_commands() {
        assert_eq!(run("echo --port -- -x").await.stdout, "--port -- -x\n");
    }

    #[tokio::test]
    async fn signals_are_passed_on_to_the_command() {
        let home = Home::new();
        for signal in ["TERM", "HUP", "INT"] {
            // A sleep in the foreground ends before the shell does, so it does not keep the output
            // open.
            let script = "trap 'exit 42' INT TERM HUP; echo ready; while :; do sleep 0.1; done";
            let run = shell(&home, script).start();
            run.prints("ready\n").await;
            run.signal(signal).await;
            assert_eq!(run.end().await.status, Some(42), "{signal}");
        }
    }

    #[tokio::test]
    async fn alone_the_server_ends_at_a_signal() {
        let home = Home::new();
        for signal in ["INT", "TERM"] {
            let run = program(&home, "--port=0").start();
            run.prints("http://127.0.0.1:").await;
            run.signal(signal).await;
            assert_eq!(run.end().await.status, Some(0), "{signal}");
        }
    }
}
