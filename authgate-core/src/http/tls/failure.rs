//! Says what is wrong with a certificate or a handshake, and who has to do what.

use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription as Alert, CertificateError, InvalidMessage};

use super::Authorities;
use crate::error::{Cause, TransportFailure};

const WHAT_WE_VERIFY: &str = "The server's operator must get a certificate that is signed with RSA (2048 bits or \
     more) and SHA-2, with P-256 or P-384 and SHA-256 or SHA-384, or with Ed25519";
const RENEW_IT: &str = "The server's operator must renew it";
const CHECK_THE_CLOCK: &str = "Check this machine's clock";

/// No public authority issues certificates for longer (the CA/Browser Forum's baseline requirements,
/// section 6.3.2).
const LONGEST_LIFETIME: Duration = Duration::from_secs(398 * 24 * 60 * 60);

/// The algorithms and keys that servers use and ring does not support, by their identifiers in DER.
const UNSUPPORTED: [(&[u8], &str); 4] = [
    (b"\x2b\x81\x04\x00\x23", "a P-521 key"),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", "ECDSA and SHA-512"),
    (b"\x2a\x86\x48\xce\x3d\x04\x01", "ECDSA and SHA-1"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "RSA and SHA-1"),
];

/// A description of the fault, and the advice.
type Explanation = (String, &'static str);

/// Returns how a connection failed for this reason, before or after it was established.
pub(in crate::http) fn explain(
    error: &rustls::Error,
    is_connecting: bool,
    authorities: Option<&Authorities>,
) -> (TransportFailure, Cause) {
    let (failure, explanation) = match error {
        rustls::Error::InvalidCertificate(reason) => (
            TransportFailure::Certificate,
            certificate(reason, authorities),
        ),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) if is_connecting => {
            (TransportFailure::NotTls, None)
        }
        // The server would send these alerts again (RFC 8446 section 6.2).
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion,
        ) => (TransportFailure::Incompatible, None),
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => (
            TransportFailure::Incompatible,
            Some((
                "the server does not know this name".to_owned(),
                "Check the server's name in the URL",
            )),
        ),
        // We have no certificate, so the server complains about that. With TLS 1.3 this comes after
        // the handshake, before the server reads the request.
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied,
        ) => (
            TransportFailure::Incompatible,
            Some((
                "the server requires a client certificate".to_owned(),
                "Client certificates are not supported. Ask the server's operator for an address that requires none",
            )),
        ),
        _ if is_connecting => (TransportFailure::Handshake, None),
        _ => (TransportFailure::Broken, None),
    };
    let cause = match explanation {
        Some((message, advice)) => Cause::with_advice(&message, advice),
        None => Cause::innermost(error),
    };
    (failure, cause)
}

fn certificate(
    reason: &CertificateError,
    authorities: Option<&Authorities>,
) -> Option<Explanation> {
    Some(match reason {
        CertificateError::UnknownIssuer => authorities?.none_issued_it(),
        CertificateError::ExpiredContext { time, not_after } => expired(*time, *not_after),
        CertificateError::NotValidYetContext { time, not_before } => (
            format!(
                "it is valid from {}, and this machine's clock says {}",
                date(*not_before),
                date(*time)
            ),
            CHECK_THE_CLOCK,
        ),
        // From the verifier of Windows, or for a certificate that ends before it begins.
        CertificateError::Expired => (
            format!(
                "it has expired; this machine's clock says {}",
                date(UnixTime::now())
            ),
            RENEW_IT,
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            if presented.is_empty() {
                (
                    format!(
                        "it does not have {expected} in subjectAltName, and a name in CN does not count"
                    ),
                    "The server's operator must get a certificate with this name in subjectAltName",
                )
            } else {
                let names: Vec<&str> = presented.iter().map(|name| without_type(name)).collect();
                (
                    format!("it is not for {expected}, only for {}", names.join(", ")),
                    "Check the server's name in the URL. If it is right, the server's operator must get a certificate \
                     with this name in subjectAltName",
                )
            }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            "it is not for servers".to_owned(),
            "The server's operator must get a certificate with the extended key usage serverAuth",
        ),
        CertificateError::BadSignature => (
            "its signature does not fit its authority's key, or that is an RSA key of less than 2048 bits"
                .to_owned(),
            "If the authority has a new certificate, put that into the file that SSL_CERT_FILE names",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id,
            ..
        } => (unsupported(signature_algorithm_id), WHAT_WE_VERIFY),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            public_key_algorithm_id,
            ..
        } => (unsupported(public_key_algorithm_id), WHAT_WE_VERIFY),
        CertificateError::Other(other) => match other.0.downcast_ref()? {
            webpki::Error::CaUsedAsEndEntity => (
                "it is an authority's certificate (CA:TRUE), which a server must not use"
                    .to_owned(),
                "The server's operator must create another one. For openssl req -x509, add -addext \
                 basicConstraints=critical,CA:FALSE",
            ),
            webpki::Error::UnsupportedCertVersion => (
                "it is an X.509 version 1 certificate".to_owned(),
                "The server's operator must get one of version 3, with the server's name in subjectAltName",
            ),
            _ => return None,
        },
        _ => return None,
    })
}

/// Explains an expired certificate. Its operator would have replaced it within its longest lifetime,
/// so after that the clock is more likely wrong than the certificate.
fn expired(time: UnixTime, not_after: UnixTime) -> Explanation {
    let age = Duration::from_secs(time.as_secs().saturating_sub(not_after.as_secs()));
    let advice = if age > LONGEST_LIFETIME {
        CHECK_THE_CLOCK
    } else {
        RENEW_IT
    };
    let message = format!(
        "it expired on {}, and this machine's clock says {}",
        date(not_after),
        date(time)
    );
    (message, advice)
}

/// Formats a time as in HTTP (RFC 9110 section 5.6.7), which ends with the year 9999.
fn date(time: UnixTime) -> String {
    const LAST: u64 = 253_402_300_799;
    let time = Duration::from_secs(time.as_secs().min(LAST));
    httpdate::fmt_http_date(UNIX_EPOCH + time)
}

/// Takes the name out of webpki's notation, such as `DnsName("example.com")`.
fn without_type(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, name)| name.strip_suffix(')'))
        .map_or(name, |name| name.trim_matches('"'))
}

/// Says that ring does not support the algorithm or key with this identifier.
fn unsupported(identifier: &[u8]) -> String {
    let name = UNSUPPORTED
        .into_iter()
        .find(|(known, _)| identifier.ends_with(known))
        .map_or("an algorithm", |(_, name)| name);
    format!("it is signed with {name}, which we do not support")
}
