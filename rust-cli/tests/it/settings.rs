//! Flags, variables and the file: what holds, and what is refused.

use crate::support::browser::{authorization_url, redirect_uri};
use crate::support::{Home, Run, server};
use authgate_dev_server::Endpoint;

/// case 1
#[tokio::test]
async fn with_nothing_set_one_message_names_both_variables() {
    let home = Home::new();
    let ended = Run::bare(&home).end().await;
    ended.fails_with(1, &["not set: AUTHGATE_URL, CLIENT_ID.", ".env.example"]);
    assert_eq!(ended.stderr.lines().count(), 1);
    Run::bare(&home).with("AUTHGATE_URL", " ").with("CLIENT_ID", "").end().await.fails_with(1, &["AUTHGATE_URL"]);
    assert!(home.leftovers().is_empty());
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let (server, home) = (server().await, Home::new());
    for wrong in [
        "--canary-flag",
        "--flow phone",
        "--json --print-access-token",
        "--logout --json",
        "--logout --print-access-token",
        "--redirect-uri http://127.0.0.1/callback",
        "--redirect-uri http://127.0.0.1:0/callback",
        "--redirect-uri https://127.0.0.1:8088/callback",
        "--redirect-uri http://example.com:8088/callback",
        "--redirect-uri http://127.0.0.1:8088/callback?a=b",
        "--redirect-uri http://127.0.0.1:8088/callback#a",
    ] {
        let ended = home.run_without_flow(&server).args(wrong).end().await;
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{wrong}: {ended:?}");
        assert!(ended.stderr.starts_with("error: "), "{ended:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_variable_that_makes_no_sense_is_named() {
    let (server, home) = (server().await, Home::new());
    let run = || home.run_without_flow(&server);
    run().with("AUTHGATE_FLOW", "phone").end().await.fails_with(1, &["AUTHGATE_FLOW", "device"]);
    run().with("AUTHGATE_NO_KEYRING", "yes").end().await.fails_with(1, &["AUTHGATE_NO_KEYRING", "neither 0 nor 1"]);
    let ended = run().with("AUTHGATE_REDIRECT_URI", "http://127.0.0.1/callback").end().await;
    ended.fails_with(1, &["AUTHGATE_REDIRECT_URI", "names no port"]);
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn every_setting_may_come_from_a_variable_or_the_file() {
    let (server, home) = (server().await, Home::new());
    let file = format!(
        "AUTHGATE_URL={}\nCLIENT_ID={}\nAUTHGATE_FLOW=device\nAUTHGATE_NO_KEYRING=1\n",
        server.url(),
        server.public_client().id
    );
    std::fs::write(home.path().join(".env"), file).unwrap();
    let ended = Run::bare(&home).approved_at(&server).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    ended.says(&["keyring is off"]);
}

#[tokio::test]
async fn a_flag_wins_over_its_variable() {
    let (server, home) = (server().await, Home::new());
    let run = home.run(&server).with("AUTHGATE_FLOW", "browser").with("AUTHGATE_REDIRECT_URI", "canary");
    let ended = run.args("--redirect-uri http://localhost:8888/callback").approved_at(&server).await;
    assert_eq!((ended.status, server.count(Endpoint::DeviceAuthorization)), (Some(0), 1), "{ended:?}");
}

#[tokio::test]
async fn the_redirect_uri_is_sent_to_the_letter() {
    let (server, home) = (server().await, Home::new());
    let from_variable = redirect_uri(&server);
    let run = home.run_without_flow(&server).with("AUTHGATE_FLOW", "browser");
    let started = run.with("AUTHGATE_REDIRECT_URI", &from_variable).start();
    let url = authorization_url(&started).await;
    assert!(server.approve_authorization(&url).unwrap().starts_with(&from_variable), "{url}");
    started.kill().await;
}

/// cases 141, 154
#[cfg(target_os = "linux")]
#[tokio::test]
async fn without_a_session_bus_the_file_is_used_and_named() {
    let (server, home) = (server().await, Home::new());
    let run = || Run::bare(&home).with("AUTHGATE_URL", server.url()).with("CLIENT_ID", &server.public_client().id);
    let ended = run().args("--flow device").approved_at(&server).await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    let told: Vec<_> = ended.stderr.lines().filter(|line| line.contains("keyring")).collect();
    assert!(told.len() == 1 && told[0].contains(".authgate-tokens.json"), "{ended:?}");
    assert_eq!(run().end().await.status, Some(0));
}

/// case 15
#[cfg(unix)]
#[tokio::test]
async fn a_login_that_cannot_be_kept_serves_the_run() {
    let (server, home) = (server().await, Home::new());
    let ended = home.run(&server).with("HOME", "nowhere").approved_at(&server).await;
    assert_eq!((ended.status, ended.stdout.lines().count()), (Some(0), 16), "{ended:?}");
    ended.says(&["lasts for this run only", "HOME does not name a folder"]);
}

/// case 4
#[tokio::test]
async fn plain_http_that_was_asked_for_is_warned_of_at_each_run() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    let ended = home.run(&server).with("AUTHGATE_ALLOW_HTTP", "1").end().await;
    assert!(ended.status == Some(0) && ended.stderr.starts_with("warning: AUTHGATE_ALLOW_HTTP=1"), "{ended:?}");
}

#[tokio::test]
async fn with_a_secret_every_request_of_a_grant_carries_it() {
    let (server, home) = (server().await, Home::new());
    let client = server.confidential_client();
    let secret = client.secret.as_deref().unwrap();
    let run = || home.run(&server).with("CLIENT_ID", &client.id).with("CLIENT_SECRET", secret);
    let ended = run().approved_at(&server).await;
    ended.shows(&home.stored(client).unwrap(), &server);
    home.expire(client);
    assert_eq!(run().end().await.status, Some(0));
    assert_eq!(run().arg("--logout").end().await.status, Some(0));

    let counts = [Endpoint::DeviceAuthorization, Endpoint::Token, Endpoint::Revocation].map(|at| server.count(at));
    assert_eq!(counts, [1, 2, 2]);
    for request in server.requests().iter().filter(|request| request.method == "POST") {
        assert_eq!(request.parameter("client_secret"), Some(secret), "{}", request.path);
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told_with_a_hint() {
    let (server, home) = (server().await, Home::new());
    let run = home.run(&server).with("CLIENT_ID", &server.confidential_client().id).with("CLIENT_SECRET", "canary");
    run.end().await.fails_with(1, &["invalid_client", "CLIENT_SECRET"]);
}
