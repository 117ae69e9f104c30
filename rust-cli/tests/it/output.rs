use std::fmt::Write as _;
use std::path::Path;

use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::files::{assert_same_steps, section};
use authgate_test_support::{Ended, Home, Run, masked};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PROGRAM, logged_in, run, server, stored};

#[tokio::test]
async fn a_first_login_prints_the_block_and_no_secret() {
    let (server, home) = (server().await, Home::new());
    let ended = run(&home, &server).approved_at(&server).await;
    let stored = stored(&home, &server);
    ended.shows(&stored, &server);
    assert_snapshot!(ended.said(), @"
    To log in, open this page on this machine:

        http://127.0.0.1:[port]/device

    and enter the code:  [code]   (valid for 30 minutes)

    This gives dev-cli access to: profile, email. Enter the code only if you started this login.

    The login is saved unencrypted in file [home]/.authgate-tokens.json. An older login may still be in the keyring.
    ");
    assert_eq!(stored.scope, "profile email");
    ended.says(&[&server.latest_user_code().unwrap()]);

    let asked = &server.requests_at(Endpoint::DeviceAuthorization)[0];
    assert_eq!(asked.parameter("scope"), Some("profile email"));
    let device_code = server.requests_at(Endpoint::Token)[0]
        .parameter("device_code")
        .unwrap()
        .to_owned();
    for secret in [&stored.access_token, &stored.refresh_token, &device_code] {
        assert!(
            !ended.stdout.contains(secret) && !ended.stderr.contains(secret),
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn a_later_run_prints_the_same_block_without_a_login() {
    let (server, home) = (server().await, Home::new());
    let first = run(&home, &server).approved_at(&server).await;
    let text = home.text();
    server.forget_requests();

    let second = run(&home, &server).end().await;
    second.shows_stored(&home, &server);
    assert_snapshot!(second.said(), @"");
    let without_seconds = |ended: &Ended| {
        ended
            .stdout
            .replace(&format!("In: {}\n", ended.number("Expires In")), "\n")
    };
    assert_eq!(without_seconds(&second), without_seconds(&first));
    assert_eq!(home.text(), text);
    server.assert_requests([Endpoint::Discovery, Endpoint::UserInfo, Endpoint::TokenInfo]);
}

#[tokio::test]
async fn the_block_shows_what_the_token_really_has() {
    let (server, home) = (server().await, Home::new());
    let id_token = server
        .issue_tokens(server.public_client(), "openid")
        .id_token
        .unwrap();
    let members = [
        ("id_token", json!(id_token)),
        ("refresh_token", json!("12345678")),
        ("scope", json!("email")),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), Some(value)));
    server.inject(
        Endpoint::Token,
        Fault::Members(members.to_vec()),
        Times::Once,
    );

    let first = run(&home, &server).approved_at(&server).await;
    assert_snapshot!(first.notices(), @"
    [prompt]
    The server did not grant: profile.
    ");
    for ended in [first, run(&home, &server).end().await] {
        let shown = ["ID Token", "Refresh Token", "Scope"].map(|label| ended.value(label));
        assert_eq!(shown, [masked(&id_token).as_str(), "****", "email"]);
    }
}

#[tokio::test]
async fn json_says_the_same() {
    let (server, home) = (server().await, Home::new());
    assert_eq!(
        run(&home, &server).approved_at(&server).await.status,
        Some(0)
    );
    let ended = run(&home, &server).arg("--json").end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_snapshot!(ended.printed(), @r#"
    {
      "user": "Jane Doe (jane@example.com)",
      "subject": "7f1b3c52-0d64-4a8e-9b1d-2f6c8e5a4d10",
      "access_token": "[token]...",
      "refresh_token": "[token]...",
      "token_type": "Bearer",
      "expires_in": [seconds],
      "expires_at": "[time]",
      "scope": "profile email",
      "id_token": "****",
      "token_info": {
        "active": true,
        "user_id": "7f1b3c52-0d64-4a8e-9b1d-2f6c8e5a4d10",
        "client_id": "dev-cli",
        "scope": "profile email",
        "subject_type": "user",
        "issuer": "http://127.0.0.1:[port]",
        "exp": [seconds]
      }
    }
    "#);

    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    let text = run(&home, &server).end().await;
    for label in [
        "User",
        "Subject",
        "Access Token",
        "Refresh Token",
        "Expires At",
    ] {
        assert_eq!(
            json[label.to_lowercase().replace(' ', "_")],
            text.value(label),
            "{label}"
        );
    }
    assert_eq!(json["token_info"]["issuer"], text.value("TokenInfo Issuer"));
    assert!(
        json["expires_in"]
            .as_u64()
            .unwrap()
            .abs_diff(text.number("Expires In"))
            <= 10
    );
    assert_eq!(json["token_info"]["exp"], text.number("TokenInfo Exp"));
}

#[tokio::test]
async fn the_access_token_is_printed_on_request() {
    let (server, home) = (server().await, Home::new());
    let run = || run(&home, &server).arg("--print-access-token");
    let ended = run().approved_at(&server).await;
    let access_token = format!("{}\n", stored(&home, &server).access_token);
    assert_eq!((ended.status, &ended.stdout), (Some(0), &access_token));

    server.inject(Endpoint::UserInfo, Fault::status(403), Times::Once);
    assert_snapshot!(run().end().await.failure(1), @"error: userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 403, which is not a JSON object (no content type; an empty body)");

    server.inject(Endpoint::UserInfo, Fault::status(500), Times::Once);
    let ended = run().end().await;
    assert_eq!((ended.status, &ended.stdout), (Some(0), &access_token));
    assert_snapshot!(ended.notices(), @"warning: userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 500, which is not a JSON object (no content type; an empty body)");
}

#[tokio::test]
async fn a_failing_userinfo_takes_the_place_of_its_lines() {
    let (server, home) = logged_in(600).await;
    let whole = run(&home, &server).end().await;
    let mut lines = String::new();
    for status in [403, 404, 500] {
        server.inject(Endpoint::UserInfo, Fault::status(status), Times::Always);
        let ended = run(&home, &server).end().await;
        let printed = ended.printed();
        let (line, rest) = printed.split_once('\n').unwrap();
        assert!(ended.stdout.starts_with(&format!(
            "Token: {}",
            masked(&stored(&home, &server).access_token)
        )));
        assert_eq!(labels(rest), labels(&whole.stdout)[2..]);

        let json = run(&home, &server).arg("--json").end().await;
        writeln!(lines, "{line}\n{}", json.printed().lines().nth(1).unwrap()).unwrap();
        assert_eq!((ended.status, json.status), (Some(1), Some(1)));
        server.clear_faults();
    }
    assert_snapshot!(lines, @r#"
    Token: [token]... (UserInfo error: userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 403, which is not a JSON object (no content type; an empty body))
      "user_info_error": "userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 403, which is not a JSON object (no content type; an empty body)",
    Token: [token]... (UserInfo error: userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 404: there is nothing at this address. Check the server's URL. It comes from AUTHGATE_URL)
      "user_info_error": "userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 404: there is nothing at this address. Check the server's URL. It comes from AUTHGATE_URL",
    Token: [token]... (UserInfo error: userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 500, which is not a JSON object (no content type; an empty body))
      "user_info_error": "userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 500, which is not a JSON object (no content type; an empty body)",
    "#);
    assert_eq!(server.count(Endpoint::Token), 0);
    assert!(
        home.stored(server.public_client()).is_some(),
        "the login stays"
    );
}

#[tokio::test]
async fn a_failing_tokeninfo_takes_the_place_of_its_lines() {
    let (server, home) = logged_in(600).await;
    server.inject(
        Endpoint::TokenInfo,
        Fault::oauth_error(401, "invalid_token"),
        Times::Always,
    );
    let ended = run(&home, &server).end().await;
    assert_eq!(ended.status, Some(1));
    assert_snapshot!(ended.printed(), @"
    User: Jane Doe (jane@example.com)
    Subject: 7f1b3c52-0d64-4a8e-9b1d-2f6c8e5a4d10
    Access Token: [token]...
    Refresh Token: [token]...
    Token Type: Bearer
    Expires In: [seconds]
    Expires At: [time]
    Scope: 
    ID Token: ****
    TokenInfo error: tokeninfo: http://127.0.0.1:[port]/oauth/tokeninfo answered 401 invalid_token
    ");
    let json = run(&home, &server).arg("--json").end().await;
    let json = json.printed();
    assert_snapshot!(json.split_once("\"id_token\"").unwrap().1, @r#"
    : "****",
      "token_info": {
        "error": "tokeninfo: http://127.0.0.1:[port]/oauth/tokeninfo answered 401 invalid_token"
      }
    }
    "#);
}

#[tokio::test]
async fn text_from_the_server_cannot_act_on_the_terminal() {
    let (server, home) = logged_in(600).await;
    server.inject(
        Endpoint::UserInfo,
        Fault::set_member("name", "a\u{1b}[2J\nUser: root\u{202e}"),
        Times::Once,
    );
    server.inject(
        Endpoint::TokenInfo,
        Fault::set_member("scope", "\u{9b}2J\r"),
        Times::Once,
    );
    let ended = run(&home, &server).end().await;
    assert_eq!(
        ended.value("User"),
        "a\\u{1b}[2J\\nUser: root\\u{202e} (jane@example.com)"
    );
    assert_eq!(ended.value("TokenInfo Scope"), "\\u{9b}2J\\r");
    assert_eq!(ended.stdout.lines().count(), 16);

    server.inject(
        Endpoint::UserInfo,
        Fault::set_member("name", "J".repeat(10_000)),
        Times::Once,
    );
    let ended = run(&home, &server).end().await;
    assert_eq!(
        ended.value("User"),
        format!("{}... (jane@example.com)", "J".repeat(300))
    );
}

#[tokio::test]
async fn a_user_without_a_name_is_shown_by_subject() {
    let (server, home) = (server().await, Home::new());
    let tokens = server.issue_tokens(server.public_client(), "read");
    home.store(server.public_client(), &tokens, 600);
    let ended = run(&home, &server).end().await;
    let subject = &server.user().subject;
    assert_eq!(
        (ended.value("User"), ended.value("Subject")),
        (subject.as_str(), subject.as_str())
    );
    assert_eq!(
        (
            ended.value("Scope"),
            ended.value("TokenInfo Scope"),
            ended.status
        ),
        ("", "read", Some(0))
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_reader_that_has_gone_is_no_panic() {
    let (server, home) = logged_in(600).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_snapshot!(run(&home, &server).stdout(writer).end().await.failure(1), @"error: cannot write the result to standard output: Broken pipe (os error 32)");
}

#[tokio::test]
async fn help_and_version_are_data() {
    let home = Home::new();
    let help = Run::new(PROGRAM, &home).arg("--help").end().await;
    assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(help.stdout.replace("rust-cli.exe", "rust-cli"), @r#"
    Logs you in to an AuthGate server and shows who you are and what your token is good for.

    The login is saved in the OS keyring, or in ~/.authgate-tokens.json, and used again by the next run;
    AuthGate's Python and Bash clients share it. AUTHGATE_URL and CLIENT_ID name the server and the
    client, in the environment or in a file .env in the current directory; CLIENT_SECRET is for a
    confidential client.

    Usage: rust-cli [OPTIONS]

    Options:
          --flow <auto|browser|device>
              How to log in: with a browser, with a device code, or (auto) with a browser if one can be
              opened here [variable: AUTHGATE_FLOW] [default: auto]

          --scope <SCOPES>
              The scopes to request, separated by blanks [variable: SCOPE] [default: "profile email"]

          --parameter <NAME=VALUE>
              Add a parameter to each request of the login, such as Auth0's audience=URL, resource=URL
              (RFC 8707) or AuthGate's extra_claims=JSON; may be given several times

          --redirect-uri <URI>
              Where the browser comes back to, exactly as it is registered for the client [variable:
              AUTHGATE_REDIRECT_URI] [default: http://127.0.0.1:8088/callback]

          --trust-origin <ORIGIN>
              Accept an endpoint of the login at another server, named by scheme, host and port; may be
              given several times [variable: AUTHGATE_TRUSTED_ORIGINS, separated by blanks, never in
              .env]

          --replace
              Replace a login of the same client at another server; with --logout, delete it

          --no-keyring
              Save the login in the file only, and do not touch the keyring [variable:
              AUTHGATE_NO_KEYRING=1]

          --logout
              Revoke the login at the server and delete it here

          --min-validity <SECONDS>
              Refresh the token first if it is valid for less than this [default: 30]

          --json
              Print the result as JSON

          --print-access-token
              Print a valid access token and nothing else: curl -H "Authorization: Bearer $(rust-cli
              --print-access-token)" URL

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    "#);

    let version = Run::new(PROGRAM, &home).arg("--version").end().await;
    assert_eq!(
        version.stdout,
        concat!("rust-cli ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

fn labels(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split_once(": ").unwrap().0)
        .collect()
}

#[test]
fn readme_code_and_output_have_the_same_steps() {
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    };
    let (readme, report) = (read("README.md"), read("src/report.rs"));
    assert_same_steps(&readme, &read("src/main.rs"), 5);
    let output = section(&readme, "## Example Output")
        .split("```")
        .nth(1)
        .unwrap()
        .trim();
    let labels = labels(output);
    assert_eq!(labels.len(), 16);
    let printed: Vec<_> = labels
        .iter()
        .map(|label| report.find(&format!("\"{label}: {{")))
        .collect();
    assert!(
        printed.iter().all(Option::is_some) && printed.is_sorted(),
        "{labels:?} at {printed:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_token_that_is_printed_to_a_closed_output_is_an_error() {
    let (server, home) = logged_in(600).await;
    for (output, status) in [(">&-", 1), (">/dev/null", 0), (">/dev/full", 1)] {
        let script = format!(r#"exec "$0" "$@" {output}"#);
        let run = run(&home, &server).arg("--print-access-token");
        let ended = run.under("sh", &["-c", &script]).end().await;
        assert_eq!(ended.status, Some(status), "{output}: {ended:?}");
        if output == ">&-" {
            assert_eq!(server.requests().len(), 0, "nothing is asked");
        }
        if status == 1 {
            ended.says(&["error: cannot "]);
        }
    }
}
