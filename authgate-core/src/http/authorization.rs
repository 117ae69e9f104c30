//! The `Authorization` header, which carries a token or the client's secret.

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Builds the header for a token (RFC 6750 section 2.1).
pub(crate) fn bearer(access_token: &Secret) -> Result<HeaderValue> {
    authorization("Bearer", access_token.expose())
}

/// Builds the header. It is marked so that no log shows it, and is wiped from memory when its last
/// clone is dropped.
pub(crate) fn authorization(scheme: &str, credentials: &str) -> Result<HeaderValue> {
    let mut text = Zeroizing::new(Vec::with_capacity(scheme.len() + 1 + credentials.len()));
    for part in [scheme, " ", credentials] {
        text.extend_from_slice(part.as_bytes());
    }
    let text = Bytes::from_owner(Text(text));
    let mut header = HeaderValue::from_maybe_shared(text).map_err(|_| {
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
