//! From a server's URL to its endpoints.

use std::io::Write;
use std::net::Ipv6Addr;
use std::time::Duration;

use crate::support::TokioClock;
use authgate_core::{ClientAuthentication, DiscoveryClient, Error, HttpClient, Metadata, PlainHttp};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;

async fn discover(server: &DevServer) -> Result<std::sync::Arc<Metadata>, Error> {
    DiscoveryClient::new(server.url(), HttpClient::default())?.fetch().await
}

/// case 25
#[tokio::test]
async fn endpoints_that_the_document_leaves_out_are_derived_from_the_issuer() {
    let server = DevServer::start().await;
    let metadata = discover(&server).await.unwrap();
    assert_eq!(metadata.issuer, server.url());
    assert_eq!(metadata.device_authorization_endpoint.as_str(), format!("{}/oauth/device/code", server.url()));
    assert_eq!(metadata.introspection_endpoint.as_str(), format!("{}/oauth/introspect", server.url()));
    assert_eq!(metadata.tokeninfo_endpoint.as_str(), format!("{}/oauth/tokeninfo", server.url()));
}

/// case 25
#[tokio::test]
async fn endpoints_that_the_document_names_win_over_derived_ones() {
    let server = DevServer::start().await;
    server.set_discovery_member("device_authorization_endpoint", "https://device.example/code");
    let metadata = discover(&server).await.unwrap();
    assert_eq!(metadata.device_authorization_endpoint.as_str(), "https://device.example/code");
}

/// case 2
#[tokio::test]
async fn one_trailing_slash_makes_no_difference() {
    let server = DevServer::start().await;
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

/// case 6
#[tokio::test]
async fn a_server_at_an_ipv6_address_is_asked_by_it() {
    let Ok(server) = DevServer::builder().host(Ipv6Addr::LOCALHOST).start().await else {
        // Not every container has IPv6. Past the test harness, which shows nothing of a test that passes.
        let _ = writeln!(std::io::stderr(), "left out: [::1] cannot be listened on");
        return;
    };
    let metadata = discover(&server).await.unwrap();
    assert_eq!(metadata.issuer, format!("http://[::1]:{}", server.address().port()));
    assert_eq!(server.requests()[0].header("host"), metadata.issuer.strip_prefix("http://"));
}

/// case 22
#[tokio::test]
async fn an_http_issuer_that_was_let_through_may_name_http_endpoints() {
    let server = DevServer::start().await;
    server.set_discovery_member("token_endpoint", "http://evil.example/token");
    let anywhere = HttpClient::new(PlainHttp::Anywhere);
    let allowed = DiscoveryClient::new(server.url(), anywhere).unwrap().fetch().await;
    assert!(allowed.is_ok());
}

/// case 22
#[tokio::test]
async fn an_endpoint_at_another_https_origin_is_allowed() {
    let server = DevServer::start().await;
    server.set_discovery_member("token_endpoint", "https://tokens.example/oauth/token");
    assert_eq!(discover(&server).await.unwrap().token_endpoint.host_str(), Some("tokens.example"));
}

#[tokio::test]
async fn the_document_is_fetched_once_by_many_callers_and_kept_for_its_time() {
    let server = DevServer::start().await;
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
    let server = DevServer::start().await;
    let discovery = DiscoveryClient::new(server.url(), HttpClient::default()).unwrap();
    server.inject(Endpoint::Discovery, Fault::status(500), Times::Once);
    assert!(discovery.fetch().await.is_err());
    assert!(discovery.fetch().await.is_ok());
}

/// case 41
#[tokio::test]
async fn the_body_is_chosen_where_the_server_lists_it_and_basic_elsewhere() {
    let server = DevServer::start().await;
    let chosen = discover(&server).await.unwrap().to_endpoints().client_authentication;
    assert_eq!(chosen, ClientAuthentication::Body);
    for methods in [json!(["client_secret_basic"]), json!([]), json!(null), json!("client_secret_post")] {
        server.set_discovery_member("token_endpoint_auth_methods_supported", methods);
        let chosen = discover(&server).await.unwrap().to_endpoints().client_authentication;
        assert_eq!(chosen, ClientAuthentication::Basic);
    }
}
