//! Logs a person in: with a stored login if possible, otherwise with a flow.

mod logout;
mod new_login;
mod next_token;
mod options;
mod origins;
mod other_login;
mod refresh;
mod session;
mod stores;

use std::time::{Duration, SystemTime};

use crate::client::OAuthClient;
use crate::clock::{Clock, SystemClock};
use crate::discovery::{DiscoveryClient, Issuer};
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::store::{StoredLogin, StoredToken};
use crate::token::{Token, missing_scopes};

pub use logout::{Logout, logout};
pub use options::LoginOptions;
use refresh::{Cause, Refresh};
pub use session::Session;
use stores::Stores;

/// The flow that logs a person in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowMode {
    /// The browser if one can be opened, otherwise the device flow.
    #[default]
    Auto,
    /// The browser only.
    Browser,
    /// The device flow only.
    Device,
}

/// Logs a person in, and returns a [`Session`]: a client and a token that are ready for use.
///
/// ```no_run
/// # async fn example() -> authgate_core::Result<()> {
/// use authgate_core::{BearerAuth, LoginOptions, authenticate};
///
/// let options = LoginOptions::new("https://auth.example.com", "desktop");
/// let mut session = authenticate(options.scopes(["profile", "email"])).await?;
/// let user = session.validate().await?;
/// let api = BearerAuth::new(session.token_source());
/// # Ok(())
/// # }
/// ```
///
/// [`LoginOptions`] sets the flow, the prompt, the keyring and more.
///
/// Uses a stored token again if this server issued it, and refreshes it if it is about to expire.
/// Processes refresh one at a time, so that one asks the server and the others use its token. If no
/// stored token can be used, a flow runs, and the new token is stored. If another process logs in
/// while the flow waits for the person, its login is used, and the flow ends.
///
/// A stored login is used only if it requested all the scopes and parameters that these options
/// request. If another client stored it, that is not known, and it is used.
///
/// A network failure never ends a login, and a stored token that is still valid is used although the
/// server cannot be reached. Only the server ends one, with `invalid_grant` for its
/// refresh token, or with `invalid_token` if there is none. A store that cannot be written does not
/// end one either: if the result of a refresh could not be saved, the server is not asked, so the
/// stored login stays valid. This run uses the stored token while it is valid, and then needs a
/// login of its own.
///
/// # Errors
///
/// * Those of [`DiscoveryClient::fetch`] and, with an expired token, of
///   [`OAuthClient::refresh_token`].
/// * [`Error::UntrustedOrigin`] when the server names an endpoint at another origin, and
///   [`Error::OtherLogin`] when a login of this client at another server is stored.
/// * [`Error::Other`] when another process does not release the lock of the stores, when the server
///   or the client's registration does not allow a flow, when nobody is there to log in, or for a
///   parameter that the requests set themselves.
/// * From the browser flow, [`Error::BrowserUnavailable`] and [`Error::LoginExpired`] (the device
///   flow may work), [`Error::LoginRefused`] and [`Error::Callback`]; from the device flow,
///   [`Error::LoginExpired`]; from both, [`Error::Denied`] and the errors of the requests.
///
/// After an error, a stored login that the server still accepts is still stored.
pub async fn authenticate(options: LoginOptions) -> Result<Session> {
    options.parameters.check()?;
    let login = Login::begin(options).await?;
    if let Some(session) = login.resume().await? {
        return Ok(session);
    }
    login.run_flow().await
}

/// One client at one server, with everything that a login needs.
#[derive(Debug, Clone)]
struct Login {
    /// The client, or why the server cannot be reached. A stored token that is still fresh can be
    /// used in an outage.
    client: Result<OAuthClient>,
    issuer: Issuer,
    options: LoginOptions,
    stores: Stores,
}

impl Login {
    /// Finds the server. Fails unless the failure may pass by itself.
    async fn begin(options: LoginOptions) -> Result<Self> {
        let stores = Stores::new(&options);
        let issuer = Issuer::new(&options.authgate_url);
        let is_fresh = |login: &StoredLogin| {
            has_issued(&issuer, &login.token) && !is_due(&login.token, options.min_validity)
        };
        let client = match options.check_limit {
            Some(limit) if stores.load_all().await.iter().any(is_fresh) => {
                within(limit, "discovery", discover(&options)).await
            }
            _ => discover(&options).await,
        };
        match client {
            Err(error) if !error.is_transient() => Err(error),
            client => Ok(Self {
                client,
                issuer,
                options,
                stores,
            }),
        }
    }

    fn client(&self) -> Result<&OAuthClient> {
        self.client.as_ref().map_err(Error::clone)
    }

