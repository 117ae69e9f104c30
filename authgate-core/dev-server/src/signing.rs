//! Signed tokens: JSON Web Tokens (RFC 7519) under HS256, which is AuthGate's default.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{digest, hmac, rand::SystemRandom};
use serde_json::{Value, json};

/// The algorithm's name in a token's header and in discovery (RFC 7518 section 3.1).
pub(crate) const ALGORITHM: &str = "HS256";

/// A secret key that the server creates when it starts.
pub(crate) struct SigningKey(hmac::Key);

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, ring::error::Unspecified> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map(Self)
    }

    /// Signs the claims as a JWT in compact form (RFC 7515 section 7.1).
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": ALGORITHM, "typ": "JWT" });
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Returns the SHA-256 hash in base64url: the transformation `S256` of RFC 7636 section 4.2.
pub(crate) fn sha256(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, data))
}

/// Returns the left half of the SHA-256 hash in base64url: `at_hash` (OpenID Connect Core section
/// 3.1.3.6).
pub(crate) fn sha256_left_half(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, data).as_ref()[..16])
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
