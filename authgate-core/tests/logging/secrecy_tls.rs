//! Looks for secrets in all output about TLS. Each test runs in a process of its own, because
//! `SSL_CERT_FILE` applies to a whole process.

use std::env;

use authgate_core::{DiscoveryClient, HttpClient, OAuthClient, Secret};
use authgate_dev_server::DevServer;
use authgate_test_support::{Home, Run};

use crate::log::{Log, log};
use crate::secrecy::{CANARY, CLIENT_SECRET, all_texts};

/// The variable with the name of the test that runs in a process of its own.
const ALONE: &str = "AUTHGATE_TEST_ALONE";

/// Runs the test in a process of its own with this certificate file, unless this is that process.
/// Returns whether it is.
async fn is_alone(test: &str, certificates: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        log();
        return true;
    }
    let home = Home::new();
    let file = home.place("certificates.pem", certificates);
    let ended = Run::new(env::current_exe().unwrap(), &home)
        .with(ALONE, test)
        .with("SSL_CERT_FILE", file.to_str().unwrap())
        .args("--exact --nocapture")
        .arg(&format!("secrecy_tls::{test}"))
        .end()
        .await;
    let shown = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.status, Some(0), "{shown}");
    assert!(shown.contains("1 passed"), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
    false
}

#[tokio::test]
async fn a_malformed_certificate_file_is_not_shown() {
    const TEST: &str = "a_malformed_certificate_file_is_not_shown";
    // The line ends are lost, as in a variable of a CI system.
    let key = r"-----BEGIN PRIVATE KEY-----\ncanarycanarycanary\n-----END PRIVATE KEY-----\n";
    if is_alone(TEST, key).await {
        let client = DiscoveryClient::new("https://127.0.0.1:1", HttpClient::default()).unwrap();
        let error = client.fetch().await.unwrap_err();
        let shown = all_texts(&error);
        assert!(shown.contains("SSL_CERT_FILE"), "{shown}");
        // The parser's message has the bytes as numbers.
        let numbers = format!("{:?}", CANARY.as_bytes());
        for secret in [CANARY, numbers.trim_matches(['[', ']'])] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(!Log::text().contains(secret), "{}", Log::text());
        }
    }
}

#[tokio::test]
async fn an_encrypted_request_shows_no_secret() {
    const TEST: &str = "an_encrypted_request_shows_no_secret";
    if is_alone(TEST, "").await {
        let server = DevServer::builder()
            .confidential_client("client-1", CLIENT_SECRET)
            .https()
            .start()
            .await
            .unwrap();
        let file = env::var_os("SSL_CERT_FILE").unwrap();
        std::fs::write(file, server.certificate_authority().unwrap()).unwrap();
        let http = HttpClient::default();
        let metadata = DiscoveryClient::new(server.url(), http.clone())
            .unwrap()
            .fetch()
            .await
            .unwrap();
        let client = OAuthClient::new("client-1", metadata.to_endpoints(), http)
            .with_secret(Secret::from(CLIENT_SECRET));
        let token = client.client_credentials(&[]).await.unwrap();
        let _ = client.userinfo(&token.access_token).await;
        client.revoke(&token.access_token).await.unwrap();
        for logger in ["rustls", "hyper_util"] {
            assert!(Log::text().contains(logger), "{logger} logs nothing");
        }
        Log::has_no(CANARY);
        Log::has_no(token.access_token.expose());
    }
}
