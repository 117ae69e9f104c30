//! Tokens in their stored form, for the tests and for the helper program.

use authgate_core::Secret;
use authgate_core::test_util::StoredToken;

pub(crate) const CLIENT: &str = "client-1";
pub(crate) const ISSUER: &str = "https://auth.example.com";

/// Creates a token with values derived from `number`, which is also its order in time.
pub(crate) fn token(number: u64) -> StoredToken {
    let mut token = StoredToken::new(Secret::from(format!("access-{number}")));
    token.refresh_token = Some(Secret::from(format!("refresh-{number}")));
    token.expires_at = Some(2_000_000_000 + number);
    token.issuer = Some(ISSUER.to_owned());
    token.scope = Some("openid profile".to_owned());
    token.id_token = Some(Secret::from("id-token"));
    token
}

/// The token on one line, secrets included, with a dash for each part that it does not have.
#[cfg_attr(
    windows,
    allow(dead_code, reason = "there only the helper program has it")
)]
pub(crate) fn line(token: &StoredToken) -> String {
    let secret = |part: &Option<Secret>| part.as_ref().map(|secret| secret.expose().to_owned());
    let parts = [
        Some(token.access_token.expose().to_owned()),
        secret(&token.refresh_token),
        token.expires_at.map(|seconds| seconds.to_string()),
        token.issuer.clone(),
        token.scope.clone(),
        secret(&token.id_token),
    ];
    parts
        .map(|part| part.unwrap_or_else(|| "-".to_owned()))
        .join(" ")
}
