//! Logs a person in once: from the stores if possible, otherwise with a flow.

mod logout;
mod next_token;
mod options;
mod renewal;
mod session;
mod stores;

use std::time::{Duration, SystemTime};

use crate::client::OAuthClient;
use crate::discovery::DiscoveryClient;
use crate::error::{Error, Result};
use crate::flow::{
    AuthCodeOptions, IfBrowserFails, Notice, OutcomePage, run_auth_code_flow, run_device_flow,
};
use crate::store::{FallbackStore, LoginLock, StoredToken};
use crate::token::{Freshness, Token};

pub use logout::{Logout, logout};
pub use options::LoginOptions;
use renewal::Renewal;
pub use session::Session;
use stores::Stores;

/// A stored token is refreshed when it has no more than this left, because it should last for the
/// run.
const MARGIN: Duration = Duration::from_secs(30);

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
/// Uses a stored token again if this server issued it, and refreshes it if it is about to expire.
/// Processes refresh one at a time, so that one asks the server and the others use its token. If no
/// stored token can be used, a flow runs, and the new token is stored.
///
/// A network failure never ends a login. Only the server ends one, with `invalid_grant` for its
/// refresh token, or with `invalid_token` if there is none. A store that cannot be written does not
/// end one either: if the result of a refresh could not be saved, the server is not asked, so the
/// stored login stays valid. This run uses the stored token while it is valid, and then needs a
/// login of its own.
///
/// # Errors
///
/// The errors of [`DiscoveryClient::fetch`], of the flows ([`run_auth_code_flow`],
/// [`run_device_flow`]), and, with an expired token, of [`OAuthClient::refresh_token`];
/// [`Error::Other`] when another process does not release the lock of the stores. After an error,
/// the stored login is still stored.
///
/// ```no_run
/// # async fn example() -> authgate_core::Result<()> {
/// use authgate_core::{BearerAuth, LoginOptions, authenticate};
///
/// let options = LoginOptions::new("https://auth.example.com", "desktop").scopes(["profile", "email"]);
/// let mut session = authenticate(options).await?;
/// let user = session.validate().await?;
/// let api = BearerAuth::new(session.token_source());
/// # Ok(())
/// # }
/// ```
pub async fn authenticate(options: LoginOptions) -> Result<Session> {
    let stores = Stores::new(&options);
    let login = Login::at_server(options, stores).await?;
    if let Some(session) = login.resume().await? {
        return Ok(session);
    }
    let token = login.run_flow().await?;
    Ok(Session::new(login, token))
}

/// One client at one server, with everything that a login needs.
#[derive(Debug, Clone)]
struct Login {
    client: OAuthClient,
    issuer: String,
    options: LoginOptions,
    stores: Stores,
}

impl Login {
    async fn at_server(options: LoginOptions, stores: Stores) -> Result<Self> {
        let http = options.http.clone();
        let metadata = DiscoveryClient::new(&options.authgate_url, http.clone())?
            .fetch()
            .await?;
        let client = OAuthClient::new(&options.client_id, metadata.to_endpoints(), http)
            .with_secret(options.client_secret.clone());
        Ok(Self {
            client,
            issuer: metadata.issuer.clone(),
            options,
            stores,
        })
    }

