//! Reads a JSON Web Token (RFC 7519) without verifying it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Returns a claim of a JWT; `None` if the token is not a JWT or the claim is not a string.
///
/// The claim is unverified, because AuthGate signs with a key that clients do not have. Use it only
/// for *not* doing something, such as sending a token to a server other than the one that it names.
pub(crate) fn unverified_claim(token: &Secret, name: &str) -> Option<String> {
    claims(token)?.get(name)?.as_str().map(str::to_owned)
}

/// Returns a time claim of a JWT, in seconds since 1970, as unverified as any other.
#[cfg(feature = "login")]
pub(crate) fn unverified_time(token: &Secret, name: &str) -> Option<u64> {
    claims(token)?.get(name)?.as_u64()
}

fn claims(token: &Secret) -> Option<Map<String, Value>> {
    let payload = token.expose().split('.').nth(1)?.trim_end_matches('=');
    let claims = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
    serde_json::from_slice(&claims).ok()
}
