//! Stores for a person's tokens, which last from one run to the next.
//!
//! AuthGate's other clients share these stores, so a person who logs in with one client is logged
//! in with all of them. Programs use [`FallbackStore`], which combines the other stores.

mod document;
mod fallback;
mod file;
mod format;
mod keyring;
mod lock;
mod object;
mod own_file;
mod peer_lock;
mod salvage;

use std::time::{Duration, SystemTime};

use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::jwt::unverified_time;
use crate::secret::Secret;
use crate::token::Token;

pub use fallback::{FallbackStore, FoundLogins, StoredLogin};
pub use file::FileStore;
pub use keyring::KeyringStore;
pub use lock::{LoginGuard, LoginLock};

/// The largest integer that every reader of the file parses exactly: Python and jq read numbers as
/// floating point.
const LARGEST_WHOLE_NUMBER: u64 = (1 << 53) - 1;

/// A store with one token for each client ID.
///
/// Every method blocks, because files are locked and synced, and a keyring may wait for a person.
/// In async code, call them through `tokio::task::spawn_blocking`.
///
/// # Errors
///
/// [`Error::Other`] when the store cannot be used; its text gives the reason
/// and says what to do. An entry that cannot be parsed is not an error: it counts as no token.
pub trait TokenStore: Send + Sync {
    /// Returns the token stored for `client_id`, or `None` if there is none that can be parsed.
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>>;

    /// Stores `new` in place of the client's token, or deletes the token if `new` is `None`. When
    /// this returns, the change is on the disk.
    ///
    /// With `only_if`, does so only if that grant is still stored, because another client may have
    /// stored its own token in the meantime, and that token must not be lost. Returns whether the
    /// store was free to change it.
    fn put(
        &self,
        client_id: &str,
        only_if: Option<&StoredToken>,
        new: Option<&StoredToken>,
        guard: &LoginGuard,
    ) -> Result<bool>;

    /// Checks, as far as possible without saving, whether a token could be saved now. Call this
    /// before giving up something that cannot be recovered, such as a refresh token.
    fn get_ready(&self, guard: &LoginGuard) -> Result<()> {
        let _ = guard;
        Ok(())
    }

    /// Finds everything that the store has for `client_id`, for a logout. Unlike [`load`], it changes
    /// nothing, and it reports each thing that it cannot read.
    ///
    /// [`load`]: TokenStore::load
    fn find_all(&self, client_id: &str) -> FoundTokens {
        let mut found = FoundTokens::default();
        match self.load(client_id) {
            Ok(token) => found.tokens.extend(token),
            Err(error) => found.unread.push(error),
        }
        found
    }

    /// Returns the store's name for people, such as `file /home/ada/.authgate-tokens.json`.
    fn description(&self) -> String;
}

/// The contents of a store for one client.
#[derive(Debug, Default)]
pub struct FoundTokens {
    /// The tokens. An older one that was not deleted may still work, so there can be several.
    pub tokens: Vec<StoredToken>,
    /// The tokens in copies of the store that were set aside because they were damaged.
    pub set_aside: Vec<StoredToken>,
    /// The reasons why we cannot read or understand something that is there, or may be there. A
    /// logout does not change it.
    pub unread: Vec<Error>,
    /// Whether our own record is there without a token, as another client's logout leaves it. It may
    /// have an ID token.
    pub has_orphan: bool,
    /// Why the store does not exist in this session. It may exist in another one.
    pub no_store: Option<Error>,
}

/// A stored token, with everything that another run must know about it.
///
/// `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredToken {
    /// The access token: visible ASCII, never empty.
    pub access_token: Secret,
    /// The refresh token, which gets the next access token without a person.
    pub refresh_token: Option<Secret>,
    /// `Bearer`, in any mix of upper and lower case.
    pub token_type: String,
    /// When the token expires, in seconds since 1970 by the wall clock; `None` if unknown.
    pub expires_at: Option<u64>,
    /// The authorization server that issued the token. If it is another server, or unknown, the
    /// token must not be sent anywhere.
    pub issuer: Option<String>,
    /// The granted scopes, separated by spaces.
    pub scope: Option<String>,
    /// The OpenID Connect ID token.
    pub id_token: Option<Secret>,
    /// The scopes that the login requested, separated by spaces; `None` if unknown, because another
    /// client saved it. A refresh does not change them.
    pub requested_scope: Option<String>,
    /// The extra parameters that the login requested, form-encoded; `None` without any, or if unknown.
    /// A refresh does not change them.
    pub requested_parameters: Option<String>,
    /// When the person logged in, in seconds since 1970 by the wall clock; `None` if unknown. A
    /// refresh does not change it.
    pub logged_in_at: Option<u64>,
}

