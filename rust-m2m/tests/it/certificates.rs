use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use authgate_test_support::Home;
use insta::assert_snapshot;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{error, run};

/// Makes authorities, and certificates for `localhost` that they issue, in the current folder.
const MAKE_CERTIFICATES: &str = r#"
set -e
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"$2" -out "$1.key"; }
authority() { key "$1" "$2"; openssl req -x509 -key "$1.key" "$3" -subj "/CN=$1" -out "$1.pem"; }
certificate() { # name, authority, digest, extensions
    openssl req -new -key "$1.key" -subj /CN=localhost -out "$1.csr"
    printf '%b' "$4" > "$1.extensions"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial "$3" -days 30 \
        ${4:+-extfile "$1.extensions"} -out "$1.pem"
}
name='subjectAltName=DNS:localhost\n'
authority p256 P-256 -sha256
authority p384 P-384 -sha384
authority p521 P-521 -sha512
for curve in good version_1 common_name client p521_and_sha256 p521_and_sha512 p384_and_sha512; do
    key $curve P-256
done
certificate good p256 -sha256 "$name"
certificate version_1 p256 -sha256 ''
certificate common_name p256 -sha256 'basicConstraints=CA:FALSE\n'
certificate client p256 -sha256 "${name}extendedKeyUsage=clientAuth\n"
certificate p521_and_sha256 p521 -sha256 "$name"
certificate p521_and_sha512 p521 -sha512 "$name"
certificate p384_and_sha512 p384 -sha512 "$name"
key p521_key P-521
certificate p521_key p256 -sha256 "$name"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
certificate rsa p256 -sha256 "$name"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short.key
openssl req -x509 -key short.key -subj /CN=short -out short.pem
key signed_by_short P-256
certificate signed_by_short short -sha256 "$name"
self_signed() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost $2
}
self_signed self_signed ''
self_signed self_signed_as_advised '-addext basicConstraints=critical,CA:FALSE'
"#;

/// Makes the certificates in a home folder.
fn certificates() -> Home {
    let home = Home::new();
    let made = Command::new("sh")
        .args(["-c", MAKE_CERTIFICATES])
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    home
}

