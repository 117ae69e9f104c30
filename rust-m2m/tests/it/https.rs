//! Certificates, and whom the program trusts.

use crate::support::{Ended, Run};
use authgate_dev_server::{Certificate, DevServer, Endpoint};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// A server over https; its client's secret must not be seen where something fails.
async fn server() -> DevServer {
    DevServer::builder().https().confidential_client("service", "canary").start().await.unwrap()
}

fn succeeded(ended: &Ended, server: &DevServer) {
    assert!(ended.stdout.starts_with("Status: 200\n"), "{ended:?}");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!((server.count(Endpoint::Any), server.connections()), (3, 1));
}

/// case 13
#[tokio::test]
async fn a_private_authority_in_ssl_cert_file_is_trusted_for_three_requests_on_one_connection() {
    let server = server().await;
    succeeded(&Run::of(&server).trusting(&[&server]).end().await, &server);
}

/// case 13
#[cfg(not(any(target_os = "macos", windows)))]
#[tokio::test]
async fn it_is_found_behind_many_others_and_a_block_that_is_garbage() {
    const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let mut bundle = String::from("# authorities\n");
    for _ in 0..10 {
        bundle += server().await.certificate_authority().unwrap();
    }
    let server = server().await;
    bundle = bundle + GARBAGE + server.certificate_authority().unwrap();
    let run = Run::of(&server);
    let path = run.place("bundle.pem", &bundle);
    succeeded(&run.with("SSL_CERT_FILE", path.to_str().unwrap()).end().await, &server);
}

/// case 13
#[cfg(not(any(target_os = "macos", windows)))]
#[tokio::test]
async fn a_private_authority_in_ssl_cert_dir_is_trusted_whatever_its_files_name() {
    for name in ["5a3b9c1d.0", "company.pem"] {
        let server = server().await;
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(second.path().join(name), server.certificate_authority().unwrap()).unwrap();
        let list = std::env::join_paths([first.path(), second.path()]).unwrap();
        succeeded(&Run::of(&server).with("SSL_CERT_DIR", list.to_str().unwrap()).end().await, &server);
    }
}

/// cases 13, 35
#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_it_before_anything_is_sent() {
    let certified = async |certificate: Certificate| {
        let builder = DevServer::builder().confidential_client("service", "canary");
        builder.certificate(certificate).start().await.unwrap()
    };
    let other = server().await;
    let of_another_name = certified(Certificate::for_name("other.example")).await;
    let expired = certified(Certificate::default().expired()).await;
    let of_another_authority = server().await;
    for (server, trusted) in
        [(&of_another_name, &of_another_name), (&expired, &expired), (&of_another_authority, &other)]
    {
        let ended = Run::of(server).trusting(&[trusted]).end().await;
        ended.fails_with(1, &["the certificate is not trusted at", server.url(), "SSL_CERT_FILE"]);
        for offer in ["skip", "insecure", "disable", "AUTHGATE_"] {
            assert!(!ended.stderr.contains(offer), "{ended:?}");
        }
        assert_eq!((server.count(Endpoint::Any), server.connections()), (0, 1));
    }
}

/// case 13
#[cfg(not(any(target_os = "macos", windows)))]
#[tokio::test]
async fn a_file_of_authorities_that_cannot_be_used_is_named() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("garbage"), "hello").unwrap();
    std::fs::write(at("empty"), "").unwrap();
    let made = tokio::process::Command::new("mkfifo").arg(at("pipe")).status().await.unwrap();
    assert!(made.success());
    for (name, reason) in [
        ("nothing", "No such file"),
        ("folder", "not a regular file"),
        ("pipe", "not a regular file"),
        ("garbage", ""),
        ("empty", ""),
    ] {
        let path = at(name);
        let path = path.to_str().unwrap();
        let ended = Run::of(&server).with("SSL_CERT_FILE", path).end().await;
        ended.fails_with(1, &["no certificate authority to trust was found in", path, reason, "SSL_CERT_FILE must"]);
    }
    let ended = Run::of(&server).with("SSL_CERT_DIR", at("empty").to_str().unwrap()).end().await;
    ended.fails_with(1, &["no certificate authority to trust was found in", "SSL_CERT_DIR"]);
    assert_eq!(server.connections(), 0);
}

/// case 13
#[cfg(target_os = "linux")]
#[tokio::test]
async fn over_http_no_certificate_is_read() {
    let server = DevServer::start().await;
    let run = Run::of(&server).with("SSL_CERT_FILE", "/nonexistent").with("SSL_CERT_DIR", "/nonexistent");
    assert_eq!(run.end().await.status, Some(0));
}

/// case 22
#[tokio::test]
async fn an_https_server_that_names_a_plain_http_endpoint_is_refused() {
    for member in ["token_endpoint", "userinfo_endpoint"] {
        for allowing in ["0", "1"] {
            let server = server().await;
            let plain = DevServer::start().await;
            server.set_discovery_member(member, format!("{}/oauth/token", plain.url()));
            let run = Run::of(&server).trusting(&[&server]).with("AUTHGATE_ALLOW_HTTP", allowing);
            run.end().await.fails_with(1, &[&format!("its {member} is plain http, and the issuer is https")]);
            assert_eq!((server.count(Endpoint::Any), plain.connections()), (1, 0));
        }
    }
}

/// case 22
#[tokio::test]
async fn endpoints_at_another_https_server_are_used() {
    let (server, other) = (server().await, server().await);
    server.set_discovery_member("token_endpoint", format!("{}/oauth/token", other.url()));
    server.set_discovery_member("userinfo_endpoint", format!("{}/oauth/userinfo", other.url()));
    let ended = Run::of(&server).trusting(&[&server, &other]).end().await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!((server.count(Endpoint::Any), other.count(Endpoint::Any)), (1, 2));
    assert_eq!((server.connections(), other.connections()), (1, 1));
}

/// case 35
#[tokio::test]
async fn the_wrong_scheme_for_a_port_is_told() {
    let (http, https) = (DevServer::start().await, server().await);
    let swapped = |server: &DevServer, scheme: &str| format!("{scheme}://{}", server.address());
    let run = Run::of(&http).trusting(&[&https]).with("AUTHGATE_URL", &swapped(&http, "https"));
    run.end().await.fails_with(1, &["plain http instead of https", "Check the port"]);
    let run = Run::of(&https).with("AUTHGATE_URL", &swapped(&https, "http"));
    run.end().await.fails_with(1, &["the answer is not HTTP", "begin with https"]);
    assert_eq!((http.connections(), https.connections()), (1, 1));
}

/// case 35
#[tokio::test]
async fn a_handshake_that_the_server_breaks_off_is_told() {
    const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40]; // RFC 8446 section 6
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _gone = stream.write_all(&HANDSHAKE_FAILURE).await;
        }
    });
    let authority = server().await;
    let run = Run::of(&authority).trusting(&[&authority]).with("AUTHGATE_URL", &url);
    run.end().await.fails_with(1, &["the TLS handshake failed with", &url, "HandshakeFailure"]);
}