impl StoredToken {
    /// Creates a Bearer token with no other details; fill in the rest.
    pub fn new(access_token: Secret) -> Self {
        Self {
            access_token,
            refresh_token: None,
            token_type: "Bearer".to_owned(),
            expires_at: None,
            issuer: None,
            scope: None,
            id_token: None,
            requested_scope: None,
            requested_parameters: None,
            logged_in_at: None,
        }
    }

    /// Converts the token that `issuer` granted to its stored form. `now` and `wall` are the same
    /// instant, by the clock that `token` was obtained by and by the wall clock. Only wall-clock
    /// time means anything to another run.
    pub fn from_token(token: &Token, issuer: &str, now: Moment, wall: SystemTime) -> Self {
        let expires_at = token.lifetime.map(|lifetime| {
            let remaining = lifetime.saturating_sub(now.since(token.obtained));
            // Round to the nearest second, so that the next run shows the same expiry as this one.
            let expiry = seconds_since_1970(wall)
                .saturating_add(remaining)
                .saturating_add(Duration::from_millis(500))
                .as_secs();
            // Readers take 0 to mean unknown.
            expiry.clamp(1, LARGEST_WHOLE_NUMBER)
        });
        Self {
            refresh_token: token.refresh_token.clone(),
            expires_at,
            issuer: Some(issuer.to_owned()),
            scope: token.scope.clone(),
            id_token: token.id_token.clone(),
            ..Self::new(token.access_token.clone())
        }
    }

    /// Converts the stored token for use in this run. `now` and `wall` are the same instant by both
    /// clocks.
    pub fn into_token(self, now: Moment, wall: SystemTime) -> Token {
        let lifetime = self.lifetime(wall);
        Token {
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            id_token: self.id_token,
            token_type: "Bearer".to_owned(),
            scope: self.scope,
            obtained: now,
            lifetime,
        }
    }

    /// Returns how long the token is valid after `wall`, or `None` if unknown.
    pub(crate) fn lifetime(&self, wall: SystemTime) -> Option<Duration> {
        let expires_at = Duration::from_secs(self.expires_at?);
        Some(expires_at.saturating_sub(seconds_since_1970(wall)))
    }

    /// Returns whether both are the same grant. Their other fields may differ from store to store.
    pub(crate) fn is_same_grant(&self, other: &Self) -> bool {
        self.access_token == other.access_token && self.refresh_token == other.refresh_token
    }

    fn newness(&self) -> Newness {
        (
            self.made_at().unwrap_or(UNKNOWN_TIME),
            self.expires_at.unwrap_or(UNKNOWN_TIME),
        )
    }

    /// Returns when the login was made. Another client's entry does not say, so take the time when
    /// its token was issued, if that is a JWT.
    pub(crate) fn made_at(&self) -> Option<u64> {
        self.logged_in_at
            .or_else(|| unverified_time(&self.access_token, "iat"))
    }
}

/// How new a login is: when it was made and when it expires. The newest is the greatest.
///
/// The newest login wins, and not the one that expires last: an older one may be another person's.
type Newness = (u64, u64);

/// Stands for an unknown time, which counts as the newest, because only the server can tell whether
/// such a token still works. We use it until the server refuses it and then delete it, which
/// uncovers the token in another store. If it counted as the oldest, we could skip or delete a login
/// that still works.
const UNKNOWN_TIME: u64 = u64::MAX;

pub(crate) fn seconds_since_1970(wall: SystemTime) -> Duration {
    wall.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
