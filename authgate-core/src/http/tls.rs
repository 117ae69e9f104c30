//! Decides which certificate authorities we trust. rustls does the verification itself.

#[cfg(not(any(target_os = "macos", windows)))]
mod authorities;

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::error::{Cause, Error, Result};

const MALFORMED_PEM: &str = "malformed PEM, perhaps with the characters \\n for line breaks";

/// Builds the configuration for connections without encryption: it reads no file and trusts nobody.
pub(super) fn trusting_nobody() -> Result<ClientConfig> {
    Ok(builder()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// Builds the configuration for https: it trusts the authorities in `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` if set, otherwise the system's.
#[cfg(not(any(target_os = "macos", windows)))]
pub(super) fn trusting_the_system() -> Result<ClientConfig> {
    Ok(builder()?
        .with_root_certificates(authorities::read()?)
        .with_no_client_auth())
}

/// Builds the configuration for https: it uses the platform's verifier and also trusts the
/// authorities in `SSL_CERT_FILE`.
#[cfg(any(target_os = "macos", windows))]
pub(super) fn trusting_the_system() -> Result<ClientConfig> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::{self, PemObject};
    use rustls_platform_verifier::Verifier;

    let mut extra_roots = Vec::new();
    if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
        if std::fs::metadata(&file).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::permanent(
                "SSL_CERT_FILE does not name a regular file",
            ));
        }
        // We do not show the parser's message, because it quotes the file, which may hold a private
        // key.
        let unreadable = |error: pem::Error| {
            let reason = match error {
                pem::Error::Io(error) => Cause::innermost(&error).to_string(),
                _ => MALFORMED_PEM.to_owned(),
            };
            Error::permanent(format!("SSL_CERT_FILE: {reason}"))
        };
        for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
            extra_roots.push(certificate.map_err(unreadable)?);
        }
    }
    let verifier = Verifier::new_with_extra_roots(extra_roots, Arc::new(ring::default_provider()))
        .map_err(|error| unusable(&error))?;
    // The platform's verifier comes from the rustls project, and rustls takes it in no other way.
    Ok(builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Passes the cryptography provider explicitly, because a library must not install a default for
/// the whole process.
fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))
}

fn unusable(error: &rustls::Error) -> Error {
    Error::permanent(format!("cannot set up TLS: {}", Cause::innermost(error)))
}
