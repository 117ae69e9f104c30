//! How the library takes what goes wrong before a connection is encrypted. What needs an authority to trust
//! is tested with `rust-m2m`, because `SSL_CERT_FILE` is of a process.

use authgate_core::error::TransportFailure;
use authgate_core::{DiscoveryClient, Error, HttpClient};
use authgate_dev_server::{DevServer, Endpoint};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// How discovery fails at this URL; a stored token outlives each of these.
async fn failure(url: &str) -> TransportFailure {
    let error = DiscoveryClient::new(url, HttpClient::default()).unwrap().fetch().await.unwrap_err();
    assert!(error.is_transient());
    match error {
        Error::Transport { failure, proxy: None, .. } => failure,
        _ => panic!("{error}"),
    }
}

/// cases 13, 35
#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_transient_but_not_asked_for_again() {
    let server = DevServer::builder().https().start().await.unwrap();
    let failure = failure(server.url()).await;
    assert_eq!((failure, failure.is_before_sending()), (TransportFailure::Certificate, true));
    assert_eq!((server.connections(), server.count(Endpoint::Any)), (1, 0));
}

/// case 35
#[tokio::test]
async fn plain_http_where_tls_should_be_cannot_have_seen_the_request() {
    let server = DevServer::start().await;
    let failure = failure(&format!("https://{}", server.address())).await;
    assert_eq!((failure, failure.is_before_sending()), (TransportFailure::NotTls, true));
    assert_eq!((server.connections(), server.count(Endpoint::Any)), (1, 0));
}

/// case 36
#[tokio::test]
async fn an_answer_that_is_not_http_may_come_from_a_server_that_has_seen_the_request() {
    let server = DevServer::builder().https().start().await.unwrap();
    let failure = failure(&format!("http://{}", server.address())).await;
    assert_eq!((failure, failure.is_before_sending()), (TransportFailure::NotHttp, false));
    assert_eq!((server.connections(), server.count(Endpoint::Any)), (1, 0));
}

/// case 35
#[tokio::test]
async fn a_handshake_that_the_server_breaks_off_is_tried_again() {
    const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80]; // RFC 8446 section 6
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        let mut connections = 0;
        while connections < 3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections += 1;
            let _gone = stream.write_all(&INTERNAL_ERROR).await;
        }
    });
    let failure = failure(&url).await;
    assert_eq!((failure, failure.is_before_sending()), (TransportFailure::Handshake, true));
    accepting.await.unwrap();
}
