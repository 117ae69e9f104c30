//! Decides which certificate authorities we trust, and explains failures. rustls does the
//! verification itself.

#[cfg(not(any(target_os = "macos", windows)))]
mod authorities;
mod failure;
mod pem;
#[cfg(any(target_os = "macos", windows))]
mod platform;

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::error::{Cause, Error, Result};

#[cfg(not(any(target_os = "macos", windows)))]
pub(super) use authorities::Authorities;
pub(super) use failure::explain;
#[cfg(any(target_os = "macos", windows))]
pub(super) use platform::Authorities;

const UNKNOWN_ISSUER: &str = "If a private authority issued it, name that authority's certificate file in \
     SSL_CERT_FILE. If a public one did, the server's operator must make the server send its intermediate certificates";

/// Builds the configuration for connections without encryption: it reads no file and trusts nobody.
pub(super) fn without_roots() -> Result<ClientConfig> {
    Ok(builder()?
        .with_root_certificates(RootCertStore::empty())
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
