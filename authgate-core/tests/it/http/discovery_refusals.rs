//! Discovery documents that are refused, and servers that give none.

use std::sync::Arc;
use std::time::Duration;

use authgate_core::{DiscoveryClient, Error, HttpClient, Metadata, PlainHttp};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;
use tokio::time::Instant;

async fn discover(server: &DevServer) -> Result<Arc<Metadata>, Error> {
    DiscoveryClient::new(server.url(), HttpClient::default())?.fetch().await
}

/// What a document with this member in place of the server's own is refused for.
async fn refusal_of(member: &str, value: serde_json::Value) -> String {
    let server = DevServer::start().await;
    server.set_discovery_member(member, value);
    let error = discover(&server).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert!(!error.is_transient());
    error.to_string()
}

/// case 16
#[tokio::test]
async fn a_document_of_another_issuer_is_refused() {
    for issuer in ["https://evil.example", "http://127.0.0.1:1", "", "\u{1b}[2Jevil"] {
        let refusal = refusal_of("issuer", json!(issuer)).await;
        assert!(refusal.contains("issuer") && !refusal.contains('\u{1b}'), "{refusal}");
    }
}

/// case 16
#[tokio::test]
async fn an_issuer_that_is_almost_the_one_asked_is_refused_and_both_are_named() {
    let changes: [fn(&str) -> String; 6] = [
        |url| url.replace("http", "HTTP"),
        |url| url.replace("127.0.0.1", "localhost"),
        |url| url.replace("127.0.0.1", "127.0.0.2"),
        |url| format!("{url}0"),
        |url| format!("{url}/t2\u{1b}[2J"),
        |url| format!("{url}//"),
    ];
    for change in changes {
        let server = DevServer::start().await;
        let other = change(server.url());
        server.set_discovery_member("issuer", other.as_str());
        let text = discover(&server).await.unwrap_err().to_string();
        let named: Vec<_> = text.split(' ').map(|word| word.trim_end_matches([',', '.', ':', ';'])).collect();
        let other = other.replace('\u{1b}', r"\u{1b}");
        assert!(named.contains(&server.url()) && named.contains(&other.as_str()), "{other}: {text}");
        assert_eq!(server.requests().len(), 1, "{other}");
    }
}

/// case 22
#[tokio::test]
async fn an_unusable_token_endpoint_is_named() {
    for value in [
        json!(null),
        json!(""),
        json!(7),
        json!("/oauth/token"),
        json!("file:///etc/passwd"),
        json!("http://evil.example/token"),
    ] {
        assert!(refusal_of("token_endpoint", value).await.contains("token_endpoint"));
    }
}

/// case 23
#[tokio::test]
async fn an_authorization_endpoint_that_no_browser_should_open_is_refused() {
    for value in ["file:///bin/sh", "javascript:alert(1)", "calc.exe", "https://a.example/#fragment"] {
        assert!(refusal_of("authorization_endpoint", json!(value)).await.contains("authorization_endpoint"));
    }
}

/// case 17
#[tokio::test]
async fn a_server_without_discovery_is_told_apart() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Discovery, Fault::body(404, "text/plain", "404 page not found"), Times::Always);
    let error = discover(&server).await.unwrap_err();
    assert!(error.to_string().contains("404") && error.to_string().contains(server.url()), "{error}");
    assert_eq!(error.status(), Some(404));
    assert!(!error.is_transient());
}

/// case 18
#[tokio::test]
async fn a_body_that_is_no_document_is_refused_with_its_type_and_a_safe_excerpt() {
    let deep = "[".repeat(100_000);
    let utf16: Vec<u8> = "{\"issuer\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [&[u8]; 10] = [
        b"<html>\x1b[2JPlease log in</html>",
        b"",
        b"{\"issuer\":",
        b"[]",
        b"null",
        deep.as_bytes(),
        &utf16,
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"\xef\xbb\xbf{}",
        b"{\"issuer\":\"a\",\"\\u0069ssuer\":\"a\"}",
    ];
    for body in bodies {
        let server = DevServer::start().await;
        server.inject(Endpoint::Discovery, Fault::body(200, "text/html", body.to_vec()), Times::Always);
        let error = discover(&server).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Response { .. }) && text.contains("text/html"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let excerpt = text.split_once("begins: ").map_or("", |(_, excerpt)| excerpt);
        assert!(excerpt.chars().count() <= "...)".len() + 200, "{text}");
    }
}

