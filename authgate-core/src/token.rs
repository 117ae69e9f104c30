//! Tokens and their lifetime.

use std::time::Duration;

use serde_json::Value;

use crate::clock::{Clock, Moment, SystemClock};
use crate::secret::Secret;

/// A token as the token endpoint granted it (RFC 6749 section 5.1).
///
/// `Debug` shows no secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Token {
    /// The access token for the API: visible ASCII, never empty.
    pub access_token: Secret,
    /// The refresh token, if the server gave one. It gets the next token without a person.
    pub refresh_token: Option<Secret>,
    /// The OpenID Connect ID token, if `openid` was granted. We do not check its signature.
    pub id_token: Option<Secret>,
    /// Always `Bearer`, because we refuse a token of any other type.
    pub token_type: String,
    /// The granted scopes, separated by spaces, if the server named them; otherwise the requested
    /// ones.
    pub scope: Option<String>,
    /// The moment just before the request for the token was sent.
    pub(crate) obtained: Moment,
    /// How long the token is valid from the request for it on; `None` if the server did not say.
    /// [`Token::expires_in`] tells how much of that is left.
    pub lifetime: Option<Duration>,
}

/// Whether a token can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The token is valid, as far as we know: the server may not say for how long.
    Fresh,
    /// The token is still valid, but within the margin: refresh it now.
    Expiring,
    /// The token has expired.
    Expired,
}

impl Freshness {
    /// Returns how fresh `token` is at `now`, if it is refreshed `margin` before it expires.
    pub fn of(token: &Token, now: Moment, margin: Duration) -> Self {
        Self::new(token.lifetime, now.since(token.obtained), margin)
    }

    pub(crate) fn new(lifetime: Option<Duration>, age: Duration, margin: Duration) -> Self {
        match lifetime.map(|lifetime| lifetime.saturating_sub(age)) {
            Some(Duration::ZERO) => Self::Expired,
            Some(remaining) if remaining <= margin => Self::Expiring,
            _ => Self::Fresh,
        }
    }
}

impl Token {
    /// Returns how long the token is still valid: zero if it has expired, `None` if the server did
    /// not say.
    ///
    /// We count from before the request was sent, by this machine's own clock, so that neither the
    /// network's delay nor a wrong date on either side makes an expired token look fresh.
    pub fn expires_in(&self) -> Option<Duration> {
        let age = SystemClock.now().since(self.obtained);
        self.lifetime.map(|lifetime| lifetime.saturating_sub(age))
    }

    /// Copies from `previous` what the answer to a refresh left out: the refresh token stays valid,
    /// and the scope (RFC 6749 sections 5.1 and 6) and the person are the same.
    #[must_use]
    pub(crate) fn or_from(mut self, previous: &Self) -> Self {
        self.refresh_token = self
            .refresh_token
            .or_else(|| previous.refresh_token.clone());
        self.scope = self.scope.or_else(|| previous.scope.clone());
        self.id_token = self.id_token.or_else(|| previous.id_token.clone());
        self
    }

    /// Sets the scope to `scopes` if the server named none, because it then granted what we asked
    /// for (RFC 6749 section 5.1).
    #[must_use]
    pub(crate) fn or_asked_for(mut self, scopes: &[String]) -> Self {
        if self.scope.is_none() && !scopes.is_empty() {
            self.scope = Some(scopes.join(" "));
        }
        self
    }

    /// Returns the scopes of `requested` that the token lacks; none if the server did not name any.
    ///
    /// A server may grant less than we asked for, and says so only here (RFC 6749 section 3.3).
    pub fn missing_scopes<'a>(&self, requested: &'a [String]) -> Vec<&'a str> {
        match &self.scope {
            Some(granted) => missing_scopes(granted, requested),
            None => Vec::new(),
        }
    }
}

/// Returns the scopes of `requested` that `granted` lacks.
pub(crate) fn missing_scopes<'a>(granted: &str, requested: &'a [String]) -> Vec<&'a str> {
    let granted: Vec<&str> = scopes_in(granted).collect();
    requested
        .iter()
        .flat_map(|scopes| scopes_in(scopes))
        .filter(|scope| !granted.contains(scope))
        .collect()
}

/// Reads the member `scope` of an answer; `None` if it names no scopes. Returns them separated by
/// spaces, as RFC 6749 section 3.3 writes them. Some servers write commas or an array instead.
pub(crate) fn read_scope(value: &Value) -> Option<String> {
    let joined = |text: &str| scopes_in(text).collect::<Vec<_>>().join(" ");
    match value {
        Value::String(text) => Some(joined(text)).filter(|scopes| !scopes.is_empty()),
        // An empty array says that nothing was granted.
        Value::Array(scopes) => {
            let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
            Some(joined(&scopes.join(" ")))
        }
        _ => None,
    }
}

fn scopes_in(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',']).filter(|scope| !scope.is_empty())
}
