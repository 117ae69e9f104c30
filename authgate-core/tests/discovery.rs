//! From a server's URL to its endpoints.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;

use std::time::Duration;

use authgate_core::{ClientAuthentication, DiscoveryClient, Error, HttpClient, Metadata, PlainHttp};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use common::TokioClock;
use serde_json::json;

async fn discover(server: &DevServer) -> Result<std::sync::Arc<Metadata>, Error> {
    DiscoveryClient::new(server.url(), HttpClient::default())?.fetch().await
}

/// What a document with this member in place of the server's own is refused for.
async fn refusal_of(member: &str, value: serde_json::Value) -> String {
    let server = DevServer::start().await.unwrap();
    server.set_discovery_member(member, value);
    let error = discover(&server).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert!(!error.is_transient());
    error.to_string()
}

/// case 25
#[tokio::test]
async fn endpoints_that_the_document_leaves_out_are_derived_from_the_issuer() {
    let server = DevServer::start().await.unwrap();
    let metadata = discover(&server).await.unwrap();
    assert_eq!(metadata.issuer, server.url());
    assert_eq!(metadata.device_authorization_endpoint.as_str(), format!("{}/oauth/device/code", server.url()));
    assert_eq!(metadata.introspection_endpoint.as_str(), format!("{}/oauth/introspect", server.url()));
    assert_eq!(metadata.tokeninfo_endpoint.as_str(), format!("{}/oauth/tokeninfo", server.url()));
}

/// case 25
#[tokio::test]
async fn endpoints_that_the_document_names_win_over_derived_ones() {
    let server = DevServer::start().await.unwrap();
    server.set_discovery_member("device_authorization_endpoint", "https://device.example/code");
    let metadata = discover(&server).await.unwrap();
    assert_eq!(metadata.device_authorization_endpoint.as_str(), "https://device.example/code");
}

/// case 2
#[tokio::test]
async fn one_trailing_slash_makes_no_difference() {
    let server = DevServer::start().await.unwrap();
    let discovery = DiscoveryClient::new(&format!("{}/", server.url()), HttpClient::default()).unwrap();
    assert_eq!(discovery.fetch().await.unwrap().issuer, server.url());
    assert_eq!(server.requests()[0].path, "/.well-known/openid-configuration");
}

/// case 2
#[tokio::test]
async fn an_issuer_with_a_path_keeps_it() {
    let server = DevServer::builder().issuer_path("/t1").start().await.unwrap();
    let metadata = discover(&server).await.unwrap();
    assert!(metadata.issuer.ends_with("/t1"));
    assert_eq!(server.requests()[0].path, "/t1/.well-known/openid-configuration");
}

/// case 16
#[tokio::test]
async fn a_document_of_another_issuer_is_refused() {
    for issuer in ["https://evil.example", "http://127.0.0.1:1", "", "\u{1b}[2Jevil"] {
        let refusal = refusal_of("issuer", json!(issuer)).await;
        assert!(refusal.contains("issuer") && !refusal.contains('\u{1b}'), "{refusal}");
    }
    let server = DevServer::start().await.unwrap();
    server.set_discovery_member("issuer", format!("{}//", server.url()));
    assert!(discover(&server).await.is_err(), "only one slash is forgiven");
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

/// case 22
#[tokio::test]
async fn an_http_issuer_that_was_let_through_may_name_http_endpoints() {
    let server = DevServer::start().await.unwrap();
    server.set_discovery_member("token_endpoint", "http://evil.example/token");
    let anywhere = HttpClient::new(PlainHttp::Anywhere);
    let allowed = DiscoveryClient::new(server.url(), anywhere).unwrap().fetch().await;
    assert!(allowed.is_ok());
}

/// case 22
#[tokio::test]
async fn an_endpoint_at_another_https_origin_is_allowed() {
    let server = DevServer::start().await.unwrap();
    server.set_discovery_member("token_endpoint", "https://tokens.example/oauth/token");
    assert_eq!(discover(&server).await.unwrap().token_endpoint.host_str(), Some("tokens.example"));
}

/// case 17
#[tokio::test]
async fn a_server_without_discovery_is_told_apart() {
    let server = DevServer::start().await.unwrap();
    server.inject(Endpoint::Discovery, Fault::body(404, "text/plain", "404 page not found"), Times::Always);
    let error = discover(&server).await.unwrap_err();
    assert!(error.to_string().contains("404") && error.to_string().contains(server.url()), "{error}");
    assert!(!error.is_transient());
}

/// case 18
#[tokio::test]
async fn a_body_that_is_no_document_is_refused_with_its_type_and_a_safe_excerpt() {
    let deep = "[".repeat(100_000);
    let utf16: Vec<u8> = "{\"issuer\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [&[u8]; 8] = [
        b"<html>\x1b[2JPlease log in</html>",
        b"",
        b"{\"issuer\":",
        b"[]",
        b"null",
        deep.as_bytes(),
        &utf16,
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    ];
    for body in bodies {
        let server = DevServer::start().await.unwrap();
        server.inject(Endpoint::Discovery, Fault::body(200, "text/html", body.to_vec()), Times::Always);
        let error = discover(&server).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Response { .. }) && text.contains("text/html"), "{text}");
        assert!(!text.contains('\u{1b}') && text.chars().count() < 800, "{text}");
    }
}

