//! From a server's URL to its endpoints.

use std::net::Ipv6Addr;

use authgate_core::{ClientAuthentication, DiscoveryClient, HttpClient, Issuer, PlainHttp};
use authgate_dev_server::DevServer;
use serde_json::json;

use crate::support::discover;

#[tokio::test]
async fn endpoints_are_derived_from_the_issuer_or_named() {
    let server = DevServer::start().await;
    let metadata = discover(&server).await.unwrap();
    assert_eq!(metadata.issuer.as_str(), server.url());
    for (endpoint, path) in [
        (
            &metadata.device_authorization_endpoint,
            "/oauth/device/code",
        ),
        (&metadata.introspection_endpoint, "/oauth/introspect"),
        (&metadata.tokeninfo_endpoint, "/oauth/tokeninfo"),
    ] {
        assert_eq!(endpoint.as_str(), format!("{}{path}", server.url()));
    }

    server.set_discovery_member(
        "device_authorization_endpoint",
        "https://device.example/code",
    );
    let named = &discover(&server)
        .await
        .unwrap()
        .device_authorization_endpoint;
    assert_eq!(named.as_str(), "https://device.example/code");
}

#[tokio::test]
async fn the_document_is_below_the_issuer_with_or_without_a_slash() {
    for path in ["", "/t1"] {
        let server = DevServer::builder()
            .issuer_path(path)
            .start()
            .await
            .unwrap();
        assert!(server.url().ends_with(path));
        for url in [server.url().to_owned(), format!("{}/", server.url())] {
            server.forget_requests();
            let discovery = DiscoveryClient::new(&url, HttpClient::default()).unwrap();
            assert_eq!(
                discovery.fetch().await.unwrap().issuer.as_str(),
                server.url()
            );
            assert_eq!(
                server.requests()[0].path,
                format!("{path}/.well-known/openid-configuration")
            );
        }
    }
}

#[test]
fn issuers_are_equal_to_the_letter_but_for_one_slash() {
    let issuer = Issuer::new("https://auth.example.com/t1");
    assert_eq!(issuer, Issuer::new("https://auth.example.com/t1/"));
    for other in [
        "https://auth.example.com/t1//",
        "https://auth.example.com/T1",
        "https://AUTH.example.com/t1",
        "https://auth.example.com:443/t1",
        "https://auth.example.com",
        "",
        "/",
    ] {
        assert!(!issuer.matches(other), "{other}");
    }
    assert_eq!(
        Issuer::new("https://a\u{1b}[2J").to_string(),
        r"https://a\u{1b}[2J"
    );
}

#[ignore = "needs IPv6: run with --include-ignored"]
#[tokio::test]
async fn a_server_at_an_ipv6_address_is_asked_by_it() {
    let server = DevServer::builder()
        .host(Ipv6Addr::LOCALHOST)
        .start()
        .await
        .unwrap();
    let metadata = discover(&server).await.unwrap();
    assert_eq!(
        metadata.issuer.as_str(),
        format!("http://[::1]:{}", server.address().port())
    );
    assert_eq!(
        server.requests()[0].header("host"),
        metadata.issuer.as_str().strip_prefix("http://")
    );
}

#[tokio::test]
async fn an_endpoint_may_be_elsewhere_by_https_or_allowed_http() {
    let server = DevServer::start().await;
    server.set_discovery_member("token_endpoint", "https://tokens.example/oauth/token");
    assert_eq!(
        discover(&server).await.unwrap().token_endpoint.host_str(),
        Some("tokens.example")
    );

    server.set_discovery_member("token_endpoint", "http://tokens.example/token");
    let anywhere = HttpClient::new(PlainHttp::Anywhere);
    DiscoveryClient::new(server.url(), anywhere)
        .unwrap()
        .fetch()
        .await
        .unwrap();
}

#[tokio::test]
async fn the_secret_goes_into_the_body_where_the_server_lists_it() {
    use ClientAuthentication::{Basic, Body};

    let server = DevServer::start().await;
    assert_eq!(
        discover(&server)
            .await
            .unwrap()
            .to_endpoints()
            .client_authentication,
        Body
    );
    for methods in [
        json!(["client_secret_basic"]),
        json!([]),
        json!(null),
        json!("client_secret_post"),
    ] {
        server.set_discovery_member("token_endpoint_auth_methods_supported", methods);
        assert_eq!(
            discover(&server)
                .await
                .unwrap()
                .to_endpoints()
                .client_authentication,
            Basic
        );
    }
}
