//! Values that must not be seen: they cannot print themselves, and their memory is wiped on drop.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How much of a token is shown: as much as the other clients show, and too little to use one.
const SHOWN_CHARACTERS: usize = 8;

/// A client secret, a token, a code: anything that grants access to whoever holds it.
///
/// It has no `Display`, its `Debug` is redacted, `==` takes the same time wherever the difference
/// lies, and the memory is overwritten when it is dropped (best effort: a copy that the HTTP stack
/// or the kernel makes is out of reach).
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
    /// The value itself. Every use is a place where it could leak: keep them few.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value, shortened by [`mask`] for people to see.
    pub fn masked(&self) -> String {
        mask(Some(self))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a header can carry it as a token: visible ASCII only (RFC 6750 section 2.1).
    pub(crate) fn is_visible_ascii(&self) -> bool {
        // Not `all`, which stops at the first other character and so looks at one at a time.
        self.0.bytes().fold(true, |is_visible, byte| is_visible & byte.is_ascii_graphic())
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

/// Shortens a token for display: its first 8 characters and `...`, or `****` when it has no more
/// than that, or when there is none.
///
/// This is the only place that decides how much of a token is shown.
///
/// ```
/// use authgate_core::{Secret, mask};
///
/// assert_eq!(mask(Some(&Secret::from("eyJhbGciOiJIUzI1NiJ9"))), "eyJhbGci...");
/// assert_eq!(mask(Some(&Secret::from("12345678"))), "****");
/// assert_eq!(mask(None), "****");
/// ```
pub fn mask(secret: Option<&Secret>) -> String {
    let value = secret.map_or("", Secret::expose);
    match value.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", crate::text::printable(&value[..end])),
        None => "****".to_owned(),
    }
}
