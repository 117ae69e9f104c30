use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use authgate_dev_server::{Certificate, DevServer, Endpoint};
use authgate_test_support::{Ended, Home};
use insta::assert_snapshot;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{error, run, service, without_cause};

/// Starts a server over https. No error may show its client's secret.
async fn server() -> DevServer {
    certified(Certificate::default()).await
}

async fn certified(certificate: Certificate) -> DevServer {
    let builder = DevServer::builder().confidential_client("service", "canary");
    builder.certificate(certificate).start().await.unwrap()
}

#[track_caller]
fn succeeded(ended: &Ended, server: &DevServer) {
    assert!(ended.stdout.starts_with("Status: 200\n"), "{ended:?}");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!((server.count(Endpoint::Any), server.connections()), (3, 1));
}

#[tokio::test]
async fn an_authority_in_ssl_cert_file_is_trusted() {
    let (server, home) = (server().await, Home::new());
    succeeded(&service(&home, &server).end().await, &server);
}

#[cfg(not(any(target_os = "macos", windows)))]
#[tokio::test]
async fn an_authority_behind_others_and_garbage_is_trusted() {
    const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let mut bundle = String::from("# authorities\n");
    for _ in 0..10 {
        bundle += server().await.certificate_authority().unwrap();
    }
    let (server, home) = (server().await, Home::new());
    bundle = bundle + GARBAGE + server.certificate_authority().unwrap();
    let path = home.place("bundle.pem", &bundle);
    let run = run(&home)
        .as_service_of(&server)
        .with("SSL_CERT_FILE", path.to_str().unwrap());
    succeeded(&run.end().await, &server);
}

#[cfg(not(any(target_os = "macos", windows)))]
#[tokio::test]
async fn an_authority_in_ssl_cert_dir_is_trusted() {
    for name in ["5a3b9c1d.0", "company.pem"] {
        let (server, home, first, second) = (server().await, Home::new(), Home::new(), Home::new());
        second.place(name, server.certificate_authority().unwrap());
        let list = std::env::join_paths([first.path(), second.path()]).unwrap();
        let run = run(&home)
            .as_service_of(&server)
            .with("SSL_CERT_DIR", list.to_str().unwrap());
        succeeded(&run.end().await, &server);
    }
}

