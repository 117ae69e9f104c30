//! A token in memory, ready for many threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;

use crate::clock::Moment;
use crate::error::Result;
use crate::http::bearer;
use crate::secret::Secret;
use crate::token::{Freshness, Token};

/// We use a token for at least this long, even if the server says that it expires at once. Otherwise
/// a server's mistake would make every call fetch one, and AuthGate allows 20 requests a minute.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(5);
/// After an API has refused a new token, we fetch no other token for it for this long.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);
/// More copies would help only a machine on which more threads than this do nothing but ask for a
/// header.
const HEADER_COPIES: usize = 8;

/// A token with its prepared headers, and whether an API has refused it.
pub(crate) struct CachedToken {
    token: Arc<Token>,
    headers: Vec<HeaderValue>,
    margin: Duration,
    /// When an API refused the token although it was new. Such an API would refuse the next token
    /// too; AuthGate's userinfo endpoint refuses every service's.
    refused_when_new: OnceLock<Moment>,
}

thread_local! {
    /// This thread's number, which chooses its copy of a header. Cloning a header changes a counter
    /// in it, and threads on different cores that change one counter wait for each other.
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
            refused_when_new: OnceLock::new(),
        })
    }

    /// Returns the same token as one that has expired.
    pub(super) fn expired(&self) -> Self {
        let token = Token {
            lifetime: Some(Duration::ZERO),
            ..Token::clone(&self.token)
        };
        Self {
            headers: self.headers.clone(),
            margin: self.margin,
            token: Arc::new(token),
            refused_when_new: OnceLock::new(),
        }
    }

    pub(super) fn token(&self) -> &Arc<Token> {
        &self.token
    }

    pub(super) fn freshness(&self, now: Moment) -> Freshness {
        Freshness::of(&self.token, now, self.margin)
    }

    pub(crate) fn access_token(&self) -> &Secret {
        &self.token.access_token
    }

    /// Clones the `Authorization` header, without a lock or an allocation.
    pub(crate) fn header(&self) -> HeaderValue {
        self.headers[THREAD_NUMBER.with(|number| *number) % HEADER_COPIES].clone()
    }

    /// Records that an API has refused the token, which was fetched for this very call.
    pub(crate) fn record_refusal(&self, now: Moment) {
        // Callers who shared the fetch report the same refusal. The first report counts.
        let _ = self.refused_when_new.set(now);
    }

    /// Returns whether an API that refuses the token may accept a new one.
    pub(crate) fn allows_replacement(&self, now: Moment) -> bool {
        self.refused_when_new
            .get()
            .is_none_or(|refused| now.since(*refused) >= REFUSAL_PAUSE)
    }
}

/// Returns how long before expiry a token is refreshed. It is never more than a third of the
/// lifetime, because a token that lives shorter than the delta would never be fresh. Each process
/// picks a random moment in the earlier half of the margin, so that processes that started together
/// do not refresh together.
fn margin(lifetime: Duration, expiry_delta: Duration) -> Duration {
    expiry_delta
        .min(lifetime / 3)
        .mul_f64(1.0 - fastrand::f64() / 2.0)
}
