//! A token in memory, ready for many threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;

use crate::clock::Moment;
use crate::error::Result;
use crate::http::bearer;
use crate::secret::Secret;
use crate::token::{Freshness, Token};

/// A token that is said to expire at once is kept this long all the same, so that a server's mistake
/// does not make every call fetch one: AuthGate allows 20 requests a minute.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(5);
/// How long a token that an API has refused when it was new is not replaced on that API's word.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);
/// More would help only a machine on which so many threads do nothing else than ask for a header.
const HEADER_COPIES: usize = 8;

/// A token, its prepared headers, and what an API has said of it.
pub(crate) struct CachedToken {
    token: Arc<Token>,
    headers: Vec<HeaderValue>,
    margin: Duration,
    /// When an API has refused the token although it was new. Such an API would refuse the next one
    /// too: AuthGate's userinfo endpoint does so to every service.
    refused_when_new: Mutex<Option<Moment>>,
}

thread_local! {
    /// Which copy of a header this thread keeps to, before division. Cloning a header counts its
    /// clones, and threads on different cores that count at one place wait for each other.
    static THREAD_NUMBER: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

impl CachedToken {
    pub(super) fn new(mut token: Token, expiry_delta: Duration) -> Result<Self> {
        token.lifetime = token
            .lifetime
            .map(|lifetime| lifetime.max(SHORTEST_LIFETIME));
        let headers: Result<_> = (0..HEADER_COPIES)
            .map(|_| bearer(&token.access_token))
            .collect();
        Ok(Self {
            headers: headers?,
            margin: token
                .lifetime
                .map_or(Duration::ZERO, |lifetime| margin(lifetime, expiry_delta)),
            token: Arc::new(token),
            refused_when_new: Mutex::default(),
        })
    }

    /// The same token, to be used no more.
    pub(super) fn expired(&self) -> Self {
        let token = Token {
            lifetime: Some(Duration::ZERO),
            ..Token::clone(&self.token)
        };
        Self {
            headers: self.headers.clone(),
            margin: self.margin,
            token: Arc::new(token),
            refused_when_new: Mutex::default(),
        }
    }

    pub(super) fn token(&self) -> &Arc<Token> {
        &self.token
    }

    pub(super) fn freshness(&self, now: Moment) -> Freshness {
        self.token.freshness(now, self.margin)
    }

    pub(crate) fn access_token(&self) -> &Secret {
        &self.token.access_token
    }

    /// A clone of the `Authorization` header, without a lock or an allocation.
    pub(crate) fn header(&self) -> HeaderValue {
        self.headers[THREAD_NUMBER.with(|number| *number) % HEADER_COPIES].clone()
    }

    /// Notes that an API has refused the token, which was fetched for this very call.
    pub(crate) fn record_refusal(&self, now: Moment) {
        *self
            .refused_when_new
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether an API that refuses the token may accept a new one.
    pub(crate) fn allows_replacement(&self, now: Moment) -> bool {
        let refused = self
            .refused_when_new
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        refused.is_none_or(|refused| now.since(refused) >= REFUSAL_PAUSE)
    }
}

/// How long before expiry a token is refreshed: never more than a third of its life, so that one
/// that lives shorter than the delta is used at all, and at a moment of its own in the margin's
/// earlier half, so that a fleet that started together does not refresh together.
fn margin(lifetime: Duration, expiry_delta: Duration) -> Duration {
    expiry_delta
        .min(lifetime / 3)
        .mul_f64(1.0 - fastrand::f64() / 2.0)
}
