//! The first answer of the device flow: what is read generously, and what is never shown.

use std::time::Duration;

use crate::support::device::{Running, seconds};
use crate::support::flow::client;
use authgate_core::Error;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times, grant_type};
use serde_json::{Value, json};

/// case 99
#[tokio::test(start_paused = true)]
async fn an_interval_is_read_generously_and_never_shortened() {
    for (interval, least) in [
        (Value::Null, 5.0),
        (json!(0), 5.0),
        (json!(-1), 5.0),
        (json!("soon"), 5.0),
        (json!({}), 5.0),
        (json!("7"), 7.0),
        (json!(5.5), 5.5),
        (json!(1), 1.0),
    ] {
        let server = DevServer::start_with(|settings| settings.device_code_interval = seconds(1)).await;
        server.inject(Endpoint::DeviceAuthorization, Fault::set_member("interval", interval.clone()), Times::Once);
        let running = Running::start(server).await;
        running.polls(2).await;
        let pauses = running.pauses();
        let range = Duration::from_secs_f64(least)..Duration::from_secs_f64(least * 1.5);
        assert!(pauses.iter().all(|pause| range.contains(pause)), "{interval}: {pauses:?}");
    }
}

/// case 101
#[tokio::test(start_paused = true)]
async fn waiting_ends_after_half_an_hour_whatever_the_server_says() {
    for lifetime in [Value::Null, json!(0), json!(-5), json!("never"), json!(1e300), json!(999_999_999)] {
        let server = DevServer::start_with(|settings| settings.device_code_lifetime = seconds(1_000_000)).await;
        server.inject(Endpoint::DeviceAuthorization, Fault::set_member("expires_in", lifetime.clone()), Times::Once);
        let running = Running::start(server).await;
        let error = running.failure().await;
        assert!(matches!(error, Error::LoginExpired { .. }), "{lifetime}: {error}");
        assert!(error.to_string().contains("30 minutes"), "{lifetime}: {error}");
    }
}

/// cases 104, 105, 106
#[tokio::test(start_paused = true)]
async fn what_cannot_be_shown_is_refused_before_anything_is() {
    let long = format!("https://example.com/{}", "a".repeat(10_000));
    for (member, value) in [
        ("device_code", Value::Null),
        ("device_code", json!("")),
        ("user_code", Value::Null),
        ("user_code", json!("")),
        ("user_code", json!(12345)),
        ("user_code", json!("\u{1b}[2JABCD")),
        ("user_code", json!("ABCD\nEFGH")),
        ("user_code", json!("\u{410}BCD-EFGH")),
        ("user_code", json!("A".repeat(500))),
        ("verification_uri", Value::Null),
        ("verification_uri", json!("")),
        ("verification_uri", json!(["https://example.com"])),
        ("verification_uri", json!("javascript:alert(1)")),
        ("verification_uri", json!("file:///etc/passwd")),
        ("verification_uri", json!("http://example.com/device")),
        ("verification_uri", json!("https://auth.example.com@evil.example.com/device")),
        ("verification_uri", json!(long)),
        ("interval", json!(1e300)),
    ] {
        let server = DevServer::start().await;
        let fault = Fault::Members(vec![(member.to_owned(), Some(value.clone()))]);
        server.inject(Endpoint::DeviceAuthorization, fault, Times::Once);
        let running = Running::start(server).await;
        let prompt = running.prompt;
        let error = running.failure().await;
        assert!(matches!(error, Error::Protocol { .. }), "{member} {value}: {error}");
        assert!(!error.to_string().contains(['\u{1b}', '\n']), "{member}: {error}");
        assert_eq!(prompt.text(), "", "{member} {value}");
    }
}

/// case 105
#[tokio::test(start_paused = true)]
async fn the_page_is_shown_as_the_parser_reads_it() {
    for (uri, complete, shown, qr) in [
        ("https://ex\u{430}mple.com/\u{1b}]8", Value::Null, "https://xn--exmple-4nf.com/%1B]8\n", "QR: "),
        (
            "https://example.com/d",
            json!("https://evil.com/d?c"),
            "another site than the server: https://example.com",
            "QR: ",
        ),
        ("https://example.com/d", json!("javascript:alert(1)"), "https://example.com/d\n", "QR: "),
        (
            "https://example.com/d",
            json!("https://example.com/d?c"),
            "https://example.com/d\n",
            "QR: https://example.com/d?c",
        ),
    ] {
        let server = DevServer::start().await;
        let members = vec![
            ("verification_uri".to_owned(), Some(json!(uri))),
            ("verification_uri_complete".to_owned(), Some(complete)),
        ];
        server.inject(Endpoint::DeviceAuthorization, Fault::Members(members), Times::Once);
        let running = Running::start(server).await;
        running.polls(1).await;
        let text = running.prompt.text();
        assert!(text.contains(shown), "{text}");
        assert!(text.lines().any(|line| line == qr), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

/// case 111
#[tokio::test(start_paused = true)]
async fn a_client_without_the_device_grant_is_told_so() {
    let server =
        DevServer::start_with(|settings| settings.disabled_grant_types.push(grant_type::DEVICE_CODE.to_owned())).await;
    let error = Running::start(server).await.failure().await;
    assert!(matches!(error, Error::DeviceFlowUnavailable { .. }), "{error}");

    for fault in [
        Fault::body(404, "text/plain", "404 page not found"),
        Fault::oauth_error(404, "not_found"),
        Fault::oauth_error(400, "unauthorized_client"),
        Fault::oauth_error(400, "invalid_scope"),
    ] {
        let server = DevServer::start().await;
        server.inject(Endpoint::DeviceAuthorization, fault.clone(), Times::Once);
        let error = Running::start(server).await.failure().await;
        assert!(matches!(error, Error::DeviceFlowUnavailable { .. }), "{fault:?}: {error}");
        assert!(error.to_string().contains("browser"), "{error}");
    }
}

/// case 25
#[tokio::test(start_paused = true)]
async fn a_confidential_client_shows_its_secret_in_both_requests() {
    let server = DevServer::start().await;
    let client = client(&server, server.confidential_client()).await;
    let running = Running::with(server, client);
    running.polls(1).await;
    running.approve();
    let secret = running.server.confidential_client().secret.clone();
    for request in running.server.requests() {
        if request.endpoint != Some(Endpoint::Discovery) {
            assert_eq!(request.parameter("client_secret"), secret.as_deref(), "{}", request.path);
        }
    }
    running.success().await;
}
