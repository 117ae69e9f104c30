//! Failures before a connection is encrypted. Trusted certificates are tested with `rust-m2m`,
//! because `SSL_CERT_FILE` applies to a whole process.

use authgate_core::{DiscoveryClient, Error, HttpClient, TransportFailure};
use authgate_dev_server::DevServer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// Returns how discovery fails at this URL. None of these failures ends a stored login.
async fn failure(url: &str) -> TransportFailure {
    let error = DiscoveryClient::new(url, HttpClient::default())
        .unwrap()
        .fetch()
        .await
        .unwrap_err();
    assert!(error.is_transient());
    match error {
        Error::Transport {
            failure,
            proxy: None,
            ..
        } => failure,
        _ => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_wrong_certificate_or_protocol_is_not_retried() {
    let plain = DevServer::start().await;
    let encrypted = DevServer::builder().https().start().await.unwrap();
    let untrusted = DevServer::builder().https().start().await.unwrap();
    for (server, scheme, expected, is_before_sending) in [
        (untrusted, "https", TransportFailure::Certificate, true),
        (plain, "https", TransportFailure::NotTls, true),
        (encrypted, "http", TransportFailure::NotHttp, false),
    ] {
        let failure = failure(&format!("{scheme}://{}", server.address())).await;
        assert_eq!(
            (failure, failure.is_before_sending()),
            (expected, is_before_sending)
        );
        server.assert_requests([]);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_handshake_that_the_server_breaks_off_is_retried() {
    const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80]; // RFC 8446 section 6
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _gone = stream.write_all(&INTERNAL_ERROR).await;
        }
    });
    let failure = failure(&url).await;
    assert_eq!(
        (failure, failure.is_before_sending()),
        (TransportFailure::Handshake, true)
    );
    accepting.await.unwrap();
}