/// case 19
#[tokio::test]
async fn a_body_without_end_is_given_up_at_the_limit() {
    let server = DevServer::start().await;
    for fault in [Fault::Endless, Fault::Oversized(64 * 1024 * 1024)] {
        server.inject(Endpoint::Discovery, fault, Times::Once);
        assert!(discover(&server).await.unwrap_err().to_string().contains("larger than 1 MiB"));
    }
    // Nothing that is smaller on the wire than in memory is asked for, or would be unpacked.
    assert!(server.requests().iter().all(|request| request.header("accept-encoding").is_none()));
}

/// case 20
#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_or_drips_is_given_up() {
    let faults = [Fault::HeadersThenSilence, Fault::Hang, Fault::Drip { every: Duration::from_secs(10), bytes: 1 }];
    for fault in faults {
        let server = DevServer::start().await;
        server.inject(Endpoint::Discovery, fault, Times::Always);
        let started = Instant::now();
        let error = discover(&server).await.unwrap_err();
        assert!(error.to_string().contains("no answer in time"), "{error}");
        assert!(error.is_transient());
        assert!(started.elapsed() <= Duration::from_secs(31), "{:?}", started.elapsed());
        assert_eq!(server.count(Endpoint::Discovery), 1);
    }
}

/// case 21
#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_named() {
    for status in [301, 302, 307, 308] {
        let server = DevServer::start().await;
        let location = "http://evil.example/here?secret=canary".to_owned();
        server.inject(Endpoint::Discovery, Fault::Redirect { status, location }, Times::Always);
        let error = discover(&server).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("http://evil.example") && !text.contains("canary"), "{text}");
        assert!(!error.is_transient());
        assert_eq!(server.count(Endpoint::Discovery), 1);

        let itself = format!("{}/.well-known/openid-configuration", server.url());
        server.clear_faults();
        server.inject(Endpoint::Discovery, Fault::Redirect { status, location: itself }, Times::Always);
        let text = discover(&server).await.unwrap_err().to_string();
        assert!(text.contains(&format!("redirect to {}", server.url())), "{text}");
        assert_eq!(server.count(Endpoint::Discovery), 2);
    }
}

/// case 31
#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_asked_again_up_to_three_times() {
    for status in [429, 502, 503, 504] {
        let server = DevServer::start().await;
        server.inject(Endpoint::Discovery, Fault::status(status), Times::Once);
        discover(&server).await.unwrap();
        assert_eq!(server.count(Endpoint::Discovery), 2, "{status}");

        server.inject(Endpoint::Discovery, Fault::status(status), Times::Always);
        assert!(discover(&server).await.unwrap_err().is_transient());
        assert!(server.count(Endpoint::Discovery) <= 2 + 3, "{status}");
    }
}

/// case 31
#[tokio::test]
async fn a_500_is_transient_but_not_asked_again() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Discovery, Fault::body(500, "text/html", "<h1>oops</h1>"), Times::Always);
    assert!(discover(&server).await.unwrap_err().is_transient());
    assert_eq!(server.count(Endpoint::Discovery), 1);
}

/// case 3
#[test]
fn a_url_that_no_token_may_go_to_is_refused_before_anything_is_sent() {
    let refusal = DiscoveryClient::new("http://auth.example.com", HttpClient::default()).unwrap_err();
    assert!(matches!(refusal, Error::Config(_)), "{refusal}");
    assert!(DiscoveryClient::new("http://auth.example.com", HttpClient::new(PlainHttp::Anywhere)).is_ok());
}

/// case 35
#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_what_to_check() {
    let server = DevServer::start().await;
    let url = server.url().to_owned();
    server.stop().await;
    let error = DiscoveryClient::new(&url, HttpClient::default()).unwrap().fetch().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("Is the server running"), "{text}");
    assert!(error.is_transient());
}
