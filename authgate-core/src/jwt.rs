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
    let payload = token.expose().split('.').nth(1)?.trim_end_matches('=');
    let claims = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?);
    let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
    claims.get(name)?.as_str().map(str::to_owned)
}
