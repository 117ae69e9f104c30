//! Looks for the secrets of a person's login in all its output.

use authgate_core::Token;
use authgate_core::test_util::run_auth_code_flow;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::Port;
use authgate_test_support::http::get;
use serde_json::json;
use url::Url;

use crate::log::{Log, log};
use crate::secrecy::{CONTROLS, all_texts, assert_escaped};
use crate::support::device;
use crate::support::flow::{Recorder, TestBrowser, begin_login, client, options, parameter};

/// Returns all secret parts of a token.
fn secrets_of(token: &Token) -> Vec<String> {
    let secrets = [
        Some(&token.access_token),
        token.refresh_token.as_ref(),
        token.id_token.as_ref(),
    ];
    secrets
        .into_iter()
        .flatten()
        .map(|secret| secret.expose().to_owned())
        .collect()
}

/// Returns the values that the client sent under these names.
fn sent(server: &DevServer, names: &[&str]) -> Vec<String> {
    let requests = server.requests_at(Endpoint::Token);
    let sent = requests
        .iter()
        .flat_map(|request| names.iter().filter_map(|name| request.parameter(name)));
    sent.map(str::to_owned).collect()
}

fn assert_unseen(secrets: &[String], shown: &str) {
    assert!(
        secrets.len() > 1 && secrets.iter().all(|secret| secret.len() > 8),
        "{secrets:?}"
    );
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
        Log::has_no(secret);
    }
}

/// Returns everything shown except the address, which contains the state because the person must
/// open it.
fn shown(prompt: &Recorder) -> String {
    prompt
        .lines()
        .iter()
        .filter(|line| !line.starts_with("url: "))
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_login_in_the_browser_shows_none_of_its_secrets() {
    log();
    let (server, begun) = begin_login().await;
    let mut secrets = vec![begun.state(), parameter(&begun.url, "code_challenge")];
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    secrets.push(parameter(&Url::parse(&back).unwrap(), "code"));
    let browser = tokio::spawn(async move { get(&back).await });
    let (token, page) = begun.login.await.unwrap().unwrap();
    secrets.extend(secrets_of(&token));
    secrets.extend(sent(&server, &["code_verifier"]));
    let in_debug_output = format!("{token:?} {token:#?} {page:?}");
    page.saved().await;
    assert_unseen(
        &secrets,
        &format!(
            "{in_debug_output} {} {:?}",
            shown(begun.prompt),
            browser.await.unwrap()
        ),
    );
}

#[tokio::test]
async fn an_exchange_that_fails_shows_none_of_its_secrets() {
    log();
    let (server, begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let mut secrets = vec![
        begun.state(),
        parameter(&Url::parse(&back).unwrap(), "code"),
    ];
    let echo = json!({"error": secrets[1], "error_description": back});
    server.inject(Endpoint::Token, Fault::json(400, &echo), Times::Once);
    let browser = tokio::spawn(async move { get(&back).await });
    let (prompt, error) = (begun.prompt, begun.login.await.unwrap().unwrap_err());
    secrets.extend(sent(&server, &["code_verifier"]));
    // The client never sends the state to the server, except in the address of the redirect.
    let secrets: Vec<_> = secrets.into_iter().skip(1).collect();
    assert_unseen(
        &secrets,
        &format!(
            "{error} {error:?} {} {:?}",
            shown(prompt),
            browser.await.unwrap()
        ),
    );
}

#[tokio::test(start_paused = true)]
async fn a_login_with_a_device_code_shows_none_of_its_secrets() {
    log();
    let running = device::start().await;
    let echo = |request: &str| json!({"error": "slow_down", "error_description": request});
    running.polls(1).await;
    let secrets = sent(&running.server, &["device_code"]);
    running.server.inject(
        Endpoint::Token,
        Fault::json(400, &echo(&secrets[0])),
        Times::Once,
    );
    running.polls(3).await;
    running.approve();
    let prompt = running.prompt;
    let token = running.success().await;
    let secrets: Vec<_> = secrets.into_iter().chain(secrets_of(&token)).collect();
    assert_unseen(&secrets, &format!("{token:?} {token:#?} {}", shown(prompt)));
}

#[tokio::test(start_paused = true)]
async fn a_redirect_uri_is_shown_escaped() {
    log();
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let (port, prompt) = (Port::free(), Recorder::default());
    // It may come from a file in a strange folder.
    let redirect_uri = port.redirect_uri("127.0.0.1") + "\u{202e}\u{2066}";
    let options = options(&redirect_uri);
    let error = run_auth_code_flow(&client, &[], &options, &TestBrowser::Fails, &prompt)
        .await
        .unwrap_err();
    assert_escaped(&format!("{} {}", all_texts(&error), prompt.text()));
    for control in CONTROLS {
        Log::has_no(control);
    }
}
