//! The server's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;
use tokio::time::Instant;

/// The wall clock, which also follows Tokio's clock when a test pauses and advances it.
#[derive(Debug)]
pub(crate) struct Clock {
    started_at: SystemTime,
    started: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            started_at: SystemTime::now(),
            started: Instant::now(),
        }
    }

    /// Returns the later of two clocks. Tokio's is ahead after a test has advanced it, and the
    /// system's is ahead after the computer was suspended.
    pub(crate) fn now(&self) -> SystemTime {
        later(self.started_at, self.started.elapsed()).max(SystemTime::now())
    }

    pub(crate) fn after(&self, lifetime: Duration) -> SystemTime {
        later(self.now(), lifetime)
    }

    /// Formats the time for a `Date` header.
    pub(crate) fn http_date(&self) -> HeaderValue {
        HeaderValue::from_str(&httpdate::fmt_http_date(self.now()))
            .unwrap_or(HeaderValue::from_static(""))
    }
}

/// Returns the seconds since 1970, rounded down.
pub(crate) fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Returns `time + duration`, but at most 1000 years later, because the standard library panics on
/// overflow.
fn later(time: SystemTime, duration: Duration) -> SystemTime {
    const CENTURIES: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);
    time.checked_add(duration.min(CENTURIES)).unwrap_or(time)
}