    /// Returns a session with the stored login, refreshed if due, or `None` if only a new login
    /// helps.
    async fn resume(&self) -> Result<Option<Session>> {
        let Some(StoredLogin { token: stored, .. }) = self.load().await else {
            return Ok(None);
        };
        if let Some(missing) = self.not_requested(&stored) {
            self.notice(format!(
                "The stored login was made without {missing}. Please log in again"
            ));
            return Ok(None);
        }
        let can_be_used = is_valid(&stored) && stored.refresh_token.is_none();
        if can_be_used || !is_due(&stored, self.options.min_validity) {
            return Ok(Some(Session::resumed(self.clone(), stored)));
        }
        let session = match self.refresh(&stored, Cause::Expiry).await {
            Ok(Refresh::Refreshed(stored)) => Session::new(self.clone(), to_token(&stored)),
            Ok(Refresh::Found(stored)) => Session::resumed(self.clone(), stored),
            Ok(Refresh::Ended) => return Ok(None),
            Ok(Refresh::NotSavable(error)) if is_valid(&stored) => {
                self.report_not_refreshed(&error);
                Session::resumed(self.clone(), stored)
            }
            Ok(Refresh::NotSavable(error)) => {
                self.report_not_savable(&error);
                return Ok(None);
            }
            // The token is still valid, so leave the refresh to the next run. This run has tried
            // once, which is enough.
            Err(error) if is_valid(&stored) => {
                self.report_not_refreshed(&error);
                Session::new(self.clone(), to_token(&stored))
            }
            Err(error) => return Err(error),
        };
        Ok(Some(session))
    }

    /// Returns the login that the stores have for this client, if this server issued it.
    ///
    /// A token of another or an unknown issuer is not sent anywhere, because the settings in a
    /// strange folder may name any server.
    async fn load(&self) -> Option<StoredLogin> {
        let (ours, others): (Vec<_>, Vec<_>) = self
            .stores
            .load_all()
            .await
            .into_iter()
            .partition(|login| has_issued(&self.issuer, &login.token));
        if ours.is_empty() && others.iter().any(|login| login.token.issuer.is_none()) {
            self.notice(
                "The stored login does not say which server it is for, so it is not used. The next \
                 login replaces it",
            );
        }
        ours.into_iter().next()
    }

    fn to_stored(&self, token: &Token) -> StoredToken {
        StoredToken::from_token(
            token,
            self.issuer.as_str(),
            SystemClock.now(),
            SystemTime::now(),
        )
    }

    /// Returns what this login requests and the stored one did not, which a refresh cannot add.
    fn not_requested(&self, stored: &StoredToken) -> Option<String> {
        // Another client's login does not say what it requested.
        let requested = stored.requested_scope.as_deref()?;
        let scopes = missing_scopes(requested, &self.options.scopes);
        if !scopes.is_empty() {
            return Some(format!("the scope {}", scopes.join(" ")));
        }
        let requested = stored.requested_parameters.as_deref().unwrap_or_default();
        let parameters = self.options.parameters.missing_from(requested);
        (!parameters.is_empty()).then(|| format!("this {}", parameters.join(" and ")))
    }

    fn warn_of_missing_scopes(&self, granted: &str) {
        let missing = missing_scopes(granted, &self.options.scopes);
        if !missing.is_empty() {
            self.notice(format!("The server did not grant: {}", missing.join(" ")));
        }
    }

    fn report_not_refreshed(&self, error: &Error) {
        self.notice(format!(
            "The login could not be refreshed: {}. The stored token is still valid",
            error.happened()
        ));
    }

    fn report_not_savable(&self, error: &Error) {
        self.notice(format!(
            "The stored login was not refreshed, because the new token could not be saved: {error}. \
             Please log in again"
        ));
    }

    fn notice(&self, line: impl AsRef<str>) {
        self.options.prompt.notice(&Notice::new(line));
    }
}

/// Converts a stored token to the clocks of this run.
fn to_token(stored: &StoredToken) -> Token {
    stored
        .clone()
        .into_token(SystemClock.now(), SystemTime::now())
}

async fn discover(options: &LoginOptions) -> Result<OAuthClient> {
    let http = options.http.clone();
    let metadata = DiscoveryClient::new(&options.authgate_url, http.clone())?
        .fetch()
        .await?;
    origins::check(&metadata, &options.trusted_origins)?;
    let client = OAuthClient::new(&options.client_id, metadata.to_endpoints(), http);
    Ok(client
        .with_secret(options.client_secret.clone())
        .with_parameters(options.parameters.clone())
        .with_client_authentication(options.client_authentication))
}

/// Gives up a request after `limit`.
async fn within<T>(
    limit: Duration,
    operation: &str,
    request: impl Future<Output = Result<T>>,
) -> Result<T> {
    let answer = tokio::time::timeout(limit, request).await;
    answer.unwrap_or_else(|_| {
        Err(Error::transient(format!(
            "{operation}: no answer within {} s",
            limit.as_secs_f64()
        )))
    })
}

/// Returns whether the token should be refreshed, because it has no more than this left.
fn is_due(stored: &StoredToken, min_validity: Duration) -> bool {
    let lifetime = stored.lifetime(SystemTime::now());
    lifetime.is_some_and(|remaining| remaining <= min_validity)
}

/// Returns whether the token is still valid, if only for a moment.
fn is_valid(stored: &StoredToken) -> bool {
    let lifetime = stored.lifetime(SystemTime::now());
    lifetime.is_none_or(|remaining| !remaining.is_zero())
}

/// Returns whether `issuer` issued the token, as far as we know.
fn has_issued(issuer: &Issuer, stored: &StoredToken) -> bool {
    (stored.issuer.as_deref()).is_some_and(|named| issuer.matches(named))
}
