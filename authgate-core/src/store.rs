//! Where a person's tokens are kept from one run to the next.
//!
//! The places are shared with AuthGate's other clients: whoever is logged in with one of them is
//! logged in with all. [`FallbackStore`] is what a program wants; the others are its parts.

mod document;
mod fallback;
mod file;
mod format;
mod keyring;
mod lock;
mod memory;
mod notice;
mod object;
mod own_file;
mod peer_lock;

use std::time::{Duration, SystemTime};

use crate::clock::Moment;
use crate::error::Result;
use crate::secret::Secret;
use crate::token::Token;

pub use fallback::{FallbackStore, Kept};
pub use file::FileStore;
pub use keyring::KeyringStore;
pub use lock::{LoginGuard, LoginLock};
pub use memory::MemoryStore;
pub use notice::Notice;

/// The largest number that every reader of the file takes for the same one: Python and jq read
/// numbers as floating point.
const LARGEST_WHOLE_NUMBER: u64 = (1 << 53) - 1;

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// A place that keeps one token for each client ID.
///
/// Blocking by design: a file is locked and synced, a keyring may wait for a person. In async code
/// call it through `tokio::task::spawn_blocking`.
///
/// # Errors
///
/// [`Error::Store`](crate::Error::Store) where the place cannot be used; its text says why and what
/// to do. An entry that cannot be understood is no error but no token.
pub trait TokenStore: Send + Sync {
    /// The token kept for `client_id`, if there is one that can be read.
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>>;

    /// Keeps `token` for `client_id` in place of the one before. When it returns, the token is on
    /// the disk.
    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()>;

    /// Forgets the token of `client_id`; fine when there is none.
    fn delete(&self, client_id: &str) -> Result<()>;

    /// Puts `new` in the place of `old`, or nothing, if `old` is still what is kept; whether it was.
    ///
    /// Another client may have put a token of its own there meanwhile, which must not be lost.
    fn replace(&self, client_id: &str, old: &StoredToken, new: Option<&StoredToken>) -> Result<bool> {
        let still_stands = self.load(client_id)?.is_some_and(|current| current.is_same_grant(old));
        match new {
            Some(new) if still_stands => self.save(client_id, new)?,
            None if still_stands => self.delete(client_id)?,
            _ => {}
        }
        Ok(still_stands)
    }

    /// Finds out, as far as that can be told without a save, whether a token could be saved now,
    /// before something is given up for it that cannot be had again.
    fn get_ready(&self) -> Result<()> {
        Ok(())
    }

    /// What a person calls this place, such as `file /home/ada/.authgate-tokens.json`.
    fn description(&self) -> String;

    /// What the user should be told since the last call; each thing is told once.
    fn take_notices(&self) -> Vec<Notice> {
        Vec::new()
    }
}

/// A token as it is kept, with what must be known about it in another run.
///
/// `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredToken {
    /// What opens the API: visible ASCII, never empty.
    pub access_token: Secret,
    /// What gets the next token without a person.
    pub refresh_token: Option<Secret>,
    /// Always some spelling of `Bearer`.
    pub token_type: String,
    /// When it expires, in seconds since 1970 by the wall clock; `None` when that is unknown.
    pub expires_at: Option<u64>,
    /// Who issued it. A token of another issuer, or of an unknown one, must not be sent anywhere.
    pub issuer: Option<String>,
    /// The granted scopes, separated by spaces.
    pub scope: Option<String>,
    /// The OpenID Connect ID token.
    pub id_token: Option<Secret>,
}

impl StoredToken {
    /// A Bearer token of which nothing else is known; fill in the rest.
    pub fn new(access_token: Secret) -> Self {
        Self {
            access_token,
            refresh_token: None,
            token_type: "Bearer".to_owned(),
            expires_at: None,
            issuer: None,
            scope: None,
            id_token: None,
        }
    }

    /// The token as `issuer` granted it, to be kept. `now` and `wall` are the same instant by the
    /// clock that `token` was obtained by and by the wall clock, which is all that means anything
    /// to another run.
    pub fn from_token(token: &Token, issuer: &str, now: Moment, wall: SystemTime) -> Self {
        let expires_at = token.lifetime.map(|lifetime| {
            let remaining = lifetime.saturating_sub(now.since(token.obtained));
            // To the nearest: the next run then names the same second as this one.
            let expiry = seconds_since_1970(wall).saturating_add(remaining).saturating_add(HALF_A_SECOND).as_secs();
            // 0 would read as unknown.
            expiry.clamp(1, LARGEST_WHOLE_NUMBER)
        });
        Self {
            access_token: token.access_token.clone(),
            refresh_token: token.refresh_token.clone(),
            token_type: token.token_type.clone(),
            expires_at,
            issuer: Some(issuer.to_owned()),
            scope: token.scope.clone(),
            id_token: token.id_token.clone(),
        }
    }

    /// The token for use in this run, where `now` and `wall` are the same instant by both clocks.
    pub fn into_token(self, now: Moment, wall: SystemTime) -> Token {
        let lifetime =
            self.expires_at.map(|expires_at| Duration::from_secs(expires_at).saturating_sub(seconds_since_1970(wall)));
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

    /// Whether both are the same grant: what else is known about it may differ from place to place.
    fn is_same_grant(&self, other: &Self) -> bool {
        self.access_token == other.access_token && self.refresh_token == other.refresh_token
    }

    /// By which the newest of several tokens of a client is found.
    fn newness(&self) -> Newness {
        self.expires_at.map_or(Newness::Unknown, Newness::ExpiresAt)
    }
}

/// How new a token is; the newest is the greatest.
///
/// One whose expiry is unknown counts as the newest, because only the server can tell what it is
/// worth: it is used until it is refused, and deleted then, which brings up what another store has.
/// The other way round a login that still lives could be passed over, or deleted as the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Newness {
    ExpiresAt(u64),
    Unknown,
}

fn seconds_since_1970(wall: SystemTime) -> Duration {
    wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
