//! What the program prints, as a person or a script meets it.

use std::path::Path;

use crate::support::home::masked;
use crate::support::{Home, Run, server};
use authgate_dev_server::{Endpoint, Fault, Times};
use serde_json::{Value, json};

/// case 162
#[tokio::test]
async fn a_first_login_prints_the_block_and_prompts_on_standard_error() {
    let (server, home) = (server().await, Home::new());
    let ended = home.run(&server).approved_at(&server).await;

    let stored = home.stored(server.public_client()).unwrap();
    ended.shows(&stored, &server);
    assert_eq!(ended.number("Expires In"), 3599);
    assert_eq!((stored.scope.as_str(), ended.value("ID Token")), ("profile email", "****"));
    ended.says(&["keyring is off", "/device", &server.latest_user_code().unwrap(), "only if you started this"]);

    let asked = &server.requests_at(Endpoint::DeviceAuthorization)[0];
    assert_eq!(asked.parameter("scope"), Some("profile email"));
    for secret in [&stored.access_token, &stored.refresh_token] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
    let device_code = server.requests_at(Endpoint::Token)[0].parameter("device_code").unwrap().to_owned();
    assert!(!ended.stderr.contains(&device_code), "{ended:?}");
}

#[tokio::test]
async fn a_later_run_prints_the_same_block_without_a_login() {
    let (server, home) = (server().await, Home::new());
    let first = home.run(&server).approved_at(&server).await;
    let stored = home.stored(server.public_client()).unwrap();
    let (text, requests) = (home.text(), server.requests().len());

    let second = home.run(&server).end().await;
    second.shows(&stored, &server);
    let without_time = |text: &str| text.replacen(&format!("Expires In: {}\n", second.number("Expires In")), "", 1);
    assert_eq!(without_time(&second.stdout), first.stdout.replacen("Expires In: 3599\n", "", 1));
    assert_eq!(home.text(), text);
    let endpoints: Vec<_> = server.requests()[requests..].iter().map(|request| request.endpoint.unwrap()).collect();
    assert_eq!(endpoints, [Endpoint::Discovery, Endpoint::UserInfo, Endpoint::TokenInfo]);
}

#[tokio::test]
async fn the_block_is_about_what_the_token_really_has() {
    let (server, home) = (server().await, Home::new());
    let id_token = server.issue_tokens(server.public_client(), "openid").id_token.unwrap();
    let members = [("id_token", json!(id_token)), ("refresh_token", json!("12345678")), ("scope", json!("email"))];
    let members = members.map(|(name, value)| (name.to_owned(), Some(value)));
    server.inject(Endpoint::Token, Fault::Members(members.to_vec()), Times::Once);

    let first = home.run(&server).approved_at(&server).await;
    first.says(&["did not grant: profile"]);
    for ended in [first, home.run(&server).end().await] {
        let shown = ["ID Token", "Refresh Token", "Scope"].map(|label| ended.value(label));
        assert_eq!(shown, [masked(&id_token).as_str(), "****", "email"]);
    }
}

#[tokio::test]
async fn a_token_without_an_expiry_is_said_to_be_so() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::Token, Fault::remove_member("expires_in"), Times::Once);
    for ended in [home.run(&server).approved_at(&server).await, home.run(&server).end().await] {
        assert_eq!((ended.value("Expires In"), ended.value("Expires At")), ("unknown", "unknown"));
        assert_eq!(ended.status, Some(0));
    }
}

#[tokio::test]
async fn json_says_the_same() {
    let (server, home) = (server().await, Home::new());
    home.run(&server).approved_at(&server).await;
    let stored = home.stored(server.public_client()).unwrap();

    let ended = home.run(&server).arg("--json").end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    let text = home.run(&server).end().await;
    assert_eq!(json["user"], text.value("User"));
    assert_eq!(json["access_token"], masked(&stored.access_token));
    assert_eq!(json["refresh_token"], masked(&stored.refresh_token));
    assert_eq!(json["expires_at"], text.value("Expires At"));
    assert!(json["expires_in"].as_u64().unwrap().abs_diff(text.number("Expires In")) <= 10);
    assert_eq!(json["token_info"]["active"], true);
    assert_eq!(json["token_info"]["exp"], text.number("TokenInfo Exp"));
    let order: Vec<_> = ["\"user\"", "\"subject\"", "\"scope\"", "\"token_info\"", "\"issuer\""].into();
    assert!(order.iter().map(|key| ended.stdout.find(key).unwrap()).is_sorted(), "{ended:?}");
}

