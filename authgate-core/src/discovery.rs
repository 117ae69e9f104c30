//! OpenID Connect Discovery 1.0: from the server's URL to its endpoints.

mod issuer;
mod metadata;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use url::Url;

use crate::clock::{Clock, Moment, SystemClock};
use crate::config::parse_url_without_query;
use crate::error::{Error, Result};
use crate::flight::SingleFlight;
use crate::http::{HttpClient, Retry, get_json};
use crate::text;

pub use issuer::Issuer;
pub use metadata::{Endpoints, Metadata};

const OPERATION: &str = "discovery";
const WELL_KNOWN_PATH: &str = "/.well-known/openid-configuration";
/// The value in AuthGate's own `Cache-Control`; endpoints do not move more often.
const TIME_TO_LIVE: Duration = Duration::from_secs(60 * 60);

/// Fetches a server's metadata and caches it for an hour; concurrent callers share one request.
///
/// ```no_run
/// # async fn example() -> authgate_core::Result<()> {
/// use authgate_core::{DiscoveryClient, HttpClient};
///
/// let discovery = DiscoveryClient::new("https://auth.example.com", HttpClient::default())?;
/// let metadata = discovery.fetch().await?;
/// println!("tokens come from {}", metadata.token_endpoint);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DiscoveryClient {
    fetcher: Arc<Fetcher>,
    flight: Arc<SingleFlight<Arc<Metadata>>>,
}

/// The parts that a flight needs. It does not hold the flight, so dropping the client ends it.
struct Fetcher {
    issuer: Issuer,
    url: Url,
    http: HttpClient,
    time_to_live: Duration,
    clock: Arc<dyn Clock>,
    cached: ArcSwapOption<(Moment, Arc<Metadata>)>,
}

impl DiscoveryClient {
    /// Creates a client for the server at `authgate_url`, which is also its issuer. One trailing
    /// slash makes no difference.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when the rule of [`parse_url`](crate::parse_url) refuses the URL, or when it
    /// has a query.
    pub fn new(authgate_url: &str, http: HttpClient) -> Result<Self> {
        let issuer = Issuer::new(authgate_url);
        parse_url_without_query("the server's URL", issuer.as_str(), http.plain_http())?;
        let url = format!("{}{WELL_KNOWN_PATH}", issuer.as_str());
        let url = Url::parse(&url).map_err(|reason| {
            Error::permanent(format!("the server's URL is not a URL ({reason})"))
        })?;
        let fetcher = Fetcher {
            issuer,
            url,
            http,
            time_to_live: TIME_TO_LIVE,
            clock: Arc::new(SystemClock),
            cached: ArcSwapOption::empty(),
        };
        Ok(Self {
            fetcher: Arc::new(fetcher),
            flight: Arc::new(SingleFlight::new(OPERATION)),
        })
    }

    /// Caches the metadata for `time_to_live` instead of an hour, and measures it by `clock`. Call
    /// this before the client is cloned.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn with_cache(mut self, time_to_live: Duration, clock: Arc<dyn Clock>) -> Self {
        let fetcher = Arc::get_mut(&mut self.fetcher);
        let fetcher = fetcher.unwrap_or_else(|| unreachable!("the client was cloned before"));
        (fetcher.time_to_live, fetcher.clock) = (time_to_live, clock);
        self
    }

    /// Returns the server's metadata, from memory if it is fresh enough.
    ///
    /// # Errors
    ///
    /// [`Error::WrongServer`] when there is no document, or one of another issuer; [`Error::Other`]
    /// when it names an endpoint that no token may go to; [`Error::Transport`], [`Error::Response`]
    /// and [`Error::OAuth`] when the request fails.
    pub async fn fetch(&self) -> Result<Arc<Metadata>> {
        let fetcher = &self.fetcher;
        if let Some(metadata) = fetcher.fresh() {
            return Ok(metadata);
        }
        self.flight
            .join(|| fetcher.fresh().map(Ok), || fetcher.clone().fetch())
            .await
    }
}

impl Fetcher {
    fn fresh(&self) -> Option<Arc<Metadata>> {
        let cached = self.cached.load();
        let (fetched, metadata) = &**cached.as_ref()?;
        (self.clock.now().since(*fetched) < self.time_to_live).then(|| metadata.clone())
    }

    async fn fetch(self: Arc<Self>) -> Result<Arc<Metadata>> {
        let asked = self.clock.now();
        let answer = self
            .http
            .send(OPERATION, get_json(&self.url), Retry::Idempotent)
            .await?;
        let document = answer.object()?;
        Metadata::check_issuer(&document, &self.issuer).map_err(|reason| Error::WrongServer {
            operation: OPERATION,
            url: text::printable_url(&self.url),
            status: None,
            reason,
        })?;
        let metadata = Metadata::read(
            &document,
            &self.issuer,
            self.url.scheme() == "https",
            self.http.plain_http(),
        )
        .map_err(|reason| answer.refused(&reason))?;
        let metadata = Arc::new(metadata);
        self.cached.store(Some(Arc::new((asked, metadata.clone()))));
        Ok(metadata)
    }
}

impl fmt::Debug for DiscoveryClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DiscoveryClient")
            .field("issuer", &self.fetcher.issuer)
            .finish_non_exhaustive()
    }
}
