use std::path::Path;

use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::files::{assert_same_steps, section};
use authgate_test_support::{Ended, Home};
use insta::assert_snapshot;

use crate::support::{error, run, service, without_cause};

/// Runs the program. Its third and last request gets this answer.
async fn answered_with(fault: Fault) -> Ended {
    let (server, home) = (DevServer::start().await, Home::new());
    server.inject(Endpoint::UserInfo, fault, Times::Always);
    let ended = service(&home, &server).end().await;
    assert_eq!(server.requests().len(), 3);
    ended
}

#[tokio::test]
async fn three_requests_on_one_connection_bring_status_and_body() {
    let (server, home) = (DevServer::start().await, Home::new());
    let ended = service(&home, &server).end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(ended.printed(), @r#"
    Status: 200
    Body: {"sub":"client:dev-service","client_id":"dev-service"}
    "#);

    server.assert_requests([Endpoint::Discovery, Endpoint::Token, Endpoint::UserInfo]);
    assert_eq!(server.connections(), 1);
    assert_eq!(
        server.requests()[1].parameter("scope"),
        Some("profile email")
    );
    assert!(
        server.requests()[2]
            .header("authorization")
            .unwrap()
            .starts_with("Bearer ey")
    );
}

#[tokio::test]
async fn user_not_found_is_printed_and_explained() {
    let server =
        DevServer::start_with(|settings| settings.user_not_found_for_machines = true).await;
    let ended = service(&Home::new(), &server).end().await;
    assert_eq!(ended.status, Some(1));
    assert_snapshot!(ended.printed(), @r#"
    Status: 401
    Body: {"error":"invalid_token","error_description":"User not found"}
    "#);
    assert_snapshot!(ended.said(), @"note: the userinfo endpoint knows only people, and this token is a service's. The token itself is valid: set API_URL to an API of yours, or to http://127.0.0.1:[port]/oauth/tokeninfo, to see it accepted");
    server.assert_requests([Endpoint::Discovery, Endpoint::Token, Endpoint::UserInfo]);
}

#[tokio::test]
async fn another_api_is_called_with_the_token() {
    let (server, home) = (DevServer::start().await, Home::new());
    let api_url = format!("{}/oauth/tokeninfo", server.url());
    let ended = service(&home, &server)
        .with("API_URL", &api_url)
        .end()
        .await;
    assert!(
        ended.stdout.contains("\"subject_type\":\"client\""),
        "{ended:?}"
    );
    server.assert_requests([Endpoint::Discovery, Endpoint::Token, Endpoint::TokenInfo]);
}

#[tokio::test]
async fn scopes_not_granted_are_noted_on_standard_error() {
    let (server, home) = (DevServer::start().await, Home::new());
    server.inject(
        Endpoint::Token,
        Fault::set_member("scope", "profile"),
        Times::Once,
    );
    let ended = service(&home, &server).end().await;
    assert_eq!(
        (ended.status, ended.stderr.as_str()),
        (Some(0), "note: the server did not grant: email\n")
    );
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn scope_requests_other_scopes() {
    let (server, home) = (DevServer::start().await, Home::new());
    let run = service(&home, &server).with("SCOPE", " read  profile");
    let fault = Fault::set_member("scope", "profile");
    server.inject(Endpoint::Token, fault, Times::Once);
    assert_snapshot!(run.end().await.said(), @"note: the server did not grant: read");
    let asked = &server.requests_at(Endpoint::Token)[0];
    assert_eq!(asked.parameter("scope"), Some("read profile"));
}

#[tokio::test]
async fn each_status_is_printed_and_only_2xx_exits_with_0() {
    for status in [204, 301, 403, 404, 500] {
        let ended = answered_with(Fault::body(status, "text/plain", "")).await;
        assert_eq!(ended.stdout, format!("Status: {status}\nBody: \n"));
        assert_eq!(ended.status, Some(i32::from(status != 204)));
    }
}

#[tokio::test]
async fn a_long_body_is_cut_at_one_megabyte() {
    const START: &str = "Status: 200\nBody: ";
    const END: &str = "\n(response body truncated to 1 MB)\n";
    let ended = answered_with(Fault::Endless).await;
    assert_eq!(ended.status, Some(0));
    assert!(ended.stdout.starts_with(START) && ended.stdout.ends_with(END));
    assert_eq!(ended.stdout.len(), START.len() + 1_048_576 + END.len());
}

#[tokio::test]
async fn a_body_cannot_act_on_the_terminal() {
    let body = b"a\x1b[2J\x1b]0;x\x07\n\tb\xff\r".to_vec();
    let ended = answered_with(Fault::body(200, "text/plain", body)).await;
    assert_eq!(
        ended.stdout,
        "Status: 200\nBody: a\\u{1b}[2J\\u{1b}]0;x\\u{7}\n\tb\u{fffd}\\r\n"
    );
}

#[tokio::test]
async fn a_lost_connection_prints_what_came_and_fails() {
    let ended = answered_with(Fault::Truncated).await;
    assert_eq!(ended.status, Some(1));
    assert_snapshot!(ended.printed(), @r#"
    Status: 200
    Body: {"sub":"client:dev-service","client_id":"dev-service"}
    "#);
    assert_snapshot!(ended.said(), @"error: reading the answer: lost the connection to http://127.0.0.1:[port]/oauth/userinfo (end of file before message length reached). Try again");
}

#[tokio::test]
async fn one_error_names_all_missing_variables() {
    let home = Home::new();
    let ended = run(&home).end().await;
    ended.fails_with(1, &[]);
    assert_snapshot!(ended.said(), @"error: not set: AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET. Export them, or write them into a file .env in the current directory (.env.example shows how)");
    let ended = run(&home)
        .with("AUTHGATE_URL", " ")
        .with("CLIENT_ID", "")
        .end()
        .await;
    ended.fails_with(1, &["AUTHGATE_URL, CLIENT_ID"]);
}

#[tokio::test]
async fn the_env_file_in_the_current_folder_is_read() {
    let server = DevServer::builder()
        .confidential_client("service", "pa$$ #word")
        .start()
        .await
        .unwrap();
    let home = Home::new();
    let file = format!(
        "AUTHGATE_URL={}\r\nexport CLIENT_ID=service\r\nCLIENT_SECRET='pa$$ #word'\r\n",
        server.url()
    );
    home.place(".env", &file);
    assert_eq!(run(&home).end().await.status, Some(0));
}

#[tokio::test]
async fn the_environment_wins_over_the_file_even_if_empty() {
    let (server, home) = (DevServer::start().await, Home::new());
    home.place(
        ".env",
        "AUTHGATE_URL=https://elsewhere.invalid\nCLIENT_ID=other\nCLIENT_SECRET=canary\n",
    );
    assert_eq!(service(&home, &server).end().await.status, Some(0));
    run(&home)
        .with("CLIENT_SECRET", "")
        .end()
        .await
        .fails_with(1, &["not set: CLIENT_SECRET"]);
}

#[tokio::test]
async fn one_line_tells_that_the_file_decides_where_an_exported_secret_goes() {
    let server = DevServer::start().await;
    let url = server.url();
    let mut said = String::new();
    for file in [
        format!("AUTHGATE_URL={url}\nAPI_URL={url}/api/data\n"),
        format!("API_URL={url}/api/data\n"),
        format!("AUTHGATE_URL={url}\n"),
    ] {
        let home = Home::new();
        home.place(".env", &file);
        let mut run = service(&home, &server);
        if file.contains("AUTHGATE_URL") {
            run = run.without("AUTHGATE_URL");
        }
        let ended = run.end().await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        said += &ended.said();
    }
    assert_snapshot!(said, @"
    warning: CLIENT_SECRET comes from the environment, but .env decides where the secret and its tokens are sent: it sets AUTHGATE_URL, API_URL
    warning: CLIENT_SECRET comes from the environment, but .env decides where the secret and its tokens are sent: it sets API_URL
    warning: CLIENT_SECRET comes from the environment, but .env decides where the secret and its tokens are sent: it sets AUTHGATE_URL
    ");

    // All from one source: nothing to tell.
    let client = server.confidential_client();
    let secret = client.secret.as_deref().unwrap();
    let home = Home::new();
    home.place(
        ".env",
        format!("AUTHGATE_URL={url}\nAPI_URL={url}/api/data\nCLIENT_SECRET={secret}\n"),
    );
    let ended = run(&home).with("CLIENT_ID", &client.id).end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let ended = service(&home, &server)
        .with("API_URL", &format!("{url}/api/data"))
        .end()
        .await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
#[cfg(unix)]
async fn an_env_file_that_others_can_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new();
    let file = home.place(".env", "CLIENT_SECRET=canary\n");
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o666)).unwrap();
    assert_snapshot!(error(&run(&home).end().await), @"error: .env: other users can change it, and with it where secrets are sent. Run: chmod go-w .env");
}

#[tokio::test]
async fn an_env_file_in_a_parent_folder_is_not_read() {
    let home = Home::new();
    home.place(
        ".env",
        "AUTHGATE_URL=http://127.0.0.1:1\nCLIENT_ID=a\nCLIENT_SECRET=canary\n",
    );
    let child = home.path().join("child");
    std::fs::create_dir(&child).unwrap();
    run(&home)
        .in_folder(&child)
        .end()
        .await
        .fails_with(1, &["AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET"]);
}

#[tokio::test]
async fn a_malformed_env_file_is_named_with_its_line() {
    let home = Home::new();
    home.place(".env", "CLIENT_ID=a\n\nCLIENT_SECRET canary\n");
    assert_snapshot!(error(&run(&home).end().await), @"error: .env: line 3 is not of the form NAME=value, or does not close a quote. Put a value with spaces, quotes, $ or # in single quotes");
}

#[tokio::test]
async fn a_wrong_secret_fails_with_a_hint() {
    let (server, home) = (DevServer::start().await, Home::new());
    let ended = service(&home, &server)
        .with("CLIENT_SECRET", "canary")
        .end()
        .await;
    ended.fails_with(1, &[]);
    assert_snapshot!(ended.said(), @"error: client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401 invalid_client (Client authentication failed). A new client may have to be approved. Check the client ID and, for a confidential client, the secret. They come from CLIENT_ID and CLIENT_SECRET; in .env, put a secret with $, # or spaces in single quotes");
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn the_secret_is_sent_as_the_variable_says() {
    let (server, home) = (DevServer::start().await, Home::new());
    let mut ways = Vec::new();
    for way in ["", "post", "basic"] {
        server.forget_requests();
        let ended = service(&home, &server)
            .with("AUTHGATE_CLIENT_AUTHENTICATION", way)
            .end()
            .await;
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
        let request = &server.requests_at(Endpoint::Token)[0];
        let in_header = request.header("authorization").is_some();
        let in_body = request.parameter("client_secret").is_some();
        ways.push((in_header, in_body));
    }
    assert_eq!(ways, [(false, true), (false, true), (true, false)]);
    let ended = service(&home, &server)
        .with("AUTHGATE_CLIENT_AUTHENTICATION", "canary")
        .end()
        .await;
    assert_snapshot!(error(&ended), @"error: AUTHGATE_CLIENT_AUTHENTICATION is neither basic nor post. Set it to basic to send the secret in a header, or to post to send it in the body");
}

#[tokio::test]
async fn a_server_that_wants_the_secret_in_another_way_gets_it_by_the_variable() {
    let (server, home) = (DevServer::start().await, Home::new());
    // Hydra's answer to a client that may use Basic only.
    let answer = r#"{"error": "invalid_client", "error_description": "Client authentication failed (e.g., unknown client, no client authentication included, or unsupported authentication method). The OAuth 2.0 Client supports client authentication method 'client_secret_basic', but method 'client_secret_post' was requested."}"#;
    let refusal = Fault::body(401, "application/json", answer);
    server.inject(Endpoint::Token, refusal, Times::Once);
    let ended = service(&home, &server).end().await;
    assert_snapshot!(error(&ended), @"error: client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401 invalid_client (Client authentication failed (e.g., unknown client, no client authentication included, or unsupported authentication method). The OAuth 2.0 Client supports client authentication method 'client_secret_basic', but method 'client_secret_post' was requested.). A new client may have to be approved. Check the client ID and, for a confidential client, the secret. They come from CLIENT_ID and CLIENT_SECRET; to send the secret in the other way, set AUTHGATE_CLIENT_AUTHENTICATION to basic or post");
}

#[tokio::test]
async fn settings_that_cannot_be_right_are_refused_before_any_request() {
    let (server, home) = (DevServer::start().await, Home::new());
    let quoted = format!("\"{}\"", server.url());
    let mut errors = String::new();
    for (name, value) in [
        ("CLIENT_ID", "dev-cli\r"),
        ("CLIENT_SECRET", "canary\n"),
        ("CLIENT_SECRET", "can\u{7}ary"),
        ("AUTHGATE_URL", &quoted),
        ("CLIENT_ID", "your-client-id"),
    ] {
        let ended = service(&home, &server).with(name, value).end().await;
        errors += &error(&ended);
    }
    assert!(!errors.contains("canary"), "{errors}");
    assert_snapshot!(errors, @"
    error: CLIENT_ID begins or ends with a blank or a line break. Remove it
    error: CLIENT_SECRET begins or ends with a blank or a line break. Remove it
    error: CLIENT_SECRET contains a control character or an invisible character. Remove it
    error: AUTHGATE_URL is refused: it is in quotes. Remove them
    error: not changed since .env.example: CLIENT_ID. Set your own server and client
    ");
    server.assert_requests([]);
}

#[tokio::test]
async fn an_env_file_that_is_still_the_example_is_told() {
    let home = Home::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example");
    let example = std::fs::read_to_string(example).unwrap();
    home.place(
        ".env",
        example.replace("\n#CLIENT_SECRET", "\nCLIENT_SECRET"),
    );
    assert_snapshot!(error(&run(&home).end().await), @"error: not changed since .env.example: AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET. Set your own server and client. A public client has no secret: delete that line");
}

#[tokio::test]
async fn an_empty_value_in_the_env_file_is_named_with_its_line() {
    let home = Home::new();
    home.place(
        ".env",
        "AUTHGATE_URL=http://127.0.0.1:1\nCLIENT_ID=a\n\nCLIENT_SECRET=#canary\n",
    );
    assert_snapshot!(error(&run(&home).end().await), @"error: not set: CLIENT_SECRET. Export it, or write it into a file .env in the current directory (.env.example shows how). .env gives an empty value to CLIENT_SECRET (line 4): put a value with $ or # in single quotes");
}

#[tokio::test]
async fn the_error_names_the_server_that_does_not_run() {
    let (server, home) = (DevServer::start().await, Home::new());
    let url = server.url().to_owned();
    let run = service(&home, &server);
    server.stop().await;
    let ended = run.end().await;
    assert_snapshot!(without_cause(&ended), @"error: discovery: cannot reach http://127.0.0.1:[port]/.well-known/openid-configuration ([cause]). Check that the server is running at this address");
    ended.says(&[&url, "onnection refused"]);
}

#[tokio::test]
async fn unsafe_urls_are_refused_by_their_variable() {
    let home = Home::new();
    let mut errors = String::new();
    for (authgate_url, api_url) in [
        ("http://auth.example.com", ""),
        ("https://u:canary@auth.example.com", ""),
        ("ftp://a", ""),
        ("auth.example.com", ""),
        ("https://auth.example.com", "http://api.example.com"),
    ] {
        let run = run(&home)
            .with("CLIENT_ID", "a")
            .with("CLIENT_SECRET", "canary");
        errors += &error(
            &run.with("AUTHGATE_URL", authgate_url)
                .with("API_URL", api_url)
                .end()
                .await,
        );
    }
    assert_snapshot!(errors, @"
    error: AUTHGATE_URL is refused: http://auth.example.com/ is plain http, which shows the token to everyone on the way. Use https, or set AUTHGATE_ALLOW_HTTP=1 to allow http to other machines than this one
    error: AUTHGATE_URL is refused: it contains a user name or password. Remove them
    error: AUTHGATE_URL is refused: it begins with ftp:, not with https://
    error: AUTHGATE_URL is refused: it is not a URL (relative URL without a base). Write the whole URL, with its https:// or http://
    error: API_URL is refused: http://api.example.com/ is plain http, which shows the token to everyone on the way. Use https, or set AUTHGATE_ALLOW_HTTP=1 to allow http to other machines than this one
    ");
}

#[tokio::test]
async fn allowed_plain_http_is_warned_about_at_each_run() {
    let (server, home) = (DevServer::start().await, Home::new());
    let ended = service(&home, &server)
        .with("AUTHGATE_ALLOW_HTTP", "1")
        .end()
        .await;
    assert_eq!(ended.status, Some(0));
    assert_snapshot!(ended.said(), @"warning: AUTHGATE_ALLOW_HTTP=1 is set, so secrets and tokens may be sent unencrypted, and everyone on the way can use them");
    let ended = service(&home, &server)
        .with("AUTHGATE_ALLOW_HTTP", "yes")
        .end()
        .await;
    assert_snapshot!(error(&ended), @"error: AUTHGATE_ALLOW_HTTP is neither 1 nor 0. Set it to 1 for yes, or to 0 for no");
}

#[tokio::test]
async fn help_and_version_are_printed_and_arguments_refused() {
    let home = Home::new();
    for flag in ["--version", "-V"] {
        let version = run(&home).args(flag).end().await;
        assert_eq!(
            version.stdout,
            concat!("rust-m2m ", env!("CARGO_PKG_VERSION"), "\n")
        );
    }

    let help = run(&home).args("--help").end().await;
    let refused = run(&home).args("--canary").end().await;
    refused.fails_with(2, &[]);
    assert_eq!(
        (
            help.status,
            format!("rust-m2m takes no other arguments.\n\n{}", help.stdout)
        ),
        (Some(0), refused.stderr.clone())
    );
    assert_snapshot!(refused.said(), @"
    rust-m2m takes no other arguments.

    Usage: rust-m2m [OPTIONS]

    Authenticates as a service and prints what the API answers.
    Set AUTHGATE_URL, CLIENT_ID and CLIENT_SECRET in the environment or in a file .env (see .env.example);
    API_URL, if set, is called instead of the server's userinfo endpoint, and SCOPE requests other scopes
    than profile and email.

    Options:
      -h, --help     Print help
      -V, --version  Print version
    ");
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_ends_a_run_that_waits_for_the_server() {
    let (server, home) = (DevServer::start().await, Home::new());
    let hold = server.hold(Endpoint::Token);
    let run = service(&home, &server).start();
    hold.arrived().await;
    // Not SIGINT, because a shell lets programs in the background ignore it, and it may run these
    // tests there.
    run.signal("TERM").await;
    assert_eq!(run.end().await.signal, Some(15));
}

#[test]
fn readme_code_and_output_tell_the_same_steps() {
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    };
    let (readme, code) = (read("README.md"), read("src/main.rs"));
    assert_same_steps(&readme, &code, 6);
    let output = section(&readme, "## Example Output");
    assert!(output.contains(
        "Status: 200\nBody: {\"sub\":\"service-uuid\",\"client_id\":\"your-client-id\",...}\n"
    ));
    assert!(output.contains("(response body truncated to 1 MB)"));
    for label in [
        "\"Status: {status}\"",
        "\"Body: {}\"",
        "\"(response body truncated to 1 MB)\"",
    ] {
        assert!(code.contains(label), "{label} is not printed");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hostile_env_file_does_not_fill_the_memory() {
    let home = Home::new();
    home.place(
        ".env",
        format!("A={}\nB={}\n", "x".repeat(31_000), "$A".repeat(16_000)),
    );
    let limited = ["-c", r#"ulimit -v 300000; exec "$0" "$@""#];
    assert_snapshot!(error(&run(&home).under("sh", &limited).end().await), @"error: .env: line 2 makes the file larger than 64 KiB when its variables are expanded");
}