/// `openssl s_server` behind a port of ours that counts connections. Dropping it ends the program.
struct Server {
    program: Child,
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server with this certificate and more options, which blanks separate.
    async fn start(home: &Home, certificate: &str, options: &str) -> Self {
        let (file, key) = (format!("{certificate}.pem"), format!("{certificate}.key"));
        let mut program = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(["-cert", &file, "-key", &key])
            .args(options.split_whitespace())
            .current_dir(home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = BufReader::new(program.stdout.as_mut().unwrap())
            .lines()
            .map_while(Result::ok)
            .find(|line| line.starts_with("ACCEPT"))
            .unwrap();
        let address = line.trim_start_matches("ACCEPT ").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut server = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(async move {
                    let _gone = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self {
            program,
            port,
            connections,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

/// Runs against this server and returns what the program said. `openssl` answers with a page of
/// its own, so a server that we trust is a wrong server.
async fn said(home: &Home, server: &Server, authority: &str) -> String {
    let file = home.path().join(authority);
    let ended = run(home)
        .with(
            "AUTHGATE_URL",
            &format!("https://localhost:{}", server.port),
        )
        .with("CLIENT_ID", "service")
        .with("CLIENT_SECRET", "canary")
        .with("SSL_CERT_FILE", file.to_str().unwrap())
        .end()
        .await;
    let error = error(&ended);
    if error.contains("answered 200, which is not a JSON object") {
        return "trusted\n".to_owned();
    }
    error.trim_start_matches("error: discovery: ").replace(
        "https://localhost:[port]/.well-known/openid-configuration",
        "[url]",
    )
}

#[ignore = "needs openssl: run with --include-ignored"]
#[tokio::test]
async fn each_certificate_and_server_that_we_refuse_gets_its_own_advice() {
    let home = certificates();
    let mut table = String::new();
    for (certificate, authority, options) in [
        ("self_signed", "self_signed", ""),
        ("version_1", "p256", ""),
        ("common_name", "p256", ""),
        ("client", "p256", ""),
        ("p521_and_sha256", "p521", ""),
        ("p521_and_sha512", "p521", ""),
        ("p384_and_sha512", "p384", ""),
        ("signed_by_short", "short", ""),
        ("good", "p384", ""),
        ("p521_key", "p256", ""),
        ("good", "p256", "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256"),
        ("rsa", "p256", "-tls1_2 -cipher AES128-GCM-SHA256"),
        ("rsa", "p256", "-tls1_1 -cipher ALL:@SECLEVEL=0"),
        ("good", "p256", "-tls1_2 -Verify 1"),
        ("good", "p256", "-tls1_3 -Verify 1"),
    ] {
        let server = Server::start(&home, certificate, options).await;
        let said = said(&home, &server, &format!("{authority}.pem")).await;
        table += &[certificate, ", ", authority, ", ", options, ": ", &said].concat();
        let connections = server.connections.load(Ordering::SeqCst);
        assert_eq!(connections, 1, "{certificate} {options}");
    }
    assert_snapshot!(table, @"
    self_signed, self_signed, : this machine does not trust the certificate of [url] (it is an authority's certificate (CA:TRUE), which a server must not use). The server's operator must create another one. For openssl req -x509, add -addext basicConstraints=critical,CA:FALSE
    version_1, p256, : this machine does not trust the certificate of [url] (it is an X.509 version 1 certificate). The server's operator must get one of version 3, with the server's name in subjectAltName
    common_name, p256, : this machine does not trust the certificate of [url] (it does not have localhost in subjectAltName, and a name in CN does not count). The server's operator must get a certificate with this name in subjectAltName
    client, p256, : this machine does not trust the certificate of [url] (it is not for servers). The server's operator must get a certificate with the extended key usage serverAuth
    p521_and_sha256, p521, : this machine does not trust the certificate of [url] (it is signed with a P-521 key, which we do not support). The server's operator must get a certificate that is signed with RSA (2048 bits or more) and SHA-2, with P-256 or P-384 and SHA-256 or SHA-384, or with Ed25519
    p521_and_sha512, p521, : this machine does not trust the certificate of [url] (it is signed with ECDSA and SHA-512, which we do not support). The server's operator must get a certificate that is signed with RSA (2048 bits or more) and SHA-2, with P-256 or P-384 and SHA-256 or SHA-384, or with Ed25519
    p384_and_sha512, p384, : this machine does not trust the certificate of [url] (it is signed with ECDSA and SHA-512, which we do not support). The server's operator must get a certificate that is signed with RSA (2048 bits or more) and SHA-2, with P-256 or P-384 and SHA-256 or SHA-384, or with Ed25519
    signed_by_short, short, : this machine does not trust the certificate of [url] (its signature does not fit its authority's key, or that is an RSA key of less than 2048 bits). If the authority has a new certificate, put that into the file that SSL_CERT_FILE names
    good, p384, : this machine does not trust the certificate of [url] (the authority in [home]/p384.pem did not issue it). Add the certificate of the authority that issued it. If it is there, the server's operator must make the server send its intermediate certificates
    p521_key, p256, : the TLS handshake failed with [url] (received fatal alert: HandshakeFailure). The server's operator must allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, use an RSA, P-256, P-384 or Ed25519 key, and require no client certificate
    good, p256, -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256: the TLS handshake failed with [url] (received fatal alert: HandshakeFailure). The server's operator must allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, use an RSA, P-256, P-384 or Ed25519 key, and require no client certificate
    rsa, p256, -tls1_2 -cipher AES128-GCM-SHA256: the TLS handshake failed with [url] (received fatal alert: HandshakeFailure). The server's operator must allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, use an RSA, P-256, P-384 or Ed25519 key, and require no client certificate
    rsa, p256, -tls1_1 -cipher ALL:@SECLEVEL=0: the TLS handshake failed with [url] (received fatal alert: ProtocolVersion). The server's operator must allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, use an RSA, P-256, P-384 or Ed25519 key, and require no client certificate
    good, p256, -tls1_2 -Verify 1: the TLS handshake failed with [url] (received fatal alert: HandshakeFailure). The server's operator must allow TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, use an RSA, P-256, P-384 or Ed25519 key, and require no client certificate
    good, p256, -tls1_3 -Verify 1: the TLS handshake failed with [url] (the server requires a client certificate). Client certificates are not supported. Ask the server's operator for an address that requires none
    ");
}

/// The first one comes from the command that we advise.
#[ignore = "needs openssl: run with --include-ignored"]
#[tokio::test]
async fn the_advised_certificate_works() {
    let home = certificates();
    for (certificate, authority) in [
        ("self_signed_as_advised", "self_signed_as_advised"),
        ("good", "p256"),
        ("rsa", "p256"),
    ] {
        let server = Server::start(&home, certificate, "").await;
        let said = said(&home, &server, &format!("{authority}.pem")).await;
        assert_eq!(said, "trusted\n", "{certificate}");
    }
}

#[ignore = "needs openssl: run with --include-ignored"]
#[tokio::test]
async fn authorities_and_certificates_that_cannot_be_used_are_counted() {
    const GARBAGE: &str = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    let home = certificates();
    let server = Server::start(&home, "good", "").await;
    let [p384, p521] =
        ["p384.pem", "p521.pem"].map(|name| fs::read_to_string(home.path().join(name)).unwrap());
    let mut table = String::new();
    for bundle in [
        p384.clone(),
        p384.clone() + &p521,
        p384.clone() + GARBAGE,
        p384 + GARBAGE + &p521 + GARBAGE,
    ] {
        home.place("bundle.pem", &bundle);
        table += &said(&home, &server, "bundle.pem").await;
    }
    assert_snapshot!(table, @"
    this machine does not trust the certificate of [url] (the authority in [home]/bundle.pem did not issue it). Add the certificate of the authority that issued it. If it is there, the server's operator must make the server send its intermediate certificates
    this machine does not trust the certificate of [url] (none of the 2 authorities in [home]/bundle.pem issued it). Add the certificate of the authority that issued it. If it is there, the server's operator must make the server send its intermediate certificates
    this machine does not trust the certificate of [url] (the authority in [home]/bundle.pem did not issue it; 1 certificate there cannot be used). Add the certificate of the authority that issued it. If it is there, the server's operator must make the server send its intermediate certificates
    this machine does not trust the certificate of [url] (none of the 2 authorities in [home]/bundle.pem issued it; 2 certificates there cannot be used). Add the certificate of the authority that issued it. If it is there, the server's operator must make the server send its intermediate certificates
    ");
}

#[ignore = "needs openssl: run with --include-ignored"]
#[tokio::test]
async fn trust_settings_of_openssl_are_followed() {
    let home = certificates();
    let server = Server::start(&home, "good", "").await;
    let mut table = String::new();
    for settings in [
        "-trustout",
        "-setalias authority",
        "-addtrust serverAuth",
        "-addtrust anyExtendedKeyUsage",
        "-addtrust emailProtection -addtrust serverAuth",
        "-addtrust emailProtection",
        "-addreject emailProtection",
        "-addreject serverAuth",
        "-addreject anyExtendedKeyUsage",
        "-addtrust serverAuth -addreject serverAuth",
        "-addtrust serverAuth -setalias authority -addreject emailProtection",
    ] {
        let made = Command::new("openssl")
            .args("x509 -in p256.pem -out trusted.pem".split(' '))
            .args(settings.split(' '))
            .current_dir(home.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let file = fs::read_to_string(home.path().join("trusted.pem")).unwrap();
        assert!(file.contains("BEGIN TRUSTED CERTIFICATE"), "{file}");
        let said = said(&home, &server, "trusted.pem").await;
        table += &[settings, ": ", &said].concat();
    }
    let garbage = Command::new("sh")
        .args([
            "-c",
            "(openssl x509 -in p256.pem -outform der; echo garbage) | openssl base64",
        ])
        .current_dir(home.path())
        .output()
        .unwrap();
    let garbage = String::from_utf8(garbage.stdout).unwrap();
    home.place(
        "trusted.pem",
        format!(
            "-----BEGIN TRUSTED CERTIFICATE-----\n{garbage}-----END TRUSTED CERTIFICATE-----\n"
        ),
    );
    table += &["garbage: ", &said(&home, &server, "trusted.pem").await].concat();
    assert_snapshot!(table, @"
    -trustout: trusted
    -setalias authority: trusted
    -addtrust serverAuth: trusted
    -addtrust anyExtendedKeyUsage: trusted
    -addtrust emailProtection -addtrust serverAuth: trusted
    -addtrust emailProtection: error: there is no certificate authority in [home]/trusted.pem (OpenSSL's trust settings in it exclude servers). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    -addreject emailProtection: trusted
    -addreject serverAuth: error: there is no certificate authority in [home]/trusted.pem (OpenSSL's trust settings in it exclude servers). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    -addreject anyExtendedKeyUsage: error: there is no certificate authority in [home]/trusted.pem (OpenSSL's trust settings in it exclude servers). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    -addtrust serverAuth -addreject serverAuth: error: there is no certificate authority in [home]/trusted.pem (OpenSSL's trust settings in it exclude servers). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    -addtrust serverAuth -setalias authority -addreject emailProtection: trusted
    garbage: error: there is no certificate authority in [home]/trusted.pem (OpenSSL's trust settings in it exclude servers). Name a file of PEM certificates in SSL_CERT_FILE, or a folder of such files in SSL_CERT_DIR, or unset both to trust the system's authorities
    ");
}
