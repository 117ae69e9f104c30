//! Logs a person in: with a stored login if possible, otherwise with a flow.

mod logout;
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
use crate::flow::{AuthCodeOptions, OutcomePage, run_auth_code_flow, run_device_flow};
use crate::notice::Notice;
use crate::store::{StoredLogin, StoredToken, seconds_since_1970};
use crate::token::{Freshness, Token, missing_scopes};

pub use logout::{Logout, logout};
pub use options::LoginOptions;
use refresh::Refresh;
pub use session::Session;
use stores::Stores;

/// How often we check whether the prompt of a login can still be seen.
const VISIBILITY_INTERVAL: Duration = Duration::from_secs(1);

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

/// Logs a person in, and returns a client and a token that are ready for use.
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
/// After an error, the stored login is still stored.
pub async fn authenticate(options: LoginOptions) -> Result<Session> {
    options.parameters.check()?;
    let stores = Stores::new(&options);
    let login = Login::begin(options, stores).await?;
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
    async fn begin(options: LoginOptions, stores: Stores) -> Result<Self> {
        let issuer = Issuer::new(&options.authgate_url);
        let client = match options.check_limit {
            Some(limit) if stores.has_fresh_login(&issuer, options.min_validity).await => {
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
        if !is_due(&stored, self.options.min_validity) {
            return Ok(Some(Session::resumed(self.clone(), stored)));
        }
        match self.refresh(&stored).await {
            Ok(Refresh::Refreshed(stored)) => {
                Ok(Some(Session::new(self.clone(), to_token(&stored))))
            }
            Ok(Refresh::Found(stored)) => Ok(Some(Session::resumed(self.clone(), stored))),
            Ok(Refresh::NoRefreshToken) if is_valid(&stored) => {
                Ok(Some(Session::resumed(self.clone(), stored)))
            }
            Ok(Refresh::NoRefreshToken | Refresh::Ended) => Ok(None),
            Ok(Refresh::NotSavable(error)) if is_valid(&stored) => {
                self.report_not_refreshed(&error);
                Ok(Some(Session::resumed(self.clone(), stored)))
            }
            Ok(Refresh::NotSavable(error)) => {
                self.report_not_savable(&error);
                Ok(None)
            }
            // The token is still valid, so leave the refresh to the next run. This run has tried
            // once, which is enough.
            Err(error) if is_valid(&stored) => {
                self.report_not_refreshed(&error);
                Ok(Some(Session::new(self.clone(), to_token(&stored))))
            }
            Err(error) => Err(error),
        }
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
            .partition(|login| is_of(&self.issuer, &login.token));
        if ours.is_empty() && others.iter().any(|login| login.token.issuer.is_none()) {
            self.notice(
                "The stored login does not say which server it is for, so it is not used. The next \
                 login replaces it",
            );
        }
        ours.into_iter().next()
    }

    /// Converts a token to its stored form.
    fn to_stored(&self, token: &Token) -> StoredToken {
        StoredToken::from_token(
            token,
            self.issuer.as_str(),
            SystemClock.now(),
            SystemTime::now(),
        )
    }

    /// Returns what this login requests and the stored one did not, if that is known. A refresh
    /// cannot add it.
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

    /// Runs a flow and stores its token, unless a login at another server would be replaced. If
    /// another run logs in first, uses its login.
    async fn run_flow(&self) -> Result<Session> {
        let known = self.stores.load_all().await;
        self.options.refuse_to_replace(&self.issuer, &known)?;
        self.stores.warn_if_not_savable().await;
        tokio::select! {
            // Poll the flow first, so that it is not dropped between a request and its outcome.
            biased;
            token = self.run_flow_of_mode() => match token {
                Ok(token) => Ok(Session::new(self.clone(), token)),
                Err(error) => {
                    let other = self.find_other_login(&known).await;
                    other.map(|other| self.take_over(other)).ok_or(error)
                }
            },
            other = self.wait_for_other_login(&known) => Ok(self.take_over(other)),
        }
    }

    async fn run_flow_of_mode(&self) -> Result<Token> {
        let outcome = match self.options.flow_mode {
            FlowMode::Device => self.run_device().await,
            FlowMode::Browser => self.run_browser().await,
            FlowMode::Auto => self.run_auto().await,
        };
        self.options.prompt.countdown(None);
        outcome
    }

    async fn run_auto(&self) -> Result<Token> {
        if self.options.platform.is_unattended() {
            return Err(Error::permanent(
                "nobody is logged in, CI is set, and there is no terminal where a person could log in: run it once by \
                 hand, ask for the device flow by name, or use the client credentials grant for a machine",
            ));
        }
        tokio::select! {
            biased;
            () = self.wait_until_nobody_sees_the_prompt() => Err(Error::permanent(
                "nobody is logged in, and nobody can see the prompt: log in once in a terminal, ask for a flow by \
                 name, or use the client credentials grant for a machine",
            )),
            outcome = self.run_available() => outcome,
        }
    }

    /// Waits until nobody can see the prompt, and no token would be lost if the flow ended.
    async fn wait_until_nobody_sees_the_prompt(&self) {
        while self.options.prompt.is_visible() || !self.options.in_flight.is_idle() {
            tokio::time::sleep(VISIBILITY_INTERVAL).await;
        }
    }

    async fn run_available(&self) -> Result<Token> {
        // Without a client no flow starts, so say nothing about flows.
        self.client()?;
        if let Some(obstacle) = self.options.platform.browser().obstacle() {
            self.notice(format!(
                "No browser can be opened here: {obstacle}. This login uses a device code instead"
            ));
            return self.run_device().await;
        }
        match self.run_browser().await {
            Err(because) if because.is_browser_failure() => {
                tracing::debug!(error = %because, "falling back to the device flow");
                self.notice(format!(
                    "{}. This login uses a device code instead",
                    because.happened()
                ));
                self.run_device().await
            }
            outcome => outcome,
        }
    }

    async fn run_browser(&self) -> Result<Token> {
        let LoginOptions {
            prompt,
            in_flight,
            scopes,
            ..
        } = &self.options;
        let browser = self.options.browser_or_default();
        if let Some(reason) = self.options.problem_with_browser_variable() {
            self.notice(format!("BROWSER is not used, because {reason}"));
        }
        let flow = AuthCodeOptions {
            redirect_uri: self.options.redirect_uri.clone(),
            // In auto mode, the device flow takes over.
            browser_required: self.options.flow_mode == FlowMode::Auto,
            in_flight: in_flight.clone(),
            ..AuthCodeOptions::default()
        };
        let (token, page) =
            run_auth_code_flow(self.client()?, scopes, &flow, &*browser, &**prompt).await?;
        self.save_login(&token, Some(page)).await;
        Ok(token)
    }

    async fn run_device(&self) -> Result<Token> {
        let LoginOptions {
            prompt,
            in_flight,
            platform,
            scopes,
            ..
        } = &self.options;
        let client = self.client()?;
        let run = || run_device_flow(client, scopes, &**prompt, in_flight);
        let token = match run().await {
            // A person at a terminal may have been called away, so offer another code. Without a
            // terminal, a script would go on forever.
            Err(Error::LoginExpired { .. }) if platform.terminal => {
                self.notice("The code expired. Here is a new one:");
                run().await?
            }
            outcome => outcome?,
        };
        self.save_login(&token, None).await;
        Ok(token)
    }

    /// Stores the token of a new login, and then tells the browser, if one waits, how that went.
    async fn save_login(&self, token: &Token, page: Option<OutcomePage>) {
        let _saving = self.options.in_flight.enter();
        // Take the lock so that we do not save between another process's refresh and its save. If
        // it cannot be acquired in time, save anyway: a new login must not be lost.
        let locked = self.stores.lock_if_possible().await;
        let mut stored = self.to_stored(token);
        stored.requested_scope = Some(self.options.scopes.join(" "));
        stored.requested_parameters = self.options.parameters.encoded();
        stored.logged_in_at = Some(seconds_since_1970(SystemTime::now()).as_secs());
        // Another run may have logged in at another server while this one waited.
        let may_replace =
            (self.options).refuse_to_replace(&self.issuer, &self.stores.load_all().await);
        let is_saved = locked.save_login(stored, may_replace).await;
        drop(locked);
        if let Some(granted) = &token.scope {
            self.warn_of_missing_scopes(granted);
        }
        match page {
            None => {}
            Some(page) if is_saved => page.saved().await,
            Some(page) => page.not_saved("The terminal shows why.").await,
        }
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

    fn report_revoked(&self) {
        self.notice("Your stored login was revoked by the server. Please log in again");
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
    let freshness = stored.freshness(SystemTime::now(), min_validity);
    matches!(freshness, Freshness::Expiring(_) | Freshness::Expired(_))
}

/// Returns whether the token is still valid, if only for a moment.
fn is_valid(stored: &StoredToken) -> bool {
    let freshness = stored.freshness(SystemTime::now(), Duration::ZERO);
    !matches!(freshness, Freshness::Expired(_))
}

/// Returns whether `issuer` issued the token, as far as we know.
fn is_of(issuer: &Issuer, stored: &StoredToken) -> bool {
    (stored.issuer.as_deref()).is_some_and(|named| issuer.matches(named))
}
