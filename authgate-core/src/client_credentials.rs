//! Tokens for a service, which renew themselves.

mod builder;
mod headers;
mod refusal;
mod setback;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;

use crate::client::OAuthClient;
use crate::clock::Moment;
use crate::error::Result;
use crate::flight::SingleFlight;
use crate::http::{HttpClient, Retry};
use crate::secret::Secret;
use crate::token::{Freshness, Token};
pub use builder::TokenSourceBuilder;
use headers::Headers;
use refusal::Refusal;
use setback::Setbacks;

/// A machine's token whose lifetime the server does not name is taken to be good for this long.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// Even a token that is said to expire at once is kept this long, so that a server's mistake does
/// not make every call fetch one: AuthGate allows 20 requests a minute.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(5);

/// A service's token: fetched when first wanted, renewed before it expires, shared by all clones.
///
/// * A fresh token in memory costs a clock read and a clone of a prepared header: no lock, no allocation.
/// * Shortly before expiry one task renews it in the background while every caller still gets the
///   token there is. A failure there is nobody's problem: the next attempt follows, and an error
///   never takes the place of a valid token.
/// * Without a valid token all callers share one request and its outcome. After a failure they get
///   its error at once for a second, doubled with each failure up to half a minute, or as long as
///   the server asked for, so that a struggling server is not asked by everyone all the time.
/// * A caller who stops waiting cancels nobody else's request.
///
/// It must be used within a tokio runtime. A request and its connection belong to the runtime that
/// needed them first: when that is shut down, the next caller starts anew on its own.
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
    headers: Headers,
    margin: Duration,
    refusal: Refusal,
}

impl TokenSource {
    /// A source of tokens for `client`, which must have a secret.
    pub fn builder(client: OAuthClient) -> TokenSourceBuilder {
        TokenSourceBuilder::new(client)
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
        match self.in_memory(|granted| granted.header()) {
            Some(header) => Ok(header),
            None => Ok(self.fetch().await?.header()),
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

    pub(crate) fn now(&self) -> Moment {
        self.shared.fetcher.client.clock().now()
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
        let fetch = || flight.join(|| fetcher.known_outcome(), || fetcher.clone().fetch());
        match fetch().await {
            // It was a renewal in the background, begun while the old token was good: one attempt,
            // for nobody. Whoever waits deserves a request of their own.
            Err(_) if !fetcher.has_standing_error() => fetch().await,
            outcome => outcome,
        }
    }

    /// A token in place of one that an API has refused. The refused one stays until there is
    /// another: it may be good for another API.
    pub(crate) async fn replace(&self, refused: &Granted) -> Result<Arc<Granted>> {
        let Shared { fetcher, flight } = &*self.shared;
        flight.join(|| fetcher.successor_of(refused), || fetcher.clone().fetch()).await
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

    fn has_standing_error(&self) -> bool {
        self.setbacks.standing_error(self.client.clock().now()).is_some()
    }

    /// What another caller has got in place of `refused`, or why nobody is asking just now.
    fn successor_of(&self, refused: &Granted) -> Option<Result<Arc<Granted>>> {
        let current = self.current.load();
        match current.as_ref() {
            Some(granted) if granted.token.access_token != refused.token.access_token => Some(Ok(granted.clone())),
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
        let headers = Headers::new(&token.access_token)?;
        let margin = margin(lifetime, expiry_delta);
        Ok(Self { headers, margin, token: Arc::new(token), refusal: Refusal::default() })
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.headers.one()
    }

    pub(crate) fn access_token(&self) -> &Secret {
        &self.token.access_token
    }

    /// Whether an API has refused it, when it was new, and what to make of that.
    pub(crate) fn refusal(&self) -> &Refusal {
        &self.refusal
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
