//! Logging a person out: at the server, and wherever the token is kept.

use super::{Login, LoginContext, LoginOptions};
use crate::error::{Error, Result};
use crate::flow::Notice;
use crate::secret::Secret;
use crate::store::{LoginLock, StoredToken, TokenStore};

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

/// Logs a person out: gives refresh and access token back to the server (RFC 7009), each on its
/// own because revoking one leaves the other alive, and deletes them everywhere. Deleting does not
/// wait for the server's word: what it did not confirm is in the report.
///
/// The token of another server, or of an unknown one, is deleted and not sent anywhere.
///
/// # Errors
///
/// [`Error::Store`] when another process does not let go of the stores; nothing is done then.
pub async fn logout(options: LoginOptions, context: LoginContext) -> Result<Logout> {
    let store = context.store.clone();
    let _guard = context.blocking(move || store.lock(LoginLock::PATIENCE)).await?;

    let (store, client_id) = (context.store.clone(), options.client_id.clone());
    let kept = context.blocking(move || store.load(&client_id)).await?;
    let was_logged_in = kept.is_some();
    let not_revoked = match kept {
        Some(kept) => revoke(&options, &context, kept).await,
        None => Vec::new(),
    };

    let _deleting = context.in_flight.enter();
    let (store, client_id) = (context.store.clone(), options.client_id.clone());
    let not_deleted = context.blocking(move || store.delete_everywhere(&client_id)).await;
    for notice in context.store.take_notices() {
        context.prompt.notice(&Notice::Store(notice));
    }
    Ok(Logout { was_logged_in, not_revoked, not_deleted })
}

/// Gives both tokens back; returns those that the server did not take, and why.
async fn revoke(options: &LoginOptions, context: &LoginContext, kept: StoredToken) -> Vec<(&'static str, Error)> {
    let tokens: Vec<(&'static str, Secret)> = kept
        .refresh_token
        .map(|token| ("refresh token", token))
        .into_iter()
        .chain([("access token", kept.access_token)])
        .collect();
    let all = |error: Error| tokens.iter().map(|(name, _)| (*name, error.clone())).collect();

    let issuer = options.authgate_url.strip_suffix('/').unwrap_or(&options.authgate_url);
    if kept.issuer.as_deref() != Some(issuer) {
        return all(other_server(kept.issuer.as_deref()));
    }
    let login = match Login::at_server(options.clone(), context.clone()).await {
        Ok(login) => login,
        Err(error) => return all(error),
    };
    let mut not_revoked = Vec::new();
    for (name, token) in &tokens {
        if let Err(error) = login.client.revoke(token).await {
            not_revoked.push((*name, error));
        }
    }
    not_revoked
}

fn other_server(issuer: Option<&str>) -> Error {
    Error::config(match issuer {
        Some(issuer) => format!("it is a login at {}, which was not asked", crate::text::excerpt(issuer, 200)),
        None => "it is not known which server it is a login at".to_owned(),
    })
}
