//! The device authorization response (RFC 8628 section 3.2): which values are accepted and shown.

use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint, Fault, Times, grant_type};
use insta::assert_snapshot;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::device::{Running, seconds};
use crate::support::flow::{client, described};

#[tokio::test(start_paused = true)]
async fn an_interval_is_read_generously_and_never_shortened() {
    let unusable = [Value::Null, json!(0), json!(-1), json!("soon"), json!({})]
        .map(|interval| (interval, 5.0));
    let usable = [(json!("7"), 7.0), (json!(5.5), 5.5), (json!(1), 1.0)];
    for (interval, least) in unusable.into_iter().chain(usable) {
        let server =
            DevServer::start_with(|settings| settings.device_code_interval = seconds(1)).await;
        let running = Running::with_members(server, [("interval", &interval)]).await;
        running.polls(2).await;
        let pauses = running.pauses();
        let range = Duration::from_secs_f64(least)..Duration::from_secs_f64(least * 1.5);
        assert!(
            pauses.iter().all(|pause| range.contains(pause)),
            "{interval}: {pauses:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn polling_ends_with_the_code_or_after_half_an_hour() {
    let mut errors = Vec::new();
    for lifetime in [
        json!(60),
        Value::Null,
        json!(0),
        json!(-5),
        json!("never"),
        json!(1e300),
        json!(999_999_999),
    ] {
        let server =
            DevServer::start_with(|settings| settings.device_code_lifetime = seconds(1_000_000))
                .await;
        let running = Running::with_members(server, [("expires_in", &lifetime)]).await;
        let prompt = running.prompt;
        let started = Instant::now();
        let error = described(&running.failure().await);
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        errors.push(format!("{minutes:.0} minutes: {error}"));
        assert!(prompt.count("waiting: ") >= 55, "{lifetime}");
    }
    errors.dedup();
    assert_snapshot!(errors.join("\n"), @"
    1 minutes: LoginExpired: the login timed out: the code expired before anybody approved it
    30 minutes: LoginExpired: the login timed out: the code expired before anybody approved it
    ");
}

#[tokio::test(start_paused = true)]
async fn a_code_that_cannot_be_shown_is_an_error_before_the_prompt() {
    let long = format!("https://example.com/{}", "a".repeat(10_000));
    let mut errors = Vec::new();
    let user_codes = json!([
        null,
        "",
        12345,
        "\u{1b}[2JABCD",
        "ABCD\nEFGH",
        "\u{410}BCD-EFGH",
        "A".repeat(500)
    ]);
    let pages = json!([
        null,
        "",
        ["https://example.com"],
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://example.com/device",
        "https://auth.example.com@evil.example.com/device",
        long,
    ]);
    let members = [
        ("device_code", json!([null, ""])),
        ("user_code", user_codes),
        ("verification_uri", pages),
        ("interval", json!([1e300])),
    ];
    for (member, value) in members.iter().flat_map(|(member, values)| {
        values
            .as_array()
            .unwrap()
            .iter()
            .map(move |value| (*member, value))
    }) {
        let running = Running::with_members(DevServer::start().await, [(member, value)]).await;
        let prompt = running.prompt;
        let error = running.failure().await;
        assert!(
            !error.to_string().contains(['\u{1b}', '\n']),
            "{member}: {error}"
        );
        assert_eq!(prompt.text(), "", "{member} {value}");
        errors.push(described(&error));
    }
    errors.dedup();
    assert_snapshot!(errors.join("\n"), @"
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the answer has no device_code
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the answer has no user_code
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the user_code is not one that a person can type
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the answer has no verification_uri
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the verification_uri is refused: it begins with javascript:, not with https://
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the verification_uri is refused: it begins with file:, not with https://
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the verification_uri is refused: http://example.com/device is plain http, which shows the token to everyone on the way. Use https
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the verification_uri is refused: it contains a user name or password. Remove them
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the verification_uri is longer than any address that a person can type
    Other: device authorization: http://127.0.0.1:[port]/oauth/device/code: the code expires before the first poll is allowed
    ");
}

#[tokio::test(start_paused = true)]
async fn the_page_is_shown_as_the_parser_reads_it() {
    let mut prompts = Vec::new();
    for (uri, complete) in [
        ("https://ex\u{430}mple.com/\u{1b}]8", Value::Null),
        ("https://example.com/d", json!("https://evil.com/d?c")),
        ("https://example.com/d", json!("javascript:alert(1)")),
        ("https://example.com/d", json!("https://example.com/d?c")),
    ] {
        let members = [
            ("verification_uri", &json!(uri)),
            ("verification_uri_complete", &complete),
        ];
        let running = Running::with_members(DevServer::start().await, members).await;
        running.polls(1).await;
        assert!(!running.prompt.text().contains('\u{1b}'));
        let said = running.prompt.said();
        prompts.push(
            said.lines()
                .skip(1)
                .filter(|line| line.contains("://"))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    prompts.dedup();
    assert_snapshot!(prompts.join("\n\n"), @"
        https://xn--exmple-4nf.com/%1B]8
    The page is on https://xn--exmple-4nf.com, another site than the server http://127.0.0.1:[port].

        https://example.com/d
    The page is on https://example.com, another site than the server http://127.0.0.1:[port].

        https://example.com/d
    The page is on https://example.com, another site than the server http://127.0.0.1:[port].
    QR: https://example.com/d?c
    ");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_device_grant_is_told_so() {
    let server = DevServer::start_with(|settings| {
        settings
            .disabled_grant_types
            .push(grant_type::DEVICE_CODE.to_owned());
    })
    .await;
    let mut errors = vec![described(&Running::start(server).await.failure().await)];
    for fault in [
        Fault::body(404, "text/plain", "404 page not found"),
        Fault::oauth_error(404, "not_found"),
        Fault::oauth_error(400, "unauthorized_client"),
        Fault::oauth_error(400, "invalid_scope"),
    ] {
        let server = DevServer::start().await;
        server.inject(Endpoint::DeviceAuthorization, fault, Times::Once);
        errors.push(described(&Running::start(server).await.failure().await));
    }
    errors.dedup();
    assert_snapshot!(errors.join("\n"), @"
    Other: the device flow is not available: this client is not allowed the device grant (unauthorized_client: Device flow is not enabled for this client). Log in with a browser, or enable the device grant in the client's registration
    Other: the device flow is not available: the server has no device authorization endpoint (404). Log in with a browser, or enable the device grant in the client's registration
    Other: the device flow is not available: this client is not allowed the device grant (unauthorized_client). Log in with a browser, or enable the device grant in the client's registration
    OAuth: device authorization: http://127.0.0.1:[port]/oauth/device/code answered 400 invalid_scope (asked for profile email). Request only scopes that the server knows and grants to this client
    ");
}

#[tokio::test(start_paused = true)]
async fn a_confidential_client_sends_its_secret_with_each_request() {
    let server = DevServer::start().await;
    let client = client(&server, server.confidential_client()).await;
    server.forget_requests();
    let running = Running::with(server, client);
    running.polls(1).await;
    running.approve();
    let secret = running.server.confidential_client().secret.clone();
    for request in running.server.requests() {
        assert_eq!(
            request.parameter("client_secret"),
            secret.as_deref(),
            "{}",
            request.path
        );
    }
    running
        .server
        .assert_requests([Endpoint::DeviceAuthorization, Endpoint::Token]);
    running.success().await;
}
