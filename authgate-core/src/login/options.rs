//! The options of a login.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::{Origin, Url};

use super::FlowMode;
use crate::client::ExtraParameters;
use crate::config::{ClientAuthentication, PlainHttp};
use crate::discovery::Issuer;
use crate::error::{Error, Result};
use crate::flow::{Browser, InFlight, Platform, Prompt, RedirectUri, StandardError};
use crate::http::HttpClient;
use crate::secret::Secret;
use crate::store::{FallbackStore, KeyringStore, StoredLogin};
use crate::text;

/// Long enough for a short program to use the token before it expires.
const DEFAULT_MIN_VALIDITY: Duration = Duration::from_secs(30);

/// The options of a login. Everything but the server and the client has a default.
///
/// ```no_run
/// # async fn example() -> authgate_core::Result<()> {
/// use authgate_core::{FlowMode, LoginOptions, authenticate};
///
/// let options = LoginOptions::new("https://auth.example.com", "desktop")
///     .scopes(["profile", "email"])
///     .flow_mode(FlowMode::Device);
/// let session = authenticate(options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct LoginOptions {
    pub(super) authgate_url: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<Secret>,
    pub(super) client_authentication: Option<ClientAuthentication>,
    pub(super) scopes: Vec<String>,
    pub(super) parameters: ExtraParameters,
    pub(super) flow_mode: FlowMode,
    pub(super) redirect_uri: RedirectUri,
    pub(super) http: HttpClient,
    pub(super) in_flight: InFlight,
    pub(super) platform: Arc<Platform>,
    pub(super) prompt: Arc<dyn Prompt>,
    pub(super) min_validity: Duration,
    pub(super) check_limit: Option<Duration>,
    pub(super) trusted_origins: Vec<Origin>,
    pub(super) replaces_other_login: bool,
    keyring: bool,
    store: Option<Arc<FallbackStore>>,
    browser: Option<Arc<dyn Browser>>,
}

