//! Unguessable values.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Returns 256 random bits as text: codes, tokens, session cookies.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// Returns a user code that a person can read aloud and type: `XXXX-XXXX` without `I`, `O`, `0` and
/// `1` (RFC 8628 section 6.1).
pub(crate) fn user_code() -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let letters = bytes::<8>().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let (first, second) = letters.split_at(4);
    first.iter().chain(&['-']).chain(second).collect()
}

fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let filled = SystemRandom::new().fill(&mut bytes);
    assert!(filled.is_ok(), "the operating system gave no random bytes");
    bytes
}
