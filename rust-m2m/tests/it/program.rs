//! The built program, as a person or a script meets it.

use std::path::Path;
use std::time::Duration;

use crate::support::Run;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::process::Command;

#[tokio::test]
async fn it_prints_status_and_body_after_three_requests_on_one_connection() {
    let server = DevServer::start().await;
    let ended = Run::of(&server).end().await;
    let body = "{\"sub\":\"client:dev-service\",\"client_id\":\"dev-service\"}";
    assert_eq!(ended.stdout, format!("Status: 200\nBody: {body}\n"));
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));

    let endpoints: Vec<_> = server.requests().iter().map(|request| request.endpoint.unwrap()).collect();
    assert_eq!(endpoints, [Endpoint::Discovery, Endpoint::Token, Endpoint::UserInfo]);
    assert_eq!(server.connections(), 1);
    let token_request = &server.requests()[1];
    assert_eq!(token_request.parameter("scope"), Some("profile email"));
    assert!(server.requests()[2].header("authorization").unwrap().starts_with("Bearer ey"));
}

#[tokio::test]
async fn a_real_servers_user_not_found_is_printed_and_explained() {
    let server = DevServer::start_with(|settings| settings.user_not_found_for_machines = true).await;
    let ended = Run::of(&server).end().await;
    assert!(ended.stdout.starts_with("Status: 401\nBody: {"), "{ended:?}");
    assert!(ended.stdout.contains("User not found"));
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains("knows only people") && ended.stderr.contains("API_URL"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1);
    assert_eq!(server.requests().len(), 3, "a refusal costs no further request");
}

#[tokio::test]
async fn another_api_can_be_called_with_the_token() {
    let server = DevServer::start().await;
    let api_url = format!("{}/oauth/tokeninfo", server.url());
    let ended = Run::of(&server).with("API_URL", &api_url).end().await;
    assert!(ended.stdout.contains("\"subject_type\":\"client\""), "{ended:?}");
    assert_eq!((server.count(Endpoint::UserInfo), server.count(Endpoint::TokenInfo)), (0, 1));
}

/// case 49
#[tokio::test]
async fn scopes_that_were_not_granted_are_told_on_standard_error() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Token, Fault::set_member("scope", "profile"), Times::Once);
    let ended = Run::of(&server).end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), "note: the server did not grant: email\n"));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn any_other_status_is_printed_and_ends_with_1() {
    for status in [204, 301, 403, 404, 500] {
        let server = DevServer::start().await;
        server.inject(Endpoint::UserInfo, Fault::body(status, "text/plain", ""), Times::Always);
        let ended = Run::of(&server).end().await;
        assert_eq!(ended.stdout, format!("Status: {status}\nBody: \n"));
        assert_eq!(ended.status, Some(i32::from(status != 204)));
        assert_eq!(server.requests().len(), 3);
    }
}

/// case 74
#[tokio::test]
async fn a_long_body_is_cut_at_one_megabyte() {
    let server = DevServer::start().await;
    server.inject(Endpoint::UserInfo, Fault::Endless, Times::Always);
    let ended = Run::of(&server).end().await;
    let (head, rest) = ended.stdout.split_at("Status: 200\nBody: ".len());
    assert_eq!(head, "Status: 200\nBody: ");
    assert!(rest.ends_with("\n(response body truncated to 1 MB)\n"));
    assert_eq!(rest.len(), 1_048_576 + "\n(response body truncated to 1 MB)\n".len());
    assert_eq!(ended.status, Some(0));
}

/// cases 74, 158
#[tokio::test]
async fn a_body_cannot_act_on_the_terminal() {
    let server = DevServer::start().await;
    let body = b"a\x1b[2J\x1b]0;x\x07\n\tb\xff\r".to_vec();
    server.inject(Endpoint::UserInfo, Fault::body(200, "text/plain", body), Times::Always);
    let ended = Run::of(&server).end().await;
    assert_eq!(ended.stdout, "Status: 200\nBody: a\\u{1b}[2J\\u{1b}]0;x\\u{7}\n\tb\u{fffd}\\r\n");
}

#[tokio::test]
async fn of_an_answer_that_breaks_off_the_rest_is_printed() {
    let server = DevServer::start().await;
    server.inject(Endpoint::UserInfo, Fault::Truncated, Times::Always);
    let ended = Run::of(&server).end().await;
    assert!(ended.stdout.starts_with("Status: 200\nBody: {\""), "{ended:?}");
    assert!(ended.stderr.contains("connection was lost"), "{ended:?}");
    assert_eq!(ended.status, Some(1));
}

/// case 1
#[tokio::test]
async fn with_nothing_set_one_message_names_all_three_variables() {
    let ended = Run::new().end().await;
    ended.fails_with(1, &["AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET", ".env.example"]);
    assert_eq!(ended.stderr.lines().count(), 1);
    Run::new().with("AUTHGATE_URL", " ").with("CLIENT_ID", "").end().await.fails_with(1, &["AUTHGATE_URL, CLIENT_ID"]);
}

#[tokio::test]
async fn settings_may_come_from_a_file_in_the_current_directory() {
    let server = DevServer::builder().confidential_client("service", "pa$$ #word").start().await.unwrap();
    let file = format!("AUTHGATE_URL={}\r\nexport CLIENT_ID=service\r\nCLIENT_SECRET='pa$$ #word'\r\n", server.url());
    assert_eq!(Run::new().file(&file).end().await.status, Some(0));
}

