//! The client's credentials, and how it sends them.

use crate::error::{Error, Result};
use crate::text;

/// How a confidential client sends its secret (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_id` and `client_secret` in the form: `client_secret_post`.
    Body,
    /// An `Authorization: Basic` header, form-encoded: `client_secret_basic`.
    Basic,
}

/// Refuses an ID or a secret, given as `name`, that was copied together with a line break, a blank
/// or an invisible character. RFC 6749 appendix A allows visible ASCII and blanks only. We let other
/// letters pass, because some servers accept them.
pub(crate) fn check_credential(name: &str, value: &str) -> Result<()> {
    let problem = if value.trim() != value {
        "begins or ends with a blank or a line break"
    } else if text::has_hidden_characters(value) {
        "contains a control character or an invisible character"
    } else {
        return Ok(());
    };
    Err(Error::permanent(format!("{name} {problem}. Remove it")))
}