impl LoginOptions {
    /// Creates the options for a public client at a server whose URL is also its issuer.
    pub fn new(authgate_url: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            authgate_url: authgate_url.into(),
            client_id: client_id.into(),
            client_secret: None,
            client_authentication: None,
            scopes: Vec::new(),
            parameters: ExtraParameters::default(),
            flow_mode: FlowMode::default(),
            redirect_uri: RedirectUri::default(),
            http: HttpClient::default(),
            in_flight: InFlight::default(),
            platform: Arc::new(Platform::current()),
            prompt: Arc::new(StandardError),
            min_validity: DEFAULT_MIN_VALIDITY,
            check_limit: None,
            trusted_origins: Vec::new(),
            replaces_other_login: false,
            keyring: true,
            store: None,
            browser: None,
        }
    }

    /// Makes the client a confidential one (RFC 6749 section 2.1); `None` leaves it public.
    pub fn client_secret(mut self, client_secret: impl Into<Option<Secret>>) -> Self {
        self.client_secret = client_secret.into();
        self
    }

    /// Sets how the client sends its secret. Default: as discovery says.
    pub fn client_authentication(
        mut self,
        method: impl Into<Option<ClientAuthentication>>,
    ) -> Self {
        self.client_authentication = method.into();
        self
    }

    /// Sets the scopes to request. Default: none, which leaves the choice to the server.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a parameter to the authorization URL, the device authorization request, each token request
    /// and each refresh. The same name may be added again.
    ///
    /// ```
    /// use authgate_core::LoginOptions;
    ///
    /// let options = LoginOptions::new("https://auth.example.com", "desktop")
    ///     .parameter("audience", "https://api.example.com");
    /// ```
    ///
    /// Auth0 wants `audience`, the API that the token is for. RFC 8707 names it `resource` and allows
    /// several. AuthGate adds the claims in `extra_claims`, a JSON object, to its tokens.
    ///
    /// A stored login that was made without this parameter and value is not used. For a name that the
    /// requests set themselves, such as `scope`, the login fails with
    /// [`Error::Other`](crate::Error::Other).
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.add(name, value);
        self
    }

    /// Sets which flow logs the person in. Default: [`FlowMode::Auto`].
    pub fn flow_mode(mut self, flow_mode: FlowMode) -> Self {
        self.flow_mode = flow_mode;
        self
    }

    /// Sets the redirect URI. Default: `http://127.0.0.1:8088/callback`.
    pub fn redirect_uri(mut self, redirect_uri: RedirectUri) -> Self {
        self.redirect_uri = redirect_uri;
        self
    }

    /// Allows plain http as `plain_http` says. Default: to this machine only.
    pub fn plain_http(mut self, plain_http: PlainHttp) -> Self {
        self.http = self.http.with_plain_http(plain_http);
        self
    }

    /// Trusts the endpoints that the server names at the origins of these URLs, besides those at its
    /// own. Default: none. Take them from the user, never from a file in the current folder: a hostile
    /// server that borrows another one's login page would name that one here (RFC 9700 section 4.4).
    pub fn trusted_origins(mut self, trusted: impl IntoIterator<Item = Url>) -> Self {
        self.trusted_origins = trusted.into_iter().map(|url| url.origin()).collect();
        self
    }

    /// Sets whether a login of the same client at another server may be replaced or, by
    /// [`logout`](super::logout), deleted. Default: no, and the login fails with
    /// [`Error::OtherLogin`](crate::Error::OtherLogin).
    pub fn replace_other_login(mut self, replaces_other_login: bool) -> Self {
        self.replaces_other_login = replaces_other_login;
        self
    }

    /// Refreshes a stored token that is valid for less than this. A new token is used even if its
    /// whole life is shorter. If the refresh fails, the stored token is used while it is valid.
    /// Default: 30 s.
    pub fn min_validity(mut self, min_validity: Duration) -> Self {
        self.min_validity = min_validity;
        self
    }

    /// Sets how long to wait for the server to confirm a stored token that is still fresh. After that,
    /// [`Session::validate`](super::Session::validate) fails, and the token can be used unconfirmed.
    /// Default: as long as for every other request.
    pub fn check_limit(mut self, check_limit: impl Into<Option<Duration>>) -> Self {
        self.check_limit = check_limit.into();
        self
    }

    /// Sets whether the login may be stored in the OS keyring. Default: yes. If not, the keyring is
    /// not touched at all.
    pub fn keyring(mut self, keyring: bool) -> Self {
        self.keyring = keyring;
        self
    }

    /// Sets the prompt that the person sees. Default: plain text on standard error.
    pub fn prompt(mut self, prompt: Arc<dyn Prompt>) -> Self {
        self.prompt = prompt;
        self
    }

    /// Sets the browser that opens a URL. Default: the browser of this machine, if one can be
    /// opened.
    pub fn browser(mut self, browser: Arc<dyn Browser>) -> Self {
        self.browser = Some(browser);
        self
    }

    /// Sets where logins are stored. Default: the keyring, and `~/.authgate-tokens.json` if there
    /// is none.
    #[cfg(feature = "test-util")]
    pub fn store(mut self, store: impl Into<Arc<FallbackStore>>) -> Self {
        self.store = Some(store.into());
        self
    }

    /// Sets the facts that decide whether a browser can be opened. Default: those of this machine.
    #[cfg(feature = "test-util")]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Arc::new(platform);
        self
    }

    /// Sets the counter of the work that a Ctrl-C should wait for.
    pub fn in_flight(mut self, in_flight: InFlight) -> Self {
        self.in_flight = in_flight;
        self
    }

    /// Fails if one of these logins is for another server than `server` and must not be replaced.
    pub(super) fn refuse_to_replace(&self, server: &Issuer, logins: &[StoredLogin]) -> Result<()> {
        let other = logins
            .iter()
            .filter_map(|login| login.token.issuer.as_deref())
            .find(|issuer| !server.matches(issuer));
        match other {
            Some(issuer) if !self.replaces_other_login => Err(Error::OtherLogin {
                issuer: text::excerpt(issuer, 200),
                server: server.to_string(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn browser_or_default(&self) -> Arc<dyn Browser> {
        self.browser.clone().unwrap_or_else(|| {
            Arc::new(match self.flow_mode {
                FlowMode::Browser => self.platform.requested_browser(),
                FlowMode::Auto | FlowMode::Device => self.platform.browser(),
            })
        })
    }

    pub(super) fn problem_with_browser_variable(&self) -> Option<String> {
        if self.browser.is_some() {
            return None;
        }
        self.platform.problem_with_browser_variable()
    }

    pub(super) fn store_or_default(&self) -> Arc<FallbackStore> {
        self.store.clone().unwrap_or_else(|| {
            // If a person can unlock the keyring, give them the time for it.
            let can_be_unlocked = self.platform.terminal && self.platform.browser().is_available();
            let limit = if can_be_unlocked {
                KeyringStore::LIMIT_FOR_A_PERSON
            } else {
                KeyringStore::LIMIT
            };
            let limit = self.keyring.then_some(limit);
            Arc::new(FallbackStore::of_user(&self.client_id, limit))
        })
    }
}

impl fmt::Debug for LoginOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoginOptions")
            .field("authgate_url", &self.authgate_url)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