/// case 7
#[tokio::test]
async fn the_environment_wins_over_the_file_even_when_it_is_empty() {
    let server = DevServer::start().await;
    let file = "AUTHGATE_URL=https://elsewhere.invalid\nCLIENT_ID=other\nCLIENT_SECRET=canary\n";
    assert_eq!(Run::of(&server).file(file).end().await.status, Some(0));
    Run::new().file(file).with("CLIENT_SECRET", "").end().await.fails_with(1, &["not set: CLIENT_SECRET"]);
}

/// case 10
#[tokio::test]
async fn a_file_in_a_parent_directory_is_not_read() {
    let mut run = Run::new().file("AUTHGATE_URL=http://127.0.0.1:1\nCLIENT_ID=a\nCLIENT_SECRET=canary\n");
    let child = run.folder.path().join("child");
    std::fs::create_dir(&child).unwrap();
    run.command.current_dir(child);
    run.end().await.fails_with(1, &["AUTHGATE_URL, CLIENT_ID, CLIENT_SECRET"]);
}

/// case 8
#[tokio::test]
async fn a_malformed_file_is_named_with_its_line() {
    let ended = Run::new().file("CLIENT_ID=a\n\nCLIENT_SECRET canary\n").end().await;
    ended.fails_with(1, &[".env: line 3 "]);
}

#[tokio::test]
async fn a_wrong_secret_is_told_with_a_hint() {
    let server = DevServer::start().await;
    let ended = Run::of(&server).with("CLIENT_SECRET", "canary").end().await;
    ended.fails_with(1, &["invalid_client", "CLIENT_SECRET", ".env"]);
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn without_a_server_the_url_is_told_and_what_to_check() {
    let server = DevServer::start().await;
    let url = server.url().to_owned();
    let run = Run::of(&server);
    server.stop().await;
    run.end().await.fails_with(1, &[&url, "Is the server running", "onnection refused"]);
}

/// cases 3, 4
#[tokio::test]
async fn a_url_that_no_secret_may_go_to_is_refused() {
    let complete =
        |url: &str| Run::new().with("AUTHGATE_URL", url).with("CLIENT_ID", "a").with("CLIENT_SECRET", "canary");
    for url in ["http://auth.example.com", "https://u:canary@auth.example.com", "ftp://a", "auth.example.com"] {
        complete(url).end().await.fails_with(1, &["AUTHGATE_URL"]);
    }
    complete("https://auth.example.com")
        .with("API_URL", "http://api.example.com")
        .end()
        .await
        .fails_with(1, &["API_URL"]);
}

/// case 4
#[tokio::test]
async fn plain_http_that_was_asked_for_is_warned_of_at_each_run() {
    let server = DevServer::start().await;
    let ended = Run::of(&server).with("AUTHGATE_ALLOW_HTTP", "1").end().await;
    assert!(ended.stderr.starts_with("warning: AUTHGATE_ALLOW_HTTP=1"), "{ended:?}");
    assert_eq!(ended.status, Some(0));
    Run::of(&server).with("AUTHGATE_ALLOW_HTTP", "yes").end().await.fails_with(1, &["neither 0 nor 1"]);
}

#[tokio::test]
async fn help_and_version_are_data_and_arguments_are_wrong_usage() {
    let mut help = Run::new();
    help.command.arg("--help");
    let ended = help.end().await;
    assert!(ended.status == Some(0) && ended.stdout.contains("AUTHGATE_URL"), "{ended:?}");

    let mut version = Run::new();
    version.command.arg("--version");
    assert_eq!(version.end().await.stdout, concat!("rust-m2m ", env!("CARGO_PKG_VERSION"), "\n"));

    let mut wrong = Run::new();
    wrong.command.arg("--canary");
    let ended = wrong.end().await;
    assert!(ended.status == Some(2) && ended.stderr.contains("Usage"), "{ended:?}");
}

/// case 20
#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_it_while_a_server_is_silent() {
    use std::os::unix::process::ExitStatusExt;

    let server = DevServer::start().await;
    server.inject(Endpoint::Token, Fault::Hang, Times::Always);
    let mut run = Run::of(&server);
    let mut child = run.command.spawn().unwrap();
    while server.count(Endpoint::Token) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Not an interrupt: to that a program is deaf which a shell runs in the background, tests included.
    let signal = format!("-TERM {}", child.id().unwrap());
    let killed = Command::new("kill").args(signal.split(' ')).status().await.unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().await.unwrap().signal(), Some(15));
}

#[test]
fn the_readme_the_code_and_the_output_tell_the_same_steps() {
    let read = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (readme, code) = (read("README.md"), read("src/main.rs"));

    let steps_of_readme: Vec<&str> = section(&readme, "## How It Works")
        .lines()
        .filter(|line| line.starts_with(|character: char| character.is_ascii_digit()))
        .collect();
    let steps_of_code: Vec<&str> = code
        .lines()
        .filter_map(|line| line.trim().strip_prefix("// "))
        .filter(|line| line.starts_with(|character: char| character.is_ascii_digit()))
        .collect();
    assert_eq!(steps_of_readme.len(), 6);
    assert_eq!(steps_of_readme.iter().map(|step| step.replace('`', "")).collect::<Vec<_>>(), steps_of_code);

    let output = section(&readme, "## Example Output");
    assert!(output.contains("Status: 200\nBody: {\"sub\":\"service-uuid\",\"client_id\":\"your-client-id\",...}\n"));
    assert!(output.contains("(response body truncated to 1 MB)"));
    for label in ["\"Status: {status}\"", "\"Body: {}\"", "\"(response body truncated to 1 MB)\""] {
        assert!(code.contains(label), "{label} is not printed");
    }
}

fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let rest = text.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}
