//! Tokens for a service, which renew themselves.

mod setback;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;

use crate::client::OAuthClient;
use crate::error::Result;
use crate::flight::SingleFlight;
use crate::http::{HttpClient, Retry};
use crate::resource::bearer;
use crate::secret::Secret;
use crate::token::{Freshness, Token};
use setback::Setbacks;

/// A machine's token whose lifetime the server does not name is taken to be good for this long.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// Even a token that is said to expire at once is kept this long, so that a server's mistake does
/// not make every call fetch one.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(1);
const DEFAULT_EXPIRY_DELTA: Duration = Duration::from_secs(30);

/// A service's token: fetched when first wanted, renewed before it expires, shared by all clones.
///
/// * A token in memory costs a clock read and a clone of a prepared header: no lock, no allocation.
/// * Shortly before expiry one task renews it in the background while every caller still gets the
///   token there is. A failure there is nobody's problem: the next attempt follows, and an error
///   never takes the place of a valid token.
/// * Without a valid token all callers share one request and its outcome. After a failure they get
///   its error at once for a second, doubled with each failure up to half a minute, or as long as
///   the server asked for, so that a struggling server is not asked by everyone all the time.
/// * A caller who stops waiting cancels nobody else's request.
///
/// It must be used within a tokio runtime, and may be used from several.
///
/// ```no_run
/// # async fn example(client: authgate_core::OAuthClient) -> authgate_core::Result<()> {
/// use authgate_core::TokenSource;
///
/// let tokens = TokenSource::builder(client).scopes(["read"]).build();
/// let authorization = tokens.header().await?; // "Bearer ...", never printed
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TokenSource {
    shared: Arc<Shared>,
}

struct Shared {
    fetcher: Arc<Fetcher>,
    flight: SingleFlight<Arc<Granted>>,
}

/// What a flight needs. It holds no [`Shared`], so that dropping the source ends the flight.
struct Fetcher {
    client: OAuthClient,
    scopes: Vec<String>,
    extra_parameters: Vec<(String, String)>,
    expiry_delta: Duration,
    current: ArcSwapOption<Granted>,
    setbacks: Setbacks,
}

/// A token, ready for use.
pub(crate) struct Granted {
    token: Arc<Token>,
    pub(crate) header: HeaderValue,
    margin: Duration,
}

impl TokenSource {
    /// A source of tokens for `client`, which must have a secret.
    pub fn builder(client: OAuthClient) -> TokenSourceBuilder {
        TokenSourceBuilder {
            client,
            scopes: Vec::new(),
            extra_parameters: Vec::new(),
            expiry_delta: DEFAULT_EXPIRY_DELTA,
        }
    }

    /// A valid token.
    ///
    /// # Errors
    ///
    /// As for [`OAuthClient::client_credentials`], and only when there is no valid token.
    pub async fn token(&self) -> Result<Arc<Token>> {
        Ok(self.granted().await?.0.token.clone())
    }

    /// The `Authorization` header for a valid token.
    ///
    /// # Errors
    ///
    /// As for [`TokenSource::token`].
    pub async fn header(&self) -> Result<HeaderValue> {
        match self.in_memory(|granted| granted.header.clone()) {
            Some(header) => Ok(header),
            None => Ok(self.fetch().await?.header.clone()),
        }
    }

    /// Gives up a token that an API has refused: the next caller gets a new one.
    ///
    /// Nothing happens when it is not the current token any more, so many calls that failed with
    /// one token cause one renewal.
    pub fn invalidate(&self, access_token: &Secret) {
        let current = &self.shared.fetcher.current;
        let refused = current.load();
        if refused.as_ref().is_some_and(|granted| granted.token.access_token == *access_token) {
            current.compare_and_swap(&refused, None);
        }
    }

    pub(crate) fn http(&self) -> &HttpClient {
        self.shared.fetcher.client.http()
    }

    /// A valid token, and whether this very call waited for it.
    pub(crate) async fn granted(&self) -> Result<(Arc<Granted>, Origin)> {
        match self.in_memory(Arc::clone) {
            Some(granted) => Ok((granted, Origin::Memory)),
            None => Ok((self.fetch().await?, Origin::Fetched)),
        }
    }

    /// What the caller wants of the token in memory, if it is valid; starts the renewal when due.
    fn in_memory<T>(&self, take: impl FnOnce(&Arc<Granted>) -> T) -> Option<T> {
        let current = self.shared.fetcher.current.load();
        let granted = current.as_ref()?;
        match self.shared.fetcher.freshness(granted) {
            Freshness::Fresh(_) | Freshness::Unlimited => {}
            Freshness::Expiring(_) => self.renew_in_background(),
            Freshness::Expired(_) => return None,
        }
        Some(take(granted))
    }

    #[cold]
    fn renew_in_background(&self) {
        let Shared { fetcher, flight } = &*self.shared;
        flight.start_in_background(|| fetcher.is_renewal_due(), || fetcher.clone().renew());
    }

