//! The server's own idea of the time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::http::HeaderValue;
use tokio::time::Instant;

/// The wall clock, moved on by paused Tokio time and by hand.
#[derive(Debug)]
pub(crate) struct Clock {
    started_at: SystemTime,
    started: Instant,
    offset: Mutex<Duration>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { started_at: SystemTime::now(), started: Instant::now(), offset: Mutex::default() }
    }

    /// The later of two clocks: Tokio's runs ahead in a test that pauses time, the system's after
    /// the computer was suspended.
    pub(crate) fn now(&self) -> SystemTime {
        let elapsed = later(self.started_at, self.started.elapsed());
        later(elapsed.max(SystemTime::now()), *self.offset())
    }

    pub(crate) fn after(&self, lifetime: Duration) -> SystemTime {
        later(self.now(), lifetime)
    }

    /// The time as the header `Date` has it.
    pub(crate) fn http_date(&self) -> HeaderValue {
        HeaderValue::from_str(&httpdate::fmt_http_date(self.now())).unwrap_or(HeaderValue::from_static(""))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let mut offset = self.offset();
        *offset = offset.saturating_add(duration);
    }

    fn offset(&self) -> std::sync::MutexGuard<'_, Duration> {
        self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970, rounded down.
pub(crate) fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `time + duration`, for which the standard library panics when it is out of range.
fn later(time: SystemTime, duration: Duration) -> SystemTime {
    const CENTURIES: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);
    time.checked_add(duration.min(CENTURIES)).unwrap_or(time)
}
