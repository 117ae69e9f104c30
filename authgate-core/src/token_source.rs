//! A valid token at any time, for a service or for a person.

mod backoff;
mod builder;
mod cached_token;
mod client_credentials;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;

use crate::client::OAuthClient;
#[cfg(feature = "login")]
use crate::clock::SystemClock;
use crate::clock::{Clock, Moment};
use crate::error::Result;
use crate::flight::SingleFlight;
use crate::http::{HttpClient, Retry};
use crate::secret::Secret;
use crate::token::{Freshness, Token};
use backoff::Backoff;
pub use builder::TokenSourceBuilder;
pub(crate) use cached_token::CachedToken;

/// How long before its expiry a token is refreshed, unless the builder says otherwise.
const DEFAULT_EXPIRY_DELTA: Duration = Duration::from_secs(30);

/// A valid token at any time: fetched when first wanted, refreshed before it expires, shared by all
/// clones.
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
///
/// A service's token comes from the client credentials grant, as above; a person's from
/// `Session::token_source` (feature `login`). Everything else is the same for both:
///
/// * A fresh token in memory costs a clock read and a clone of a prepared header: no lock, and no
///   allocation.
/// * Shortly before expiry one task refreshes the token in the background while every caller still
///   gets the one in memory. If that fails, another attempt follows; an error never replaces a valid
///   token.
/// * Without a valid token all callers share one request and its outcome. After a failure they get
///   its error at once for a second, doubled with each failure up to half a minute, or as long as
///   the server asked for.
/// * A caller who stops waiting cancels the request of no other caller.
///
/// It must be used within a tokio runtime. A request belongs to the runtime that needed it first;
/// when that runtime is shut down or no thread polls it, the next caller starts a new request. Each
/// runtime has connections of its own.
#[derive(Clone)]
pub struct TokenSource {
    refresher: Arc<Refresher>,
    flight: Arc<SingleFlight<Arc<CachedToken>>>,
}

/// The parts that a flight needs. It does not hold the flight, so dropping the source ends it.
struct Refresher {
    next: Box<dyn NextToken>,
    clock: Arc<dyn Clock>,
    http: HttpClient,
    expiry_delta: Duration,
    cached: ArcSwapOption<CachedToken>,
    backoff: Backoff,
}

/// Where the next token comes from: the one thing in which a service and a person differ.
pub(crate) trait NextToken: fmt::Debug + Send + Sync {
    /// Gets a token to replace `current`, which is about to expire, has expired or was refused by an
    /// API. `retry` says how often the request may be sent where sending it twice does no harm.
    fn next<'a>(&'a self, current: Option<&'a Token>, retry: Retry) -> TokenFuture<'a>;
}

pub(crate) type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Token>> + Send + 'a>>;

impl TokenSource {
    /// Builds a source for a service; `client` must have a secret.
    pub fn builder(client: OAuthClient) -> TokenSourceBuilder {
        TokenSourceBuilder::new(client)
    }

    /// Builds a source that has a token already.
    #[cfg(feature = "login")]
    pub(crate) fn beginning_with(token: Token, next: Box<dyn NextToken>, http: HttpClient) -> Self {
        let source = Self::new(next, http, Arc::new(SystemClock), DEFAULT_EXPIRY_DELTA);
        // A token that no header can carry was refused when it was read.
        let token = CachedToken::new(token, DEFAULT_EXPIRY_DELTA).ok();
        source.refresher.cached.store(token.map(Arc::new));
        source
    }

    fn new(
        next: Box<dyn NextToken>,
        http: HttpClient,
        clock: Arc<dyn Clock>,
        expiry_delta: Duration,
    ) -> Self {
        let refresher = Refresher {
            next,
            clock,
            http,
            expiry_delta,
            cached: ArcSwapOption::empty(),
            backoff: Backoff::default(),
        };
        Self {
            refresher: Arc::new(refresher),
            flight: Arc::new(SingleFlight::new("fetching a token")),
        }
    }

    /// Returns a valid token.
    ///
    /// # Errors
    ///
    /// As for [`OAuthClient::client_credentials`], and only when there is no valid token. For a
    /// person's login that the server has ended, [`Error::needs_login`](crate::Error::needs_login)
    /// is true.
    pub async fn token(&self) -> Result<Arc<Token>> {
        let (token, _) = self.obtain().await?;
        Ok(token.token().clone())
    }

    /// Returns the `Authorization` header for a valid token.
    ///
    /// # Errors
    ///
    /// As for [`TokenSource::token`].
    pub async fn header(&self) -> Result<HeaderValue> {
        match self.in_memory(|token| token.header()) {
            Some(header) => Ok(header),
            None => Ok(self.fetch(None).await?.header()),
        }
    }

