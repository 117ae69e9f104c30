//! The two tutorials, run as built programs.

use std::path::PathBuf;
use std::process::Stdio;

use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tempfile::TempDir;
use tokio::process::Command;

/// Cargo builds the examples before the tests, beside them.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.ancestors().nth(2).unwrap().join("examples");
    folder.join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// Standard output, standard error and exit status of one run with these variables alone.
async fn run(name: &str, variables: &[(&str, &str)]) -> (String, String, Option<i32>) {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(example(name));
    command.env_clear().current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
    command.envs(variables.iter().copied());
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

struct Settings {
    token_url: String,
    api_url: String,
}

impl Settings {
    fn of(server: &DevServer) -> Self {
        Self { token_url: format!("{}/oauth/token", server.url()), api_url: format!("{}/api/data", server.url()) }
    }

    fn variables<'a>(&'a self, client_secret: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("CLIENT_ID", "service"),
            ("CLIENT_SECRET", client_secret),
            ("TOKEN_URL", &self.token_url),
            ("PROTECTED_API_URL", &self.api_url),
        ]
    }
}

async fn server() -> DevServer {
    DevServer::builder().confidential_client("service", "pass word").start().await.unwrap()
}

#[tokio::test]
async fn client_credentials_prints_the_tutorials_lines() {
    let server = server().await;
    let settings = Settings::of(&server);
    let (stdout, _, status) = run("client_credentials", &settings.variables("pass word")).await;
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], format!("Requesting token from: {}", settings.token_url));
    assert_eq!(lines[1], "Successfully obtained access token.");
    assert!(lines[2].starts_with("Token Type: Bearer, Expires In: 3") && lines[2].ends_with(" seconds"), "{stdout}");
    assert!(lines[3].starts_with("Access Token: eyJ") && lines[3].len() == "Access Token: 12345678...".len());
    assert_eq!(lines[4], format!("Calling protected API: {}", settings.api_url));
    assert_eq!(lines[5], "Protected API response:");
    assert!(lines[6].starts_with('{'));
    assert_eq!(status, Some(0));
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn client_credentials_tells_the_kinds_of_failure_apart() {
    let server = server().await;
    let settings = Settings::of(&server);
    let last_lines = "\nFailed to obtain OAuth token.\n";

    let (stdout, _, status) = run("client_credentials", &settings.variables("canary")).await;
    assert!(stdout.contains("\nHTTP Error: ") && stdout.contains("\nResponse: invalid_client"), "{stdout}");
    assert!(stdout.ends_with(last_lines) && !stdout.contains("canary"), "{stdout}");
    assert_eq!(status, Some(1));

    server.inject(Endpoint::Token, Fault::set_member("access_token", ""), Times::Once);
    let (stdout, _, _) = run("client_credentials", &settings.variables("pass word")).await;
    assert!(stdout.contains("\nData Error: ") && stdout.ends_with(last_lines), "{stdout}");

    let page = format!("\u{1b}[2J{}", "x".repeat(5000));
    server.inject(Endpoint::Api, Fault::body(500, "text/html", page), Times::Once);
    let (stdout, _, status) = run("client_credentials", &settings.variables("pass word")).await;
    let response = stdout.lines().find(|line| line.starts_with("Response: ")).unwrap();
    assert!(stdout.contains("HTTP Error calling protected API: 500"), "{stdout}");
    assert!(!stdout.contains('\u{1b}') && response.len() < 250, "{stdout}");
    assert_eq!(status, Some(1));

    server.stop().await;
    let (stdout, _, status) = run("client_credentials", &settings.variables("pass word")).await;
    assert!(stdout.contains("\nRequest Error: ") && stdout.ends_with(last_lines), "{stdout}");
    assert_eq!(status, Some(1));
}

#[tokio::test]
async fn client_credentials_names_what_is_not_set() {
    let (stdout, stderr, status) = run("client_credentials", &[]).await;
    assert!(stderr.contains("CLIENT_ID, CLIENT_SECRET, TOKEN_URL, PROTECTED_API_URL"), "{stderr}");
    assert_eq!((stdout.as_str(), status), ("", Some(1)));
}

#[tokio::test]
async fn token_provider_fetches_once_and_shows_the_pitfalls() {
    let server = server().await;
    let settings = Settings::of(&server);
    let mut variables = settings.variables("pass word");
    variables.push(("SCOPE", "read"));
    let (stdout, stderr, status) = run("token_provider", &variables).await;
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    for line in [
        "Access token: eyJ",
        "Current token: eyJ",
        "Missing client secret: ",
        "Incorrect scope: ",
        "Clock skew: server ",
        "Rate limiting: ",
    ] {
        assert!(stdout.lines().any(|printed| printed.starts_with(line)), "{line:?} is not in {stdout}");
    }
    let token_requests = server.requests_at(Endpoint::Token);
    assert_eq!(token_requests.len(), 3, "one by itself, one for the provider, one with a wrong scope");
    assert_eq!(token_requests[0].parameter("scope"), Some("read"));
    assert_eq!(server.requests_at(Endpoint::Api)[0].header("accept"), Some("application/json"));
}

#[tokio::test]
async fn neither_passes_off_a_part_of_an_answer_as_the_answer() {
    let server = server().await;
    let settings = Settings::of(&server);
    for example in ["client_credentials", "token_provider"] {
        server.inject(Endpoint::Api, Fault::Truncated, Times::Once);
        let (stdout, stderr, status) = run(example, &settings.variables("pass word")).await;
        assert!(format!("{stdout}{stderr}").contains("the connection was lost"), "{example}: {stdout}{stderr}");
        assert_eq!(status, Some(1), "{example}");

        server.inject(Endpoint::Api, Fault::Oversized(1024 * 1024 + 1), Times::Once);
        let (stdout, _, status) = run(example, &settings.variables("pass word")).await;
        assert!(stdout.contains("\n(response body truncated to 1 MB)\n"), "{example}");
        assert_eq!(status, Some(0), "{example}");
    }
}
