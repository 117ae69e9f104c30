//! Which redirect URIs are accepted, and what happens if the port is in use.

use authgate_core::RedirectUri;
use authgate_core::test_util::run_auth_code_flow;
use authgate_dev_server::DevServer;
use authgate_test_support::http;
use insta::assert_snapshot;

use crate::support::flow::{
    Recorder, TestBrowser, begin_at, client, described, options, port_in_use,
};

#[test]
fn a_redirect_uri_is_loopback_http_with_a_port() {
    for good in [
        "http://127.0.0.1:8088/callback",
        "http://localhost:80/",
        "http://[::1]:9000/a/b",
        "http://127.1.2.3:1/x",
        "http://localhost:8888",
    ] {
        assert_eq!(RedirectUri::parse(good).unwrap().as_str(), good);
    }
    let errors = [
        "http://127.0.0.1/callback",
        "http://[::1]/callback",
        "http:127.0.0.1/://localhost:99/",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:8088/callback?x=1",
        "http://127.0.0.1:8088/callback?",
        "http://127.0.0.1:8088/callback#x",
        "http://user@127.0.0.1:8088/callback",
        "https://127.0.0.1:8088/callback",
        "http://example.com:8088/callback",
        "http://192.168.0.1:8088/callback",
        "http://0.0.0.0:8088/callback",
        "http://127.0.0.1:8088 /callback",
        "http://127.0.0.1:99999/callback",
        "callback",
    ]
    .map(|refused| described(&RedirectUri::parse(refused).expect_err(refused)));
    let mut errors = errors.to_vec();
    errors.dedup();
    assert_snapshot!(errors.join("\n"), @"
    Other: the redirect URI has no port: write it as it is registered, such as http://127.0.0.1:[port]/callback
    Other: the redirect URI has port 0: write it as it is registered, such as http://127.0.0.1:[port]/callback
    Other: the redirect URI is refused: it has a query (?...). Remove it
    Other: the redirect URI is refused: it has a fragment (#...). Remove it
    Other: the redirect URI is refused: it contains a user name or password. Remove them
    Other: the redirect URI is not http to this machine: write it as it is registered, such as http://127.0.0.1:[port]/callback
    Other: the redirect URI is refused: it contains white space or a control character. Remove it
    Other: the redirect URI is refused: it is not a URL (invalid port number). Write the whole URL, with its https:// or http://
    Other: the redirect URI is refused: it is not a URL (relative URL without a base). Write the whole URL, with its https:// or http://
    ");
}

#[tokio::test]
async fn a_port_in_use_is_an_error_and_no_other_is_used() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let mut errors = Vec::new();
    for (address, host) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("::1", "localhost"),
    ] {
        let (other, redirect_uri) = port_in_use(address, host);
        let (options, prompt) = (options(&redirect_uri), Recorder::default());
        let error = run_auth_code_flow(&client, &[], &options, &TestBrowser::Hangs, &prompt)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&other.local_addr().unwrap().to_string()),
            "{error}"
        );
        assert_eq!(prompt.text(), "");
        errors.push(described(&error));
    }
    assert_snapshot!(errors.join("\n"), @"
    BrowserUnavailable: cannot listen on 127.0.0.1:[port]: another program, perhaps another login, uses this port
    BrowserUnavailable: cannot listen on 127.0.0.1:[port]: another program, perhaps another login, uses this port
    BrowserUnavailable: cannot listen on [::1]:[port]: another program, perhaps another login, uses this port
    ");
}

#[tokio::test]
async fn localhost_is_sent_as_written_and_means_two_addresses() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    for address in ["127.0.0.1", "[::1]"] {
        let begun = begin_at("localhost", &server, &client, &["profile"]).await;
        let back = server.approve_authorization(begun.url.as_str()).unwrap();
        assert!(back.starts_with(&begun.redirect_uri));
        let (_, query) = back.split_once('?').unwrap();
        let request = format!(
            "GET /callback?{query} HTTP/1.1\r\nHost: {}\r\n\r\n",
            begun.address()
        );
        let address = format!("{address}:{}", begun.port.number());
        let browser = tokio::spawn(async move { http::send(&address, &request).await });
        let (_token, page) = begun.login.await.unwrap().unwrap();
        page.saved().await;
        assert_eq!(browser.await.unwrap().status, 200);
    }
}
