//! Keeps a login at one server.
//!
//! A hostile server may name endpoints of another server in its discovery document. With the other
//! server's authorization endpoint, a person whose browser has a session there would log in without
//! a click, and we would send the code to the hostile token endpoint (a mix-up attack, RFC 9700
//! section 4.4). We therefore accept endpoints at the issuer's own origin only, and at those that
//! the user trusts by name.

use url::{Origin, Url};

use crate::discovery::Metadata;
use crate::error::{Error, Result};
use crate::text;

/// Checks the origin of every endpoint that a login uses.
pub(super) fn check(metadata: &Metadata, trusted: &[Origin]) -> Result<()> {
    let own = metadata.issuer.origin();
    let is_trusted = |url: &Url| {
        let origin = url.origin();
        own.as_ref() == Some(&origin) || trusted.contains(&origin)
    };
    let endpoints = [
        (
            "authorization endpoint",
            metadata.authorization_endpoint.as_ref(),
        ),
        ("token endpoint", Some(&metadata.token_endpoint)),
        (
            "device authorization endpoint",
            Some(&metadata.device_authorization_endpoint),
        ),
        ("userinfo endpoint", metadata.userinfo_endpoint.as_ref()),
        ("revocation endpoint", metadata.revocation_endpoint.as_ref()),
    ];
    for (endpoint, url) in endpoints {
        if let Some(url) = url.filter(|url| !is_trusted(url)) {
            return Err(Error::UntrustedOrigin {
                endpoint,
                origin: text::printable(&url.origin().ascii_serialization()),
                issuer: metadata.issuer.to_string(),
            });
        }
    }
    Ok(())
}
