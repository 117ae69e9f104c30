//! Logs a person out, at the server and in every store.

use std::slice;

use super::{LoginOptions, Stores, discover, has_issued};
use crate::discovery::Issuer;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{FallbackStore, FoundLogins, StoredToken};

/// The result of [`logout`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Logout {
    /// Whether a login was found. If none was and `not_read` is empty, nobody was logged in.
    pub was_logged_in: bool,
    /// The tokens whose revocation the server has not confirmed, each with the reason. The server
    /// may still accept them.
    pub not_revoked: Vec<(&'static str, Error)>,
    /// The errors of the stores that could not delete the token.
    pub not_deleted: Vec<Error>,
    /// The places that have, or may have, a login that we could not read or understand: a damaged
    /// file, an entry of another kind, a locked keyring. We deleted nothing there.
    pub not_read: Vec<Error>,
}

/// Logs a person out: revokes the tokens of every stored login at the server (RFC 7009), and
/// deletes them. Revokes the refresh token and the access token separately, because revoking one
/// leaves the other valid. Deletes them even if the server does not confirm; the report lists the
/// tokens that it did not confirm.
///
/// Also revokes, and does not delete, the tokens in damaged token files that were set aside.
///
/// A token of an unknown server is deleted and not sent anywhere.
///
/// # Errors
///
/// [`Error::OtherLogin`] when a login of another server is stored, unless
/// [`LoginOptions::replace_other_login`] allows that it is deleted; [`Error::Other`] when another
/// process does not release the lock of the stores. In that case, nothing is revoked or deleted.
pub async fn logout(options: LoginOptions) -> Result<Logout> {
    let stores = Stores::new(&options);
    let server = Issuer::new(&options.authgate_url);
    // Hold the lock only while we read and delete, because the server may be slow to revoke.
    let FoundLogins {
        mut stored,
        set_aside,
        unread,
    } = stores.lock().await?.run(FallbackStore::find_all).await;
    options.refuse_to_replace(&server, &stored)?;
    let mut logout = Logout {
        was_logged_in: !stored.is_empty() || !set_aside.is_empty(),
        not_revoked: Vec::new(),
        not_deleted: Vec::new(),
        not_read: unread,
    };
    let mut revoked: Vec<StoredToken> = Vec::new();
    let mut next = set_aside;
    next.extend(stored.iter().map(|login| login.token.clone()));
    while !next.is_empty() {
        logout.not_revoked.extend(revoke_all(&options, &next).await);
        revoked.append(&mut next);

        let _deleting = options.in_flight.enter();
        let locked = stores.lock_if_possible().await;
        for login in &stored {
            logout.not_deleted.extend(locked.delete(login).await);
        }
        let found = locked.run(FallbackStore::find_all).await.stored;
        let (remaining, new): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|login| revoked.iter().any(|old| old.is_same_grant(&login.token)));
        // The other lists name such a store already.
        if !remaining.is_empty() && logout.not_deleted.is_empty() && logout.not_read.is_empty() {
            logout.not_deleted.push(Error::transient(
                "a store reported that it deleted the login, and still has it",
            ));
        }
        // Another process may have refreshed before we revoked. Its login ends too.
        stored = new;
        stored.retain(|login| {
            options
                .refuse_to_replace(&server, slice::from_ref(login))
                .is_ok()
        });
        next.extend(stored.iter().map(|login| login.token.clone()));
    }
    Ok(logout)
}

/// Revokes these tokens. Returns those that were not revoked, and why.
async fn revoke_all(options: &LoginOptions, found: &[StoredToken]) -> Vec<(&'static str, Error)> {
    let server = Issuer::new(&options.authgate_url);
    let (ours, others): (Vec<_>, Vec<_>) =
        found.iter().partition(|token| has_issued(&server, token));
    let mut not_revoked = Vec::new();
    for token in others {
        for (name, _) in tokens(token) {
            not_revoked.push((name, other_server(token.issuer.as_deref())));
        }
    }
    if ours.is_empty() {
        return not_revoked;
    }
    let client = discover(options).await;
    for (name, token) in ours.into_iter().flat_map(tokens) {
        let revoked = match &client {
            Ok(client) => client.revoke(token).await,
            Err(error) => Err(error.clone()),
        };
        not_revoked.extend(revoked.err().map(|error| (name, error)));
    }
    not_revoked
}

/// Returns the refresh token first, because its holder can get further access tokens.
fn tokens(stored: &StoredToken) -> impl Iterator<Item = (&'static str, &Secret)> {
    let refresh_token = stored
        .refresh_token
        .as_ref()
        .map(|token| ("refresh token", token));
    refresh_token
        .into_iter()
        .chain([("access token", &stored.access_token)])
}

fn other_server(issuer: Option<&str>) -> Error {
    Error::permanent(match issuer {
        Some(issuer) => format!(
            "the login is for {}, another server",
            crate::text::excerpt(issuer, 200)
        ),
        None => "the login does not say which server it is for".to_owned(),
    })
}