    /// Returns a session with the stored login, refreshed if due, or `None` if only a new login
    /// helps.
    async fn resume(&self) -> Result<Option<Session>> {
        let Some(kept) = self.load().await else {
            return Ok(None);
        };
        if let Freshness::Fresh(_) | Freshness::Unlimited = self.freshness(&kept) {
            return Ok(Some(Session::resumed(self.clone(), kept)));
        }
        match self.renew(&kept).await {
            Ok(Renewal::Renewed(kept)) => Ok(Some(Session::new(self.clone(), self.usable(&kept)))),
            Ok(Renewal::Found(kept)) => Ok(Some(Session::resumed(self.clone(), kept))),
            Ok(Renewal::LoginEnded) if kept.refresh_token.is_none() && self.is_good(&kept) => {
                Ok(Some(Session::resumed(self.clone(), kept)))
            }
            Ok(Renewal::LoginEnded) => Ok(None),
            // The token is still valid, so leave the refresh to the next run. This run has tried
            // once, which is enough.
            Err(error) if self.is_good(&kept) => {
                self.notice(&Notice::RenewalFailed(error));
                Ok(Some(Session::new(self.clone(), self.usable(&kept))))
            }
            Ok(Renewal::NotPossible(error)) => {
                let is_good = self.is_good(&kept);
                self.notice(&if is_good {
                    Notice::RenewalFailed(error)
                } else {
                    Notice::NotRenewed(error)
                });
                Ok(is_good.then(|| Session::resumed(self.clone(), kept)))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the login that the stores have for this client, if this server issued it.
    ///
    /// A token of another or an unknown issuer is not sent anywhere, because the settings in a
    /// strange folder may name any server.
    async fn load(&self) -> Option<StoredToken> {
        let all = self.with_store(FallbackStore::load_all).await;
        let (ours, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|kept| kept.issuer.as_deref() == Some(&self.issuer));
        if let (None, Some(other)) = (ours.first(), others.into_iter().next()) {
            self.notice(&Notice::OtherIssuer {
                issuer: other.issuer,
                server: self.issuer.clone(),
            });
        }
        ours.into_iter().next()
    }

    /// Returns whether the token is still valid, if only for a moment.
    fn is_good(&self, kept: &StoredToken) -> bool {
        !matches!(self.freshness(kept), Freshness::Expired(_))
    }

    fn freshness(&self, kept: &StoredToken) -> Freshness {
        self.usable(kept)
            .freshness(self.client.clock().now(), MARGIN)
    }

    /// Converts the stored token to the clocks of this run.
    fn usable(&self, kept: &StoredToken) -> Token {
        kept.clone()
            .into_token(self.client.clock().now(), SystemTime::now())
    }

    /// Runs the flow that fits, and stores the token that it returns.
    async fn run_flow(&self) -> Result<Token> {
        let outcome = match self.options.flow_mode {
            FlowMode::Device => self.run_device().await,
            FlowMode::Browser => self.run_browser(IfBrowserFails::KeepWaiting).await,
            FlowMode::Auto => self.run_what_fits().await,
        };
        self.options.prompt.waited();
        outcome
    }

    async fn run_what_fits(&self) -> Result<Token> {
        if self.options.platform.is_unattended() {
            return Err(Error::permanent(
                "nobody is logged in, CI is set, and there is no terminal where a person could log in: run it once by \
                 hand, ask for the device flow by name, or use the client credentials grant for a machine",
            ));
        }
        if self.options.platform.browser().is_err() {
            return self.run_device().await;
        }
        match self.run_browser(IfBrowserFails::GiveUp).await {
            Err(because) if because.is_browser_failure() => {
                self.notice(&Notice::DeviceFlowInstead { because });
                self.run_device().await
            }
            outcome => outcome,
        }
    }

    async fn run_browser(&self, if_browser_fails: IfBrowserFails) -> Result<Token> {
        let LoginOptions {
            prompt,
            in_flight,
            scopes,
            ..
        } = &self.options;
        let browser = self.options.browser_or_default();
        let flow = AuthCodeOptions {
            redirect_uri: self.options.redirect_uri.clone(),
            if_browser_fails,
            in_flight: in_flight.clone(),
            ..AuthCodeOptions::default()
        };
        let login = run_auth_code_flow(&self.client, scopes, &flow, &*browser, &**prompt).await?;
        self.keep(&login.token, Some(login.page)).await;
        Ok(login.token)
    }

    async fn run_device(&self) -> Result<Token> {
        let LoginOptions {
            prompt,
            in_flight,
            platform,
            scopes,
            ..
        } = &self.options;
        let run = || run_device_flow(&self.client, scopes, &**prompt, in_flight);
        let token = match run().await {
            // A person at a terminal may have been called away, so offer another code. Without a
            // terminal, a script would go on forever.
            Err(because @ Error::LoginExpired { .. }) if platform.terminal => {
                self.notice(&Notice::AnotherCode { because });
                run().await?
            }
            outcome => outcome?,
        };
        self.keep(&token, None).await;
        Ok(token)
    }

    /// Stores the token of a new login, and then tells the browser, if one waits, how that went.
    async fn keep(&self, token: &Token, page: Option<OutcomePage>) {
        let _saving = self.options.in_flight.enter();
        let kept = self.stored(token);
        let save = move |store: &FallbackStore, client_id: &str| {
            // Take the lock so that we do not save between another process's refresh and its save.
            // If it cannot be acquired in time, save anyway: a new login must not be lost.
            let _guard = store.lock_if_possible(LoginLock::PATIENCE);
            store.save_login(client_id, &kept)
        };
        let is_saved = self.with_store(save).await;
        self.tell_missing_scopes(token);
        match page {
            None => {}
            Some(page) if is_saved => page.saved().await,
            Some(page) => page.not_saved("no place to keep it could be written").await,
        }
    }

    fn tell_missing_scopes(&self, token: &Token) {
        let missing: Vec<String> = token
            .missing_scopes(&self.options.scopes)
            .into_iter()
            .map(str::to_owned)
            .collect();
        if !missing.is_empty() {
            self.notice(&Notice::ScopesNotGranted { missing });
        }
    }

    fn stored(&self, token: &Token) -> StoredToken {
        StoredToken::from_token(
            token,
            &self.issuer,
            self.client.clock().now(),
            SystemTime::now(),
        )
    }

    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&FallbackStore, &str) -> T + Send + 'static,
    ) -> T {
        self.stores.run(work).await
    }

    fn notice(&self, notice: &Notice) {
        self.options.prompt.notice(notice);
    }
}
