//! The `Authorization` header that carries a token.

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret::Secret;

const SCHEME: &[u8] = b"Bearer ";

/// Builds the `Authorization` header for a token (RFC 6750 section 2.1). The header is marked so
/// that no log shows it, and is wiped from memory when its last clone is dropped.
pub(crate) fn bearer(access_token: &Secret) -> Result<HeaderValue> {
    let token = access_token.expose().as_bytes();
    let mut text = Zeroizing::new(Vec::with_capacity(SCHEME.len() + token.len()));
    text.extend_from_slice(SCHEME);
    text.extend_from_slice(token);
    let mut header =
        HeaderValue::from_maybe_shared(Bytes::from_owner(Text(text))).map_err(|_| {
            Error::permanent("the access token has characters that a header cannot carry")
        })?;
    header.set_sensitive(true);
    Ok(header)
}

/// The text of a header. All clones of a header share one counter, which is allocated beside the
/// text. The alignment puts it on cache lines of its own, so that counting the clones of one header
/// does not slow down those of another.
#[repr(align(128))]
struct Text(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