    /// Discards a token that an API has refused, so that the next caller gets a new one.
    ///
    /// Does nothing if it is no longer the current token, so that many calls that failed with one
    /// token cause one refresh.
    pub fn invalidate(&self, access_token: &Secret) {
        let cached = &self.refresher.cached;
        let refused = cached.load();
        if let Some(token) = refused
            .as_ref()
            .filter(|token| token.access_token() == access_token)
        {
            cached.compare_and_swap(&refused, Some(Arc::new(token.expired())));
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.refresher.clock.now()
    }

    pub(crate) fn http(&self) -> &HttpClient {
        &self.refresher.http
    }

    /// Returns a valid token, and whether this call waited for it.
    pub(crate) async fn obtain(&self) -> Result<(Arc<CachedToken>, bool)> {
        match self.in_memory(Arc::clone) {
            Some(token) => Ok((token, false)),
            None => Ok((self.fetch(None).await?, true)),
        }
    }

    /// Calls `take` with the token in memory if it is valid, and starts a refresh if one is due.
    fn in_memory<T>(&self, take: impl FnOnce(&Arc<CachedToken>) -> T) -> Option<T> {
        let cached = self.refresher.cached.load();
        let token = cached.as_ref()?;
        match token.freshness(self.now()) {
            Freshness::Fresh => {}
            Freshness::Expiring => self.refresh_in_background(),
            Freshness::Expired => return None,
        }
        Some(take(token))
    }

    #[cold]
    fn refresh_in_background(&self) {
        let refresher = &self.refresher;
        self.flight.start_in_background(
            || refresher.is_refresh_due(),
            || refresher.clone().refresh(),
        );
    }

    /// Gets a token for a caller who waits: joins the flight in progress, or starts one. The token
    /// that an API has `refused` stays in memory until then, because another API may accept it.
    #[cold]
    pub(crate) async fn fetch(&self, refused: Option<&CachedToken>) -> Result<Arc<CachedToken>> {
        let refresher = &self.refresher;
        let join = || {
            self.flight.join(
                || refresher.outcome_without_request(refused),
                || refresher.clone().fetch(),
            )
        };
        match join().await {
            // The failed flight was a background refresh, which makes only one attempt and began while
            // the old token was valid. Callers wait now, so ask again, with retries.
            Err(_) if !refresher.is_backing_off() => join().await,
            outcome => outcome,
        }
    }
}

impl Refresher {
    /// Returns whether a refresh should start. Every call inside the margin asks, but another caller's
    /// refresh may just have succeeded, or failed too recently.
    fn is_refresh_due(&self) -> bool {
        let now = self.clock.now();
        let cached = self.cached.load();
        let is_expiring = cached
            .as_ref()
            .is_some_and(|token| token.freshness(now) == Freshness::Expiring);
        is_expiring && self.backoff.is_over(now)
    }

    /// Returns what a caller gets without a request: the valid token that another caller has just
    /// fetched, unless it is the `refused` one, or an error that is too recent to ask again.
    fn outcome_without_request(
        &self,
        refused: Option<&CachedToken>,
    ) -> Option<Result<Arc<CachedToken>>> {
        let now = self.clock.now();
        let is_refused = |token: &CachedToken| {
            refused.is_some_and(|refused| refused.access_token() == token.access_token())
        };
        match self.cached.load_full() {
            Some(token) if !is_refused(&token) && token.freshness(now) != Freshness::Expired => {
                Some(Ok(token))
            }
            _ => self.backoff.error_for_callers(now).map(Err),
        }
    }

    fn is_backing_off(&self) -> bool {
        self.backoff.error_for_callers(self.clock.now()).is_some()
    }

    /// Fetches a token that callers wait for, with retries.
    async fn fetch(self: Arc<Self>) -> Result<Arc<CachedToken>> {
        tracing::debug!("callers wait for a token");
        let outcome = self.request(Retry::Idempotent).await;
        outcome.inspect_err(|error| self.backoff.record(error, self.clock.now(), true))
    }

    /// Refreshes the token in the background: one attempt, because the next one follows after a pause.
    async fn refresh(self: Arc<Self>) -> Result<Arc<CachedToken>> {
        tracing::debug!("the token expires soon; refreshing it in the background");
        let outcome = self.request(Retry::Never).await;
        outcome.inspect_err(|error| {
            tracing::warn!(%error, "the token could not be refreshed in time; another attempt follows");
            // If the token expires during the pause, callers may ask at once, unless the server itself
            // asked for the pause.
            let blocks_callers = error.retry_after().is_some();
            self.backoff.record(error, self.clock.now(), blocks_callers);
        })
    }

    async fn request(&self, retry: Retry) -> Result<Arc<CachedToken>> {
        let current = self.cached.load_full();
        let token = self
            .next
            .next(current.as_ref().map(|current| &**current.token()), retry)
            .await?;
        let token = Arc::new(CachedToken::new(token, self.expiry_delta)?);
        self.cached.store(Some(token.clone()));
        self.backoff.clear();
        Ok(token)
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("TokenSource")
            .field(&self.refresher.next)
            .finish()
    }
}
