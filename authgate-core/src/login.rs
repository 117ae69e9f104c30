//! Logging a person in once: from the stores where that is possible, else by a flow.

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
use crate::flow::{AuthCodeOptions, IfBrowserFails, Notice, OutcomePage, run_auth_code_flow, run_device_flow};
use crate::store::{FallbackStore, LoginLock, StoredToken};
use crate::token::{Freshness, Token};

pub use logout::{Logout, logout};
pub use options::LoginOptions;
use renewal::Renewal;
pub use session::Session;
use stores::Stores;

/// A token in a store is renewed when it has no more left than this: it should last for the run.
const MARGIN: Duration = Duration::from_secs(30);

/// Which flow logs a person in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowMode {
    /// The browser where one can be opened, else the device flow.
    #[default]
    Auto,
    /// The browser, and nothing else.
    Browser,
    /// The device flow, and nothing else.
    Device,
}

/// Logs a person in, and returns a client and a token that are ready for use.
///
/// A token in a store is used again if it is this server's, and renewed if it is about to expire;
/// renewals of several processes are serialised, so that one of them asks and the others use what
/// it got. Where that comes to nothing, a flow runs, and the new token is stored.
///
/// A network that is down never costs a login: only the server's word ends one, `invalid_grant` for
/// its refresh token, or `invalid_token` where there is none. Nor does a store that cannot be written:
/// a renewal whose outcome could not be saved is not asked for, so what is stored stays good. While
/// its token is good, this run uses it; after that, it needs a login of its own.
///
/// # Errors
///
/// As for [`DiscoveryClient::fetch`], for the flows ([`run_auth_code_flow`], [`run_device_flow`]),
/// and, with an expired token, for [`OAuthClient::refresh_token`]; [`Error::Store`] when another
/// process does not let go of the stores. What is stored stays stored then.
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
        let metadata = DiscoveryClient::new(&options.authgate_url, http.clone())?.fetch().await?;
        let client = OAuthClient::new(&options.client_id, metadata.to_endpoints(), http)
            .with_secret(options.client_secret.clone());
        Ok(Self { client, issuer: metadata.issuer.clone(), options, stores })
    }

    /// A session with the stored login, renewed where that is due; `None` when only a new login
    /// helps.
    async fn resume(&self) -> Result<Option<Session>> {
        let Some(kept) = self.load().await else { return Ok(None) };
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
            // It is still good, so the renewal can wait for the next run; one is enough for this.
            Err(error) if self.is_good(&kept) => {
                self.notice(&Notice::RenewalFailed(error));
                Ok(Some(Session::new(self.clone(), self.usable(&kept))))
            }
            Ok(Renewal::NotPossible(error)) => {
                let is_good = self.is_good(&kept);
                self.notice(&if is_good { Notice::RenewalFailed(error) } else { Notice::NotRenewed(error) });
                Ok(is_good.then(|| Session::resumed(self.clone(), kept)))
            }
            Err(error) => Err(error),
        }
    }

    /// What the stores keep for this client, if this server issued it.
    ///
    /// A token whose issuer is another one, or unknown, is not sent anywhere: the settings in a
    /// strange folder may name any server.
    async fn load(&self) -> Option<StoredToken> {
        let all = self.with_store(FallbackStore::load_all).await;
        let (ours, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|kept| kept.issuer.as_deref() == Some(&self.issuer));
        if let (None, Some(other)) = (ours.first(), others.into_iter().next()) {
            self.notice(&Notice::OtherIssuer { issuer: other.issuer, server: self.issuer.clone() });
        }
        ours.into_iter().next()
    }

    /// Whether it is of use yet, if only for a moment.
    fn is_good(&self, kept: &StoredToken) -> bool {
        !matches!(self.freshness(kept), Freshness::Expired(_))
    }

    fn freshness(&self, kept: &StoredToken) -> Freshness {
        self.usable(kept).freshness(self.client.clock().now(), MARGIN)
    }

    /// The stored token by the clocks of this run.
    fn usable(&self, kept: &StoredToken) -> Token {
        kept.clone().into_token(self.client.clock().now(), SystemTime::now())
    }

    /// Runs the flow that fits, and stores the token that it brings.
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
            return Err(Error::config(
                "nobody is logged in, CI is set, and there is no terminal where a person could log in: run it once by \
                 hand, ask for the device flow by name, or use the client credentials grant for a machine",
            ));
        }
        if self.options.platform.browser().is_err() {
            return self.run_device().await;
        }
        match self.run_browser(IfBrowserFails::GiveUp).await {
            Err(because @ (Error::Listener { .. } | Error::LoginExpired { .. } | Error::BrowserUnavailable { .. })) => {
                self.notice(&Notice::DeviceFlowInstead { because });
                self.run_device().await
            }
            outcome => outcome,
        }
    }

    async fn run_browser(&self, if_browser_fails: IfBrowserFails) -> Result<Token> {
        let LoginOptions { prompt, in_flight, scopes, .. } = &self.options;
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
        let LoginOptions { prompt, in_flight, platform, scopes, .. } = &self.options;
        let run = || run_device_flow(&self.client, scopes, &**prompt, in_flight);
        let token = match run().await {
            // Whoever sits there may have been called away; a script would go on for ever.
            Err(because @ Error::LoginExpired { .. }) if platform.terminal => {
                self.notice(&Notice::AnotherCode { because });
                run().await?
            }
            outcome => outcome?,
        };
        self.keep(&token, None).await;
        Ok(token)
    }

    /// Stores the token of a new login, and then tells the browser, if one waits, how it went.
    async fn keep(&self, token: &Token, page: Option<OutcomePage>) {
        let _saving = self.options.in_flight.enter();
        let kept = self.stored(token);
        let save = move |store: &FallbackStore, client_id: &str| {
            // Not between another process's refresh and its save, unless that takes too long.
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
        let missing: Vec<String> = token.missing_scopes(&self.options.scopes).into_iter().map(str::to_owned).collect();
        if !missing.is_empty() {
            self.notice(&Notice::ScopesNotGranted { missing });
        }
    }

    fn stored(&self, token: &Token) -> StoredToken {
        StoredToken::from_token(token, &self.issuer, self.client.clock().now(), SystemTime::now())
    }

    async fn with_store<T: Send + 'static>(&self, work: impl FnOnce(&FallbackStore, &str) -> T + Send + 'static) -> T {
        self.stores.run(work).await
    }

    fn notice(&self, notice: &Notice) {
        self.options.prompt.notice(notice);
    }
}
