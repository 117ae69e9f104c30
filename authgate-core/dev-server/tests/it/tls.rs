use std::io;
use std::sync::Arc;

use authgate_dev_server::{Certificate, DevServer, Endpoint, Fault, StartError, Times};
use authgate_test_support::http::{converse, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::support::{at, get};

/// Connects by this name and trusts only the server's authority.
async fn connect(server: &DevServer, name: &'static str) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let authority = server.certificate_authority().unwrap();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(server.address()).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(name).unwrap(), stream)
        .await
}

async fn refusal(server: &DevServer, name: &'static str) -> CertificateError {
    let error = connect(server, name).await.unwrap_err();
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(Error::InvalidCertificate(reason)) => reason.clone(),
        _ => panic!("{error}"),
    }
}

async fn ask(server: &DevServer, stream: TlsStream<TcpStream>, path: &str) -> String {
    converse(stream, &request("GET", &at(server, path), &[], "")).await
}

async fn health(server: &DevServer) -> String {
    ask(
        server,
        connect(server, "127.0.0.1").await.unwrap(),
        "/health",
    )
    .await
}

#[tokio::test]
async fn https_serves_the_same_and_counts_connections() {
    let server = DevServer::builder().https().start().await.unwrap();
    assert_eq!(server.url(), format!("https://{}", server.address()));
    assert!(health(&server).await.starts_with("HTTP/1.1 200"));
    let stream = connect(&server, "localhost").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let document = ask(&server, stream, "/.well-known/openid-configuration").await;
    assert!(
        document.contains(&format!(
            "\"token_endpoint\":\"{}/oauth/token\"",
            server.url()
        )),
        "{document}"
    );
    assert_eq!((server.connections(), server.count(Endpoint::Any)), (2, 2));
}

#[tokio::test]
async fn faults_happen_over_https() {
    let server = DevServer::builder().https().start().await.unwrap();
    server.inject(Endpoint::Health, Fault::status(503), Times::Once);
    server.inject(Endpoint::Health, Fault::Drop, Times::Once);
    server.inject(Endpoint::Health, Fault::Truncated, Times::Once);
    assert!(health(&server).await.starts_with("HTTP/1.1 503"));
    assert_eq!(health(&server).await, "");
    assert!(
        health(&server).await.ends_with('}'),
        "the whole body before the connection closes"
    );
    assert!(health(&server).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_certificate_has_its_names_and_its_time() {
    let server = DevServer::builder()
        .https()
        .issuer_host("auth.example.test:8443")
        .start()
        .await
        .unwrap();
    assert_eq!(server.url(), "https://auth.example.test:8443");
    for name in ["127.0.0.1", "::1", "localhost", "auth.example.test"] {
        connect(&server, name).await.unwrap();
    }
    assert!(matches!(
        refusal(&server, "example.com").await,
        CertificateError::NotValidForNameContext { .. }
    ));

    let other = Certificate::for_name("other.example");
    let server = DevServer::builder()
        .certificate(other)
        .start()
        .await
        .unwrap();
    assert!(matches!(
        refusal(&server, "127.0.0.1").await,
        CertificateError::NotValidForNameContext { .. }
    ));

    let expired = Certificate::default().expired();
    let server = DevServer::builder()
        .certificate(expired)
        .start()
        .await
        .unwrap();
    assert!(matches!(
        refusal(&server, "127.0.0.1").await,
        CertificateError::ExpiredContext { .. }
    ));
    assert_eq!((server.connections(), server.count(Endpoint::Any)), (1, 0));
}

#[tokio::test]
async fn a_name_that_is_no_host_name_is_an_error() {
    let refused = DevServer::builder()
        .certificate(Certificate::for_name("m\u{fc}nchen"))
        .start()
        .await;
    assert!(
        matches!(refused, Err(StartError::Certificate(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_https_server_does_not_answer_plain_http() {
    let server = DevServer::builder().https().start().await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream
        .write_all(b"GET /health HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _end = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(server.count(Endpoint::Any), 0);
    let http = DevServer::start().await;
    assert!(http.certificate_authority().is_none());
    assert_eq!(get(&http, "/health").await.status, 200);
}