    #[cold]
    async fn fetch(&self) -> Result<Arc<Granted>> {
        let Shared { fetcher, flight } = &*self.shared;
        flight.join(|| fetcher.known_outcome(), || fetcher.clone().fetch()).await
    }
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was there before the call.
    Memory,
    /// The call waited for it.
    Fetched,
}

impl Fetcher {
    fn freshness(&self, granted: &Granted) -> Freshness {
        granted.token.freshness(self.client.clock().now(), granted.margin)
    }

    /// A renewal is asked for by every call inside the margin; the flight that one of them has
    /// started may have landed meanwhile, and failures are spaced.
    fn is_renewal_due(&self) -> bool {
        let current = self.current.load();
        let expiring =
            current.as_ref().is_some_and(|granted| matches!(self.freshness(granted), Freshness::Expiring(_)));
        expiring && self.setbacks.allow_renewal(self.client.clock().now())
    }

    /// What callers without a token get without a request: the token that another one has just
    /// fetched, or the error that is too young to ask again.
    fn known_outcome(&self) -> Option<Result<Arc<Granted>>> {
        let current = self.current.load();
        match current.as_ref() {
            Some(granted) if !matches!(self.freshness(granted), Freshness::Expired(_)) => Some(Ok(granted.clone())),
            _ => self.setbacks.standing_error(self.client.clock().now()).map(Err),
        }
    }

    /// Somebody waits: the request is retried.
    async fn fetch(self: Arc<Self>) -> Result<Arc<Granted>> {
        let outcome = self.request(Retry::Idempotent).await;
        if let Err(error) = &outcome {
            self.setbacks.foreground(error, self.client.clock().now());
        }
        outcome
    }

    /// Nobody waits: one attempt, and the next one after a pause.
    async fn renew(self: Arc<Self>) -> Result<Arc<Granted>> {
        let outcome = self.request(Retry::Never).await;
        if let Err(error) = &outcome {
            self.setbacks.background(error, self.client.clock().now());
        }
        outcome
    }

    async fn request(&self, retry: Retry) -> Result<Arc<Granted>> {
        let token = self.client.client_credentials_with(&self.scopes, &self.extra_parameters, retry).await?;
        let missing = token.missing_scopes(&self.scopes);
        if !missing.is_empty() {
            tracing::warn!(missing = missing.join(" "), "the server granted fewer scopes than were asked for");
        }
        let granted = Arc::new(Granted::new(token, self.expiry_delta)?);
        self.current.store(Some(granted.clone()));
        self.setbacks.clear();
        Ok(granted)
    }
}

impl Granted {
    fn new(mut token: Token, expiry_delta: Duration) -> Result<Self> {
        let lifetime = token.lifetime.unwrap_or(DEFAULT_LIFETIME).max(SHORTEST_LIFETIME);
        token.lifetime = Some(lifetime);
        let header = bearer(&token.access_token)?;
        // The first clone of a header allocates the counter that all clones share: done here once,
        // no caller ever allocates.
        drop(header.clone());
        Ok(Self { header, margin: margin(lifetime, expiry_delta), token: Arc::new(token) })
    }

    pub(crate) fn access_token(&self) -> &Secret {
        &self.token.access_token
    }
}

/// How long before expiry a token is renewed: never more than a third of its life, so that one
/// that lives shorter than the delta is used at all, and at a moment of its own in the margin's
/// earlier half, so that a fleet that started together does not renew together.
fn margin(lifetime: Duration, expiry_delta: Duration) -> Duration {
    expiry_delta.min(lifetime / 3).mul_f64(1.0 - fastrand::f64() / 2.0)
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenSource")
            .field("client_id", &self.fetcher.client.client_id())
            .field("scopes", &self.fetcher.scopes)
            .finish_non_exhaustive()
    }
}

/// Made by [`TokenSource::builder`].
#[derive(Debug)]
pub struct TokenSourceBuilder {
    client: OAuthClient,
    scopes: Vec<String>,
    extra_parameters: Vec<(String, String)>,
    expiry_delta: Duration,
}

impl TokenSourceBuilder {
    /// The scopes to ask for; without any, the server grants all that the client may have.
    #[must_use]
    pub fn scopes<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), ..self }
    }

    /// One more parameter in each token request, such as Auth0's `audience`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra_parameters.push((name.into(), value.into()));
        self
    }

    /// How long before it expires a token is renewed; 30 s unless said otherwise.
    #[must_use]
    pub fn expiry_delta(self, expiry_delta: Duration) -> Self {
        Self { expiry_delta, ..self }
    }

    /// The source. Nothing is fetched before a token is wanted.
    pub fn build(self) -> TokenSource {
        TokenSource {
            shared: Arc::new(Shared {
                fetcher: Arc::new(Fetcher {
                    setbacks: Setbacks::default(),
                    client: self.client,
                    scopes: self.scopes,
                    extra_parameters: self.extra_parameters,
                    expiry_delta: self.expiry_delta,
                    current: ArcSwapOption::empty(),
                }),
                flight: SingleFlight::new("fetching a token"),
            }),
        }
    }
}
