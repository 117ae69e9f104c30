//! Lets the platform decide which certificate authorities we trust.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

use super::pem;
use crate::error::{Cause, Error, Result};

/// The authorities in `SSL_CERT_FILE`. The platform's verifier adds the platform's own.
pub(in crate::http) struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    pub(in crate::http) fn read() -> Result<Self> {
        let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) else {
            return Ok(Self(Vec::new()));
        };
        let file = Path::new(&file);
        if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::permanent(
                "SSL_CERT_FILE does not name a regular file",
            ));
        }
        let content = std::fs::read(file).map_err(|error| {
            Error::permanent(format!("SSL_CERT_FILE: {}", Cause::innermost(&error)))
        })?;
        pem::certificates(&content)
            .into_iter()
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|reason| Error::permanent(format!("SSL_CERT_FILE: {reason}")))
    }

    /// Builds the configuration for https: it uses the platform's verifier and also trusts these
    /// authorities.
    pub(in crate::http) fn configuration(&self) -> Result<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(self.0.clone(), provider)
            .map_err(|error| super::unusable(&error))?;
        // The platform's verifier comes from the rustls project, and rustls takes it in no other way.
        Ok(super::builder()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    }

    /// Returns whether these are the same authorities.
    pub(in crate::http) fn are_the_same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Says that none of these authorities issued a certificate, and what to do.
    #[allow(
        clippy::unused_self,
        reason = "other systems name the file that they read"
    )]
    pub(super) fn none_issued_it(&self) -> (String, &'static str) {
        (
            "this machine does not know its issuer".to_owned(),
            super::UNKNOWN_ISSUER,
        )
    }
}
