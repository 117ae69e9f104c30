//! Tokens, and how long they are good for.

use std::time::Duration;

use crate::clock::Moment;
use crate::secret::Secret;

/// A token as the token endpoint granted it (RFC 6749 section 5.1).
///
/// `Debug` shows no secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Token {
    /// What opens the API: visible ASCII, never empty.
    pub access_token: Secret,
    /// What gets the next token without a person, if the server gave one.
    pub refresh_token: Option<Secret>,
    /// The OpenID Connect ID token, if `openid` was granted. Its signature is not checked here.
    pub id_token: Option<Secret>,
    /// Always `Bearer`: a token of any other type is refused.
    pub token_type: String,
    /// The granted scopes, separated by spaces, where the server named them; else those asked for.
    pub scope: Option<String>,
    /// When the request for it was about to be sent.
    pub obtained: Moment,
    /// How long it is good for from then on; `None` when the server did not say.
    pub lifetime: Option<Duration>,
}

/// Whether a token can be used, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The server did not say how long it is good for: use it until it is refused.
    Unlimited,
    /// Good for this long.
    Fresh(Duration),
    /// Still good for this long, but within the margin: it is time to renew it.
    Expiring(Duration),
    /// Expired this long ago.
    Expired(Duration),
}

impl Token {
    /// How fresh the token is at `now`, when it is to be renewed `margin` before it expires.
    ///
    /// Expiry counts from before the request was sent by the client's own clock: neither the
    /// network's delay nor a wrong date on either side makes an expired token look fresh.
    pub fn freshness(&self, now: Moment, margin: Duration) -> Freshness {
        let Some(lifetime) = self.lifetime else {
            return Freshness::Unlimited;
        };
        let age = now.since(self.obtained);
        match lifetime.saturating_sub(age) {
            Duration::ZERO => Freshness::Expired(age.saturating_sub(lifetime)),
            remaining if remaining > margin => Freshness::Fresh(remaining),
            remaining => Freshness::Expiring(remaining),
        }
    }

    /// Keeps what an answer to a refresh leaves out: the refresh token stays valid then, the scope is
    /// the same (RFC 6749 sections 5.1 and 6), and the person too.
    #[must_use]
    pub(crate) fn or_from(mut self, previous: &Self) -> Self {
        self.refresh_token = self.refresh_token.or_else(|| previous.refresh_token.clone());
        self.scope = self.scope.or_else(|| previous.scope.clone());
        self.id_token = self.id_token.or_else(|| previous.id_token.clone());
        self
    }

    /// A server that says nothing of the scope has granted what was asked for (RFC 6749 section 5.1).
    #[must_use]
    pub(crate) fn or_asked_for(mut self, scopes: &[String]) -> Self {
        if self.scope.is_none() && !scopes.is_empty() {
            self.scope = Some(scopes.join(" "));
        }
        self
    }

    /// The scopes of `requested` that the token lacks; none when the server did not name any.
    ///
    /// A server may grant less than was asked for, and says so only here (RFC 6749 section 3.3).
    pub fn missing_scopes<'a>(&self, requested: &'a [String]) -> Vec<&'a str> {
        let granted: Vec<&str> = match &self.scope {
            Some(scope) => scope.split(' ').collect(),
            None => return Vec::new(),
        };
        requested.iter().map(String::as_str).filter(|scope| !granted.contains(scope)).collect()
    }
}
