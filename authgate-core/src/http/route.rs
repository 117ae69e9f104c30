//! The way to a server: which authorities we trust there, which proxy is between us, and the
//! connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};
use rustls::ClientConfig;
use tokio::time::Instant;
use tower::util::MapFutureLayer;
use url::Url;

use super::connections::{self, Connection, Pools};
use super::proxy::Proxies;
use super::tls::{self, Authorities};
use super::transport_error::transport_error;
use crate::config::{LOCALHOST, is_loopback};
use crate::error::{Cause, Error, Result};

/// Connecting includes steps with waits of their own: where the first name server is dead, the
/// system asks the second one after 5 s, for a name perhaps twice, and a proxy connects in its turn.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// The most headers of an answer that we read; proxies add many. Each answer costs memory for all of
/// them, and with 500 a short run takes 2 % longer.
const HEADER_COUNT_LIMIT: usize = 200;
/// The HTTP client replaces port 0 by the URL's.
const LOOPBACK: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
];
const USER_AGENT: &str = concat!("authgate-rust/", env!("CARGO_PKG_VERSION"));

/// The routes that URLs can need, each built on first use.
#[derive(Default)]
pub(super) struct Routes {
    loopback: Mutex<Option<Arc<Route>>>,
    loopback_tls: Mutex<Option<Arc<Route>>>,
    remote: Mutex<Option<Arc<Route>>>,
    remote_tls: Mutex<Option<Arc<Route>>>,
}

impl Routes {
    pub(super) fn to(&self, url: &Url) -> Result<Arc<Route>> {
        let mut current = self.current(url);
        if let Some(route) = &*current {
            return Ok(Arc::clone(route));
        }
        let authorities = match url.scheme() {
            "https" => Some(Authorities::read()?),
            _ => None,
        };
        let route = Arc::new(Route::new(is_loopback(url), authorities)?);
        *current = Some(Arc::clone(&route));
        Ok(route)
    }

    /// Reads the authorities again after a certificate was refused, because a server may move to a
    /// new authority while a service runs. Returns a new route if they differ from those of `used`.
    pub(super) fn with_other_authorities(
        &self,
        url: &Url,
        used: &Arc<Route>,
    ) -> Option<Arc<Route>> {
        // A file that is just being written may be unreadable. Then the failure stays.
        let authorities = Authorities::read().ok()?;
        if used.authorities.as_ref()?.are_the_same_as(&authorities) {
            return None;
        }
        let mut current = self.current(url);
        match &*current {
            // Another request has read them too.
            Some(route) if !Arc::ptr_eq(route, used) => Some(Arc::clone(route)),
            _ => {
                let route = Arc::new(Route::new(is_loopback(url), Some(authorities)).ok()?);
                *current = Some(Arc::clone(&route));
                Some(route)
            }
        }
    }

    fn current(&self, url: &Url) -> MutexGuard<'_, Option<Arc<Route>>> {
        let route = match (is_loopback(url), url.scheme()) {
            (true, "https") => &self.loopback_tls,
            (true, _) => &self.loopback,
            (false, "https") => &self.remote_tls,
            (false, _) => &self.remote,
        };
        route.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Route {
    is_loopback: bool,
    /// `None` without encryption.
    authorities: Option<Authorities>,
    tls: ClientConfig,
    proxies: Arc<Proxies>,
    pools: Pools,
}

impl Route {
    fn new(is_loopback: bool, authorities: Option<Authorities>) -> Result<Self> {
        let tls = match &authorities {
            Some(authorities) => authorities.configuration()?,
            None => tls::without_roots()?,
        };
        let proxies = if is_loopback {
            Proxies::default()
        } else {
            Proxies::from_environment(authorities.is_some())
        };
        Ok(Self {
            is_loopback,
            authorities,
            tls,
            proxies: Arc::new(proxies),
            pools: Pools::default(),
        })
    }

    /// Sends a request. If it `is_repeatable` and goes out on a connection from the pool that dies
    /// before an answer, sends it once more on a new connection.
    pub(super) async fn exchange(
        &self,
        operation: &'static str,
        request: reqwest::Request,
        connection: Connection,
        is_repeatable: bool,
    ) -> Result<reqwest::Response> {
        let url = request.url().clone();
        let proxy = self.proxy_name(&url)?;
        let again = is_repeatable.then(|| request.try_clone()).flatten();
        let begun = Instant::now();
        let sending = self.client(connection)?.execute(request);
        let (mut outcome, is_new) = connections::observe(sending).await;
        let was_dead = !is_new && outcome.as_ref().is_err_and(connections::has_died);
        if let Some(mut again) = again
            && was_dead
        {
            shorten_limit(&mut again, begun);
            outcome = self.client(Connection::New)?.execute(again).await;
        }
        outcome.map_err(|error| {
            transport_error(operation, &url, proxy, self.authorities.as_ref(), &error)
        })
    }

    /// Returns scheme, host and port of the proxy for this server, without its credentials.
    pub(super) fn proxy_name(&self, server: &Url) -> Result<Option<String>> {
        let proxy = self.proxies.for_server(server)?;
        Ok(proxy.map(|proxy| proxy.origin().ascii_serialization()))
    }

    fn client(&self, connection: Connection) -> Result<reqwest::Client> {
        match connection {
            Connection::Pooled => self.pools.current(|| build(self.builder())),
            Connection::New => build(self.builder().pool_max_idle_per_host(0)),
        }
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        let uncompressed = (ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            // This turns off the HTTP client's own reading of the variables.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_LIMIT)
            .connector_layer(MapFutureLayer::new(connections::recorded))
            .http1_max_headers(HEADER_COUNT_LIMIT)
            .default_headers(HeaderMap::from_iter([uncompressed]))
            .user_agent(USER_AGENT);
        if self.is_loopback {
            // A hosts file could give these names another machine's address, and that machine would
            // get the secret.
            return LOCALHOST.into_iter().fold(builder, |builder, name| {
                builder.resolve_to_addrs(name, &LOOPBACK)
            });
        }
        let proxies = Arc::clone(&self.proxies);
        builder.proxy(reqwest::Proxy::custom(move |url| {
            proxies.for_server(url).ok().flatten().cloned()
        }))
    }
}

/// Takes the time since `begun` off a limit that the caller has set, because the limit is for all
/// requests of a call together.
pub(crate) fn shorten_limit(request: &mut reqwest::Request, begun: Instant) {
    if let Some(limit) = request.timeout_mut() {
        *limit = limit.saturating_sub(begun.elapsed());
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    builder.build().map_err(|error| {
        Error::permanent(format!(
            "cannot create the HTTP client: {}",
            Cause::innermost(&error)
        ))
    })
}