#[tokio::test]
async fn the_access_token_is_printed_where_it_is_asked_for() {
    let (server, home) = (server().await, Home::new());
    let ended = home.run(&server).arg("--print-access-token").approved_at(&server).await;
    let stored = home.stored(server.public_client()).unwrap();
    assert_eq!((ended.status, ended.stdout), (Some(0), format!("{}\n", stored.access_token)));

    server.inject(Endpoint::UserInfo, Fault::status(403), Times::Once);
    let ended = home.run(&server).arg("--print-access-token").end().await;
    ended.fails_with(1, &["userinfo", "403"]);

    server.inject(Endpoint::UserInfo, Fault::status(500), Times::Once);
    let ended = home.run(&server).arg("--print-access-token").end().await;
    assert_eq!((ended.status, ended.stdout), (Some(0), format!("{}\n", stored.access_token)));
    assert!(ended.stderr.contains("warning: userinfo"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_failing_userinfo_takes_the_place_of_its_two_lines() {
    let (server, home) = (server().await, Home::new());
    home.run(&server).approved_at(&server).await;
    let whole = home.run(&server).end().await;
    for status in [403, 404, 500] {
        server.inject(Endpoint::UserInfo, Fault::status(status), Times::Always);
        let ended = home.run(&server).end().await;
        let (line, rest) = ended.stdout.split_once('\n').unwrap();
        let token = masked(&home.stored(server.public_client()).unwrap().access_token);
        assert!(line.starts_with(&format!("Token: {token} (UserInfo error: userinfo: ")), "{line}");
        assert!(line.ends_with(')'), "{line}");
        assert_eq!(labels(rest), labels(&whole.stdout)[2..]);
        assert_eq!(ended.status, Some(1));

        let json = home.run(&server).arg("--json").end().await;
        let error = serde_json::from_str::<Value>(&json.stdout).unwrap()["user_info_error"].clone();
        assert!(error.as_str().unwrap().starts_with("userinfo: ") && json.status == Some(1), "{json:?}");
        server.clear_faults();
    }
    assert_eq!(server.count(Endpoint::Token), 1, "the login is kept");
    assert!(home.stored(server.public_client()).is_some());
}

#[tokio::test]
async fn a_failing_tokeninfo_takes_the_place_of_its_lines() {
    let (server, home) = (server().await, Home::new());
    home.run(&server).approved_at(&server).await;
    let whole = home.run(&server).end().await;
    server.inject(Endpoint::TokenInfo, Fault::oauth_error(401, "invalid_token"), Times::Always);
    let ended = home.run(&server).end().await;
    assert_eq!(labels(&ended.stdout), [&labels(&whole.stdout)[..9], &["TokenInfo error"]].concat());
    assert!(ended.value("TokenInfo error").contains("401 invalid_token"), "{ended:?}");
    assert_eq!(ended.status, Some(1));

    let json = home.run(&server).arg("--json").end().await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(json["token_info"]["error"].as_str().unwrap().contains("401 invalid_token"), "{json}");
}

/// cases 55, 158
#[tokio::test]
async fn what_a_server_says_cannot_act_on_the_terminal() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    server.inject(Endpoint::UserInfo, Fault::set_member("name", "a\u{1b}[2J\nUser: root\u{202e}"), Times::Once);
    server.inject(Endpoint::TokenInfo, Fault::set_member("scope", "\u{9b}2J\r"), Times::Once);
    let ended = home.run(&server).end().await;
    assert_eq!(ended.value("User"), "a\\u{1b}[2J\\nUser: root\\u{202e} (jane@example.com)");
    assert_eq!(ended.value("TokenInfo Scope"), "\\u{9b}2J\\r");
    assert_eq!(ended.stdout.lines().count(), 16);

    server.inject(Endpoint::UserInfo, Fault::set_member("name", "J".repeat(10_000)), Times::Once);
    let ended = home.run(&server).end().await;
    assert_eq!(ended.value("User"), format!("{}... (jane@example.com)", "J".repeat(300)));
}

#[tokio::test]
async fn of_an_unnamed_person_what_is_known_is_printed() {
    let (server, home) = (server().await, Home::new());
    let tokens = server.issue_tokens(server.public_client(), "read");
    home.keep(server.public_client(), &tokens, 600);
    let ended = home.run(&server).end().await;
    let subject = &server.user().subject;
    assert_eq!((ended.value("User"), ended.value("Subject")), (subject.as_str(), subject.as_str()));
    assert_eq!((ended.value("Scope"), ended.value("TokenInfo Scope"), ended.status), ("", "read", Some(0)));
}

/// case 162
#[cfg(unix)]
#[tokio::test]
async fn a_reader_that_has_gone_is_no_panic() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = home.run(&server).stdout(writer).end().await;
    assert!(ended.status == Some(1) && ended.stderr.contains("standard output"), "{ended:?}");
}

#[tokio::test]
async fn help_and_version_are_data() {
    let home = Home::new();
    let help = Run::bare(&home).arg("--help").end().await;
    let named = ["--flow", "--redirect-uri", "--no-keyring", "--logout", "--json", "--print-access-token", "--version"];
    let variables = ["AUTHGATE_URL", "CLIENT_ID", "CLIENT_SECRET", "AUTHGATE_FLOW", "AUTHGATE_REDIRECT_URI"];
    for name in named.iter().chain(&variables).chain(&["AUTHGATE_NO_KEYRING"]) {
        assert!(help.stdout.contains(name), "{name} is not in {}", help.stdout);
    }
    assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));

    let version = Run::bare(&home).arg("--version").end().await;
    assert_eq!(version.stdout, concat!("rust-cli ", env!("CARGO_PKG_VERSION"), "\n"));
}

fn labels(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split_once(": ").unwrap().0).collect()
}

#[test]
fn the_readme_the_code_and_the_output_tell_the_same_steps() {
    let read = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (readme, code, report) = (read("README.md"), read("src/main.rs"), read("src/report.rs"));
    let is_step = |line: &&str| line.starts_with(|character: char| character.is_ascii_digit());

    let steps_of_readme: Vec<&str> = section(&readme, "## How It Works").lines().filter(is_step).collect();
    let comments = code.lines().filter_map(|line| line.trim().strip_prefix("// "));
    let steps_of_code: Vec<&str> = comments.filter(is_step).collect();
    assert_eq!(steps_of_readme.len(), 5);
    assert_eq!(steps_of_readme.iter().map(|step| step.replace('`', "")).collect::<Vec<_>>(), steps_of_code);

    let output = section(&readme, "## Example Output").split("```").nth(1).unwrap().trim();
    let labels = labels(output);
    assert_eq!(labels.len(), 16);
    let printed: Vec<_> = labels.iter().map(|label| report.find(&format!("\"{label}: {{"))).collect();
    assert!(printed.iter().all(Option::is_some) && printed.is_sorted(), "{labels:?} at {printed:?}");
}

fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let rest = text.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}
