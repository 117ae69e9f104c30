//! Signed tokens: JSON Web Tokens (RFC 7519) under HS256 or ES256.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest, hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

/// The algorithm of the server's signatures (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256, AuthGate's default: there is no public key, and discovery names no
    /// `jwks_uri`.
    #[default]
    Hs256,
    /// ECDSA on P-256 with SHA-256: the public key is at `jwks_uri`.
    Es256,
}

impl SigningAlgorithm {
    /// The name in a token's header and in discovery.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A key that was made when the server started and is gone when it ends.
pub(crate) enum SigningKey {
    Hs256(hmac::Key),
    Es256(EcdsaKeyPair),
}

impl SigningKey {
    pub(crate) fn generate(algorithm: SigningAlgorithm) -> Result<Self, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match algorithm {
            SigningAlgorithm::Hs256 => hmac::Key::generate(hmac::HMAC_SHA256, &random).map(Self::Hs256),
            SigningAlgorithm::Es256 => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
                    .map(Self::Es256)
                    .map_err(|_| ring::error::Unspecified)
            }
        }
    }

    pub(crate) fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::Hs256(_) => SigningAlgorithm::Hs256,
            Self::Es256(_) => SigningAlgorithm::Es256,
        }
    }

    /// The claims as a JWT in compact form (RFC 7515 section 7.1).
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = json!({ "alg": self.algorithm().name(), "typ": "JWT" });
        if let Some(key_id) = self.key_id() {
            header["kid"] = key_id.into();
        }
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public keys (RFC 7517 section 5): none under HS256, whose key is secret.
    pub(crate) fn key_set(&self) -> Value {
        let Self::Es256(key) = self else {
            return json!({ "keys": [] });
        };
        // An uncompressed point: 0x04, then x and y of 32 bytes each.
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        json!({ "keys": [{
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": self.algorithm().name(),
            "kid": self.key_id(),
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }

    fn key_id(&self) -> Option<String> {
        match self {
            Self::Hs256(_) => None,
            Self::Es256(key) => Some(sha256(key.public_key().as_ref())),
        }
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Hs256(key) => hmac::sign(key, message).as_ref().to_vec(),
            Self::Es256(key) => {
                let signature = key.sign(&SystemRandom::new(), message);
                assert!(signature.is_ok(), "the operating system gave no random bytes");
                signature.map_or_else(|_| Vec::new(), |bytes| bytes.as_ref().to_vec())
            }
        }
    }
}

/// SHA-256 in base64url: key ids, and the transformation `S256` of RFC 7636 section 4.2.
pub(crate) fn sha256(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, data))
}

/// The left half of SHA-256 in base64url: `at_hash` (OpenID Connect Core section 3.1.3.6).
pub(crate) fn sha256_left_half(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, data).as_ref()[..16])
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