#[tokio::test]
async fn an_untrusted_certificate_ends_it_before_any_request() {
    let home = Home::new();
    let other = server().await;
    let for_another_name = certified(Certificate::for_name("other.example")).await;
    let by_another_authority = server().await;
    let mut errors = String::new();
    for (server, trusted) in [
        (&for_another_name, &for_another_name),
        (&by_another_authority, &other),
    ] {
        let ended = service(&home, server).trusting(&[trusted]).end().await;
        errors += &error(&ended);
        ended.says(&[server.url()]);
        assert_eq!((server.count(Endpoint::Any), server.connections()), (0, 1));
    }
    assert_snapshot!(errors, @"
    error: discovery: this machine does not trust the certificate of https://127.0.0.1:[port]/.well-known/openid-configuration (it is not for 127.0.0.1, only for other.example). Check the server's name in the URL. If it is right, the server's operator must get a certificate with this name in subjectAltName
    error: discovery: this machine does not trust the certificate of https://127.0.0.1:[port]/.well-known/openid-configuration (its signature does not fit its authority's key, or that is an RSA key of less than 2048 bits). If the authority has a new certificate, put that into the file that SSL_CERT_FILE names
    ");
}

#[tokio::test]
async fn a_certificate_of_another_time_names_the_clock() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let (home, now) = (Home::new(), SystemTime::now());
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let (year_2000, year_2001, year_2100) = (at(946_684_800), at(978_307_200), at(4_102_444_800));
    let mut errors = String::new();
    for certificate in [
        Certificate::default().expired(),
        Certificate::default().valid_between(year_2000, year_2001),
        Certificate::default().valid_between(year_2100, year_2100 + DAY),
        Certificate::default().valid_between(now + DAY, now + 2 * DAY),
    ] {
        let server = certified(certificate).await;
        let ended = service(&home, &server).end().await;
        assert_eq!(ended.stderr.matches(" GMT").count(), 2, "{ended:?}");
        errors += &error(&ended);
        assert_eq!((server.count(Endpoint::Any), server.connections()), (0, 1));
    }
    assert_snapshot!(errors, @"
    error: discovery: this machine does not trust the certificate of https://127.0.0.1:[port]/.well-known/openid-configuration (it expired on [time], and this machine's clock says [time]). The server's operator must renew it
    error: discovery: this machine does not trust the certificate of https://127.0.0.1:[port]/.well-known/openid-configuration (it expired on [time], and this machine's clock says [time]). Check this machine's clock
    error: discovery: this machine does not trust the certificate of https://127.0.0.1:[port]/.well-known/openid-configuration (it is valid from [time], and this machine's clock says [time]). Check this machine's clock
    error: discovery: this machine does not trust the certificate of https://127.0.0.1:[port]/.well-known/openid-configuration (it is valid from [time], and this machine's clock says [time]). Check this machine's clock
    ");
}

/// A server moves to a new authority: the file of authorities is extended while a service runs.
#[tokio::test]
async fn a_file_of_authorities_that_has_grown_is_read_again() {
    let (first, second, home) = (server().await, server().await, Home::new());
    first.set_discovery_member("token_endpoint", format!("{}/oauth/token", second.url()));
    first.set_discovery_member(
        "userinfo_endpoint",
        format!("{}/oauth/userinfo", second.url()),
    );
    let discovery = first.hold(Endpoint::Discovery);
    let run = service(&home, &first).start();
    discovery.arrived().await;
    let bundle = [&first, &second].map(|server| server.certificate_authority().unwrap());
    home.place("authority.pem", bundle.concat());
    discovery.release();
    let ended = run.end().await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    second.assert_requests([Endpoint::Token, Endpoint::UserInfo]);
    // The first connection failed.
    assert_eq!((first.connections(), second.connections()), (1, 2));
}

#[tokio::test]
async fn a_file_of_authorities_that_did_not_grow_changes_nothing() {
    for content in ["", "garbage"] {
        let (first, second, home) = (server().await, server().await, Home::new());
        first.set_discovery_member("token_endpoint", format!("{}/oauth/token", second.url()));
        let discovery = first.hold(Endpoint::Discovery);
        let run = service(&home, &first).start();
        discovery.arrived().await;
        if !content.is_empty() {
            home.place("authority.pem", content);
        }
        discovery.release();
        run.end()
            .await
            .fails_with(1, &["does not fit its authority's key"]);
        assert_eq!(second.connections(), 1);
    }
}

#[tokio::test]
async fn the_marks_and_labels_that_openssl_reads_are_read() {
    let (server, home) = (server().await, Home::new());
    let plain = server.certificate_authority().unwrap();
    let labelled = |label: &str| plain.replace(" CERTIFICATE-", &format!(" {label}-"));
    let other = DevServer::builder().https().start().await.unwrap();
    let other = other.certificate_authority().unwrap();
    let list_of_revoked = labelled("X509 CRL");
    for content in [
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        format!("\u{feff}{plain}"),
        labelled("X509 CERTIFICATE"),
        labelled("TRUSTED CERTIFICATE"),
        format!("\u{feff}{}", labelled("TRUSTED CERTIFICATE")),
        format!("an authority\n{other}another\n\u{feff}{plain}{list_of_revoked}"),
    ] {
        let path = home.place("marked.pem", &content);
        let run = run(&home).as_service_of(&server);
        let ended = run
            .with("SSL_CERT_FILE", path.to_str().unwrap())
            .end()
            .await;
        assert_eq!(
            (ended.status, ended.stderr.as_str()),
            (Some(0), ""),
            "{content}"
        );
    }
}

#[cfg(not(any(target_os = "macos", windows)))]
#[tokio::test]
async fn an_unusable_file_of_authorities_is_named() {
    let (server, home) = (server().await, Home::new());
    std::fs::create_dir(home.path().join("folder")).unwrap();
    home.place("garbage", "hello");
    home.place("empty", "");
    // A private key whose line breaks were lost on the way through a variable.
    home.place(
        "one_line",
        r"-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n",
    );
    home.place("no_end", "-----BEGIN PRIVATE KEY canary-----\ncanary\n");
    home.place(
        "no_base64",
        "-----BEGIN CERTIFICATE-----\ncanary!\n-----END CERTIFICATE-----\n",
    );
    let made = std::process::Command::new("mkfifo")
        .arg(home.path().join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let mut errors = String::new();
    for (variable, name) in [
        ("SSL_CERT_FILE", "nothing"),
        ("SSL_CERT_FILE", "folder"),
        ("SSL_CERT_FILE", "pipe"),
        ("SSL_CERT_FILE", "garbage"),
        ("SSL_CERT_FILE", "empty"),
        ("SSL_CERT_FILE", "one_line"),
        ("SSL_CERT_FILE", "no_end"),
        ("SSL_CERT_FILE", "no_base64"),
        ("SSL_CERT_DIR", "empty"),
    ] {
        let run = run(&home)
            .as_service_of(&server)
            .with(variable, home.path().join(name).to_str().unwrap());
        let error = error(&run.end().await);
        // The parser would show the bytes as numbers.
        assert!(!error.contains("99, 97, 110, 97, 114, 121"), "{error}");
        errors += &error;
    }
    assert_snapshot!(errors, @r"
    error: there is no certificate authority in [home]/nothing (No such file or directory (os error 2)). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/folder (not a regular file). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/pipe (not a regular file). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/garbage. Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/empty. Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/one_line (malformed PEM, perhaps with the characters \n for line breaks). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/no_end (malformed PEM, perhaps with the characters \n for line breaks). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/no_base64 (malformed PEM, perhaps with the characters \n for line breaks). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    error: there is no certificate authority in [home]/empty (Not a directory (os error 20)). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    ");
    assert_eq!(server.connections(), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn over_http_no_certificate_is_read() {
    let (server, home) = (DevServer::start().await, Home::new());
    let run = run(&home).as_service_of(&server);
    let run = run
        .with("SSL_CERT_FILE", "/nonexistent")
        .with("SSL_CERT_DIR", "/nonexistent");
    assert_eq!(run.end().await.status, Some(0));
}

#[tokio::test]
async fn a_plain_http_endpoint_of_an_https_server_is_refused() {
    let home = Home::new();
    for member in ["token_endpoint", "userinfo_endpoint"] {
        for (scheme, allowing) in [("https", "0"), ("https", "1"), ("HTTPS", "1")] {
            let (server, plain) = (server().await, DevServer::start().await);
            let issuer = server.url().replace("https", scheme);
            server.set_discovery_member("issuer", issuer.clone());
            server.set_discovery_member(member, format!("{}/oauth/token", plain.url()));
            let ended = service(&home, &server)
                .with("AUTHGATE_URL", &issuer)
                .with("AUTHGATE_ALLOW_HTTP", allowing)
                .end()
                .await;
            ended.fails_with(
                1,
                &[&format!(
                    "its {member} is plain http, and the issuer is https"
                )],
            );
            assert_eq!((server.count(Endpoint::Any), plain.connections()), (1, 0));
        }
    }
}

#[tokio::test]
async fn endpoints_at_another_https_server_are_used() {
    let (server, other, home) = (server().await, server().await, Home::new());
    server.set_discovery_member("token_endpoint", format!("{}/oauth/token", other.url()));
    server.set_discovery_member(
        "userinfo_endpoint",
        format!("{}/oauth/userinfo", other.url()),
    );
    let ended = service(&home, &server)
        .trusting(&[&server, &other])
        .end()
        .await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    server.assert_requests([Endpoint::Discovery]);
    other.assert_requests([Endpoint::Token, Endpoint::UserInfo]);
    assert_eq!((server.connections(), other.connections()), (1, 1));
}

#[tokio::test]
async fn a_wrong_scheme_for_a_port_is_told() {
    let (http, https, home) = (DevServer::start().await, server().await, Home::new());
    let mut errors = String::new();
    for (server, scheme) in [(&http, "https"), (&https, "http")] {
        let url = format!("{scheme}://{}", server.address());
        errors += &without_cause(
            &service(&home, &https)
                .with("AUTHGATE_URL", &url)
                .end()
                .await,
        );
    }
    assert_snapshot!(errors, @"
    error: discovery: the server does not use TLS at https://127.0.0.1:[port]/.well-known/openid-configuration ([cause]). Check the port, or begin the URL with http://
    error: discovery: got an answer that is not HTTP from http://127.0.0.1:[port]/.well-known/openid-configuration ([cause]). Check the port, or begin the URL with https://
    ");
    assert_eq!((http.connections(), https.connections()), (1, 1));
}

#[tokio::test]
async fn a_failed_tls_handshake_is_told() {
    const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40]; // RFC 8446 section 6
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _gone = stream.write_all(&HANDSHAKE_FAILURE).await;
        }
    });
    let (authority, home) = (server().await, Home::new());
    let ended = service(&home, &authority)
        .with("AUTHGATE_URL", &url)
        .end()
        .await;
    ended.fails_with(1, &[&url]);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_snapshot!(ended.said(), @"error: discovery: the TLS handshake failed with https://127.0.0.1:[port]/.well-known/openid-configuration (received fatal alert: HandshakeFailure). The server's operator must allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, use an RSA, P-256, P-384 or Ed25519 key, and require no client certificate");
}
