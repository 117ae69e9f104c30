//! Where the browser comes back to: the redirect URI and its port.

use std::time::Duration;

use crate::support::flow::{address, begin, begin_login, client, free_redirect_uri, log_in, options, send};
use authgate_core::Error;
use authgate_core::error::ListenerFailure;
use authgate_core::flow::RedirectUri;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

#[test]
fn a_redirect_uri_leads_to_this_machine_over_http_and_names_its_port() {
    for good in [
        "http://127.0.0.1:8088/callback",
        "http://localhost:80/",
        "http://[::1]:9000/a/b",
        "http://127.1.2.3:1/x",
        "http://localhost:8888",
    ] {
        assert_eq!(RedirectUri::parse(good).unwrap().as_str(), good);
    }
    for bad in [
        "http://127.0.0.1/callback",
        "http://[::1]/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:8088/callback?x=1",
        "http://127.0.0.1:8088/callback?",
        "http://127.0.0.1:8088/callback#x",
        "https://127.0.0.1:8088/callback",
        "http://example.com:8088/callback",
        "http://192.168.0.1:8088/callback",
        "http://0.0.0.0:8088/callback",
        "http://user@127.0.0.1:8088/callback",
        "http://127.0.0.1:8088 /callback",
        "http://127.0.0.1:99999/callback",
        "http:127.0.0.1/://localhost:99/",
        "callback",
    ] {
        assert!(matches!(RedirectUri::parse(bad), Err(Error::Config(_))), "{bad}");
    }
}

/// A browser that has its page is not kept waiting by another one that never reads.
#[tokio::test]
async fn the_port_is_free_as_soon_as_the_outcome_is_told() {
    let (server, begun) = begin_login().await;
    let (address, redirect_uri) = (address(&begun), begun.redirect_uri.clone());
    let _idle = TcpStream::connect(&address).await.unwrap();
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(20)), Times::Once);
    log_in(&server, begun).await;
    let url = Url::parse(&redirect_uri).unwrap();
    TcpListener::bind(("127.0.0.1", url.port().unwrap())).await.expect("the port is free");
}

/// case 84
#[tokio::test]
async fn a_port_that_is_taken_is_said_to_be_and_no_other_is_used() {
    let server = DevServer::start().await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    let error = login_at(&server, &format!("http://127.0.0.1:{port}/callback")).await;
    assert!(matches!(&error, Error::Listener { failure: ListenerFailure::Taken, .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

/// case 85
#[tokio::test]
async fn localhost_is_listened_on_at_both_addresses_and_sent_to_the_letter() {
    let server = DevServer::start().await;
    let redirect_uri = free_redirect_uri("localhost");
    let port = Url::parse(&redirect_uri).unwrap().port().unwrap();
    server.register_redirect_uri(&redirect_uri);
    let client = client(&server, server.public_client()).await;
    for address in ["127.0.0.1", "[::1]"] {
        let begun = begin(&client, &["profile"], options(&redirect_uri)).await;
        let back = server.approve_authorization(begun.url.as_str()).unwrap();
        assert!(back.starts_with(&redirect_uri));
        let query = Url::parse(&back).unwrap().query().unwrap().to_owned();
        let request = format!("GET /callback?{query} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        let browser = tokio::spawn(async move { send(&format!("{address}:{port}"), &request).await });
        begun.login.await.unwrap().unwrap().page.saved().await;
        assert_eq!(browser.await.unwrap().status, 200, "{address}");
    }
}

/// case 85
#[tokio::test]
async fn localhost_is_taken_when_either_address_is() {
    let server = DevServer::start().await;
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let other = TcpListener::bind(address).await.unwrap();
        let taken = other.local_addr().unwrap();
        let error = login_at(&server, &format!("http://localhost:{}/callback", taken.port())).await;
        assert!(
            matches!(&error, Error::Listener { address, failure: ListenerFailure::Taken, .. }
            if *address == taken.to_string()),
            "{error}"
        );
    }
}

async fn login_at(server: &DevServer, redirect_uri: &str) -> Error {
    struct Nobody;
    impl authgate_core::flow::Browser for Nobody {
        fn open<'a>(&'a self, _: &'a Url) -> authgate_core::flow::Opening<'a> {
            Box::pin(async { Ok(()) })
        }
    }

    let client = client(server, server.public_client()).await;
    let prompt = crate::support::flow::Recorder::default();
    let options = options(redirect_uri);
    authgate_core::flow::run_auth_code_flow(&client, &[], &options, &Nobody, &prompt).await.unwrap_err()
}
