//! Which certificate authorities are trusted. The verification itself is rustls's.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::error::{Cause, Error, Result};

/// For connections that are never encrypted: reads no file, trusts nobody.
pub(super) fn trusting_nobody() -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// For https: the authorities in `SSL_CERT_FILE` and `SSL_CERT_DIR` if set, else the system's.
#[cfg(not(any(target_os = "macos", windows)))]
pub(super) fn trusting_the_system() -> Result<ClientConfig> {
    use rustls_native_certs::{load_certs_from_paths, load_native_certs};
    use std::path::Path;

    /// Where distributions keep all authorities in one file. Reading it takes a quarter of the
    /// time that the file and the directory beside it take together.
    const BUNDLES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt", // Debian, Arch, Gentoo
        "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
        "/etc/ssl/ca-bundle.pem",             // openSUSE
        "/etc/ssl/cert.pem",                  // Alpine, the BSDs
    ];

    let chosen = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.is_file());
    let loaded = match bundle {
        Some(bundle) if !chosen => load_certs_from_paths(Some(bundle), None),
        _ => load_native_certs(),
    };

    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(loaded.certs);
    if usable == 0 {
        let reason = loaded.errors.first().map_or_else(String::new, |error| format!(" ({})", Cause::innermost(error)));
        return Err(Error::config(format!(
            "no certificate authority to trust was found{reason}: {}",
            if chosen {
                "check the files that SSL_CERT_FILE and SSL_CERT_DIR name"
            } else {
                "install the system's CA certificates (package ca-certificates), or name a bundle in SSL_CERT_FILE"
            }
        )));
    }
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// For https: the platform's verifier, and the authorities in `SSL_CERT_FILE` beside it.
#[cfg(any(target_os = "macos", windows))]
pub(super) fn trusting_the_system() -> Result<ClientConfig> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls_platform_verifier::Verifier;

    let mut extra_roots = Vec::new();
    if let Some(file) = std::env::var_os("SSL_CERT_FILE") {
        let unreadable = |error: rustls::pki_types::pem::Error| {
            Error::config(format!("SSL_CERT_FILE: {}", Cause::innermost(&error)))
        };
        for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
            extra_roots.push(certificate.map_err(unreadable)?);
        }
    }
    let verifier = Verifier::new_with_extra_roots(extra_roots, Arc::new(ring::default_provider()))
        .map_err(|error| unusable(&error))?;
    // The platform's verifier comes from rustls's own project; there is no other way to hand it in.
    Ok(builder()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// The cryptography is handed in: a library does not install a default for the whole process.
fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))
}

fn unusable(error: &rustls::Error) -> Error {
    Error::config(format!("TLS cannot be set up: {}", Cause::innermost(error)))
}
