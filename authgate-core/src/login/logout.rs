//! Logging a person out: at the server, and wherever the token is kept.

use super::{Login, LoginOptions, Stores};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{FallbackStore, StoredToken};

/// What came of [`logout`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Logout {
    /// Whether anybody was logged in.
    pub was_logged_in: bool,
    /// What the server has not confirmed, each with the reason: it may still accept that token.
    pub not_revoked: Vec<(&'static str, Error)>,
    /// Where the token could not be deleted, each with the reason.
    pub not_deleted: Vec<Error>,
}

/// Logs a person out: gives the tokens of every stored login back to the server (RFC 7009), refresh
/// and access token each on its own because revoking one leaves the other alive, and deletes them. Deleting does not
/// wait for the server's word: what it did not confirm is in the report.
///
/// The token of another server, or of an unknown one, is deleted and not sent anywhere.
///
/// # Errors
///
/// [`Error::Store`] when another process does not let go of the stores; nothing is done then.
pub async fn logout(options: LoginOptions) -> Result<Logout> {
    let stores = Stores::new(&options);
    let _guard = stores.lock().await?;

    let found = stores.run(FallbackStore::load_all).await;
    let was_logged_in = !found.is_empty();
    let not_revoked = revoke_all(&options, &stores, found).await;

    let _deleting = options.in_flight.enter();
    let not_deleted = stores.run(FallbackStore::delete_everywhere).await;
    Ok(Logout { was_logged_in, not_revoked, not_deleted })
}

/// Gives the tokens of every login back; returns those that the server did not take, and why.
async fn revoke_all(options: &LoginOptions, stores: &Stores, found: Vec<StoredToken>) -> Vec<(&'static str, Error)> {
    let issuer = options.authgate_url.strip_suffix('/').unwrap_or(&options.authgate_url);
    let (ours, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|token| token.issuer.as_deref() == Some(issuer));
    let mut not_revoked: Vec<_> = others
        .iter()
        .flat_map(|token| tokens(token).map(|(name, _)| (name, other_server(token.issuer.as_deref()))))
        .collect();
    if ours.is_empty() {
        return not_revoked;
    }
    match Login::at_server(options.clone(), stores.clone()).await {
        Ok(login) => {
            for (name, token) in ours.iter().flat_map(tokens) {
                let revoked = login.client.revoke(token).await;
                not_revoked.extend(revoked.err().map(|error| (name, error)));
            }
        }
        Err(error) => not_revoked.extend(ours.iter().flat_map(tokens).map(|(name, _)| (name, error.clone()))),
    }
    not_revoked
}

/// The refresh token first: with it, whoever has it can get further access tokens.
fn tokens(kept: &StoredToken) -> impl Iterator<Item = (&'static str, &Secret)> {
    let refresh_token = kept.refresh_token.as_ref().map(|token| ("refresh token", token));
    refresh_token.into_iter().chain([("access token", &kept.access_token)])
}

fn other_server(issuer: Option<&str>) -> Error {
    Error::config(match issuer {
        Some(issuer) => format!("it is a login at {}, which was not asked", crate::text::excerpt(issuer, 200)),
        None => "it is not known which server it is a login at".to_owned(),
    })
}