/// case 19
#[tokio::test]
async fn a_body_without_end_is_given_up_at_the_limit() {
    let server = DevServer::start().await.unwrap();
    for fault in [Fault::Endless, Fault::Oversized(64 * 1024 * 1024)] {
        server.inject(Endpoint::Discovery, fault, Times::Once);
        assert!(discover(&server).await.unwrap_err().to_string().contains("larger than 1 MiB"));
    }
}

/// case 20
#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_or_drips_is_given_up() {
    let faults = [Fault::HeadersThenSilence, Fault::Hang, Fault::Drip { every: Duration::from_secs(10), bytes: 1 }];
    for fault in faults {
        let server = DevServer::start().await.unwrap();
        server.inject(Endpoint::Discovery, fault, Times::Always);
        let error = discover(&server).await.unwrap_err();
        assert!(error.to_string().contains("no answer in time"), "{error}");
        assert!(error.is_transient());
    }
}

/// case 21
#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_named() {
    for status in [301, 302, 307, 308] {
        let server = DevServer::start().await.unwrap();
        let location = "http://evil.example/here?secret=canary".to_owned();
        server.inject(Endpoint::Discovery, Fault::Redirect { status, location }, Times::Always);
        let error = discover(&server).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("http://evil.example") && !text.contains("canary"), "{text}");
        assert!(!error.is_transient());
        assert_eq!(server.count(Endpoint::Discovery), 1);
    }
}

/// case 31
#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_asked_again_up_to_three_times() {
    for status in [429, 502, 503, 504] {
        let server = DevServer::start().await.unwrap();
        server.inject(Endpoint::Discovery, Fault::status(status), Times::Next(1));
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
    let server = DevServer::start().await.unwrap();
    server.inject(Endpoint::Discovery, Fault::body(500, "text/html", "<h1>oops</h1>"), Times::Always);
    assert!(discover(&server).await.unwrap_err().is_transient());
    assert_eq!(server.count(Endpoint::Discovery), 1);
}

#[tokio::test]
async fn the_document_is_fetched_once_by_many_callers_and_kept_for_its_time() {
    let server = DevServer::start().await.unwrap();
    tokio::time::pause();
    let discovery = DiscoveryClient::new(server.url(), HttpClient::default())
        .unwrap()
        .with_cache(Duration::from_secs(60), TokioClock::start());
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let discovery = discovery.clone();
            tokio::spawn(async move { discovery.fetch().await })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    tokio::time::advance(Duration::from_secs(59)).await;
    discovery.fetch().await.unwrap();
    assert_eq!(server.count(Endpoint::Discovery), 1);

    tokio::time::advance(Duration::from_secs(1)).await;
    discovery.fetch().await.unwrap();
    assert_eq!(server.count(Endpoint::Discovery), 2);
}

/// case 61
#[tokio::test]
async fn a_failure_is_not_kept() {
    let server = DevServer::start().await.unwrap();
    let discovery = DiscoveryClient::new(server.url(), HttpClient::default()).unwrap();
    server.inject(Endpoint::Discovery, Fault::status(500), Times::Once);
    assert!(discovery.fetch().await.is_err());
    assert!(discovery.fetch().await.is_ok());
}

/// case 41
#[tokio::test]
async fn the_body_is_chosen_where_the_server_lists_it_and_basic_elsewhere() {
    let server = DevServer::start().await.unwrap();
    let chosen = discover(&server).await.unwrap().to_endpoints().client_authentication;
    assert_eq!(chosen, ClientAuthentication::Body);
    for methods in [json!(["client_secret_basic"]), json!([]), json!(null), json!("client_secret_post")] {
        server.set_discovery_member("token_endpoint_auth_methods_supported", methods);
        let chosen = discover(&server).await.unwrap().to_endpoints().client_authentication;
        assert_eq!(chosen, ClientAuthentication::Basic);
    }
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
    let server = DevServer::start().await.unwrap();
    let url = server.url().to_owned();
    server.stop().await;
    let error = DiscoveryClient::new(&url, HttpClient::default()).unwrap().fetch().await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("Is the server running"), "{text}");
    assert!(error.is_transient());
}
