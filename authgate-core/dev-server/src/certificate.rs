//! The server's certificate, signed by the server's own authority, whose key is discarded.

use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
    server::TlsStream,
};

use crate::start_error::StartError;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Apple's verifier refuses a certificate that is valid for longer than 825 days.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The certificate of a server over https.
#[derive(Debug, Clone)]
#[must_use]
pub struct Certificate {
    names: Vec<String>,
    validity: Option<(SystemTime, SystemTime)>,
}

impl Default for Certificate {
    /// Creates a certificate for `127.0.0.1`, `::1`, `localhost`, and the issuer's host.
    fn default() -> Self {
        Self {
            names: ["127.0.0.1", "::1", "localhost"]
                .map(str::to_owned)
                .to_vec(),
            validity: None,
        }
    }
}

impl Certificate {
    /// Creates a certificate for this host or address, and for the issuer's host.
    pub fn for_name(name: &str) -> Self {
        Self {
            names: vec![name.to_owned()],
            validity: None,
        }
    }

    /// Returns the same certificate, but valid until yesterday.
    pub fn expired(self) -> Self {
        let now = SystemTime::now();
        self.valid_between(now - LIFETIME, now - DAY)
    }

    /// Returns the same certificate, but valid only between these times.
    pub fn valid_between(self, from: SystemTime, until: SystemTime) -> Self {
        Self {
            validity: Some((from, until)),
            ..self
        }
    }

    /// Creates an authority and this certificate, and returns the authority's certificate too, in
    /// PEM.
    pub(crate) fn issue(&self, issuer_host: Option<&str>) -> Result<(Tls, String), StartError> {
        self.try_issue(issuer_host).map_err(StartError::Certificate)
    }

    fn try_issue(
        &self,
        issuer_host: Option<&str>,
    ) -> Result<(Tls, String), Box<dyn Error + Send + Sync>> {
        let authority = CertifiedIssuer::self_signed(authority(), KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = self.parameters(issuer_host)?.signed_by(&key, &authority)?;
        let mut tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.into()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((Tls(TlsAcceptor::from(Arc::new(tls))), authority.pem()))
    }

    fn parameters(&self, issuer_host: Option<&str>) -> Result<CertificateParams, rcgen::Error> {
        let issuer_host =
            issuer_host.map(|host| host.rsplit_once(':').map_or(host, |(name, _port)| name));
        let names = self.names.iter().map(String::as_str).chain(issuer_host);
        let mut parameters = CertificateParams::new(names.map(str::to_owned).collect::<Vec<_>>())?;
        parameters
            .distinguished_name
            .push(DnType::CommonName, "AuthGate development server");
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // OpenSSL's strict checks, which Python uses since 3.13, require the identifier of the signing key.
        parameters.use_authority_key_identifier_extension = true;
        let now = SystemTime::now();
        let (from, until) = self.validity.unwrap_or((now - DAY, now + LIFETIME));
        parameters.not_before = from.into();
        parameters.not_after = until.into();
        Ok(parameters)
    }
}

fn authority() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(
        DnType::CommonName,
        "AuthGate development server's authority",
    );
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let now = SystemTime::now();
    parameters.not_before = (now - 2 * LIFETIME).into();
    parameters.not_after = (now + LIFETIME).into();
    parameters
}

/// The server's side of TLS.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}
