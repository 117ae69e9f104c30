//! Values that must stay secret: they cannot print themselves, and their memory is wiped on drop.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How many characters of a token we show: as many as the other clients, and too few to use it.
const SHOWN_CHARACTERS: usize = 8;

/// A client secret, a token or a code: anything that grants access to its holder.
///
/// It has no `Display`, its `Debug` is redacted, `==` takes the same time wherever two values
/// differ, and its memory is overwritten on drop (best effort: we cannot reach a copy that the HTTP
/// stack or the kernel makes).
///
/// ```
/// use authgate_core::Secret;
///
/// let secret = Secret::from("correct horse battery staple");
/// assert_eq!(format!("{secret:?}"), "Secret([redacted])");
/// assert_eq!(secret.expose(), "correct horse battery staple");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Returns the value itself. Each call is a place where the value could leak, so make few
    /// calls.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether the value is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a header can carry the value as a token: visible ASCII only (RFC 6750
    /// section 2.1).
    pub(crate) fn is_visible_ascii(&self) -> bool {
        // We do not use `all`, because it stops at the first other character and so looks at one
        // byte at a time.
        self.0.bytes().fold(true, |is_visible, byte| {
            is_visible & byte.is_ascii_graphic()
        })
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(Zeroizing::new(value))
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::from(value.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret([redacted])")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

/// Shortens a token for display to its first 8 characters and `...`. Returns `****` if the token
/// has at most 8 characters, or if there is no token.
///
/// Only this function decides how much of a token is shown.
///
/// ```
/// use authgate_core::{Secret, mask};
///
/// assert_eq!(mask(&Secret::from("eyJhbGciOiJIUzI1NiJ9")), "eyJhbGci...");
/// assert_eq!(mask(&Secret::from("12345678")), "****");
/// assert_eq!(mask(None), "****");
/// ```
pub fn mask<'a>(secret: impl Into<Option<&'a Secret>>) -> String {
    let value = secret.into().map_or("", Secret::expose);
    match value.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", crate::text::printable(&value[..end])),
        None => "****".to_owned(),
    }
}
