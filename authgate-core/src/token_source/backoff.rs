//! How long a token source lets a server rest after a failure.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::error::Error;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server that asks for a longer pause than this is asked again all the same.
const LONGEST_ASKED: Duration = Duration::from_secs(10 * 60);

/// The failures since the last success. The lock is taken only when there is no fresh token.
#[derive(Default)]
pub(super) struct Backoff(Mutex<Option<Failure>>);

struct Failure {
    error: Error,
    at: Moment,
    pause: Duration,
    count: u32,
    /// Whether callers without a token get `error` during the pause, instead of a request.
    stands: bool,
}

impl Backoff {
    /// Records that a refresh has failed while the token is still valid. The pause spaces refreshes;
    /// when the token expires meanwhile, callers may ask at once, unless the server asked for the
    /// pause itself.
    pub(super) fn record_background(&self, error: &Error, now: Moment) {
        tracing::warn!(%error, "the token could not be refreshed in time; another attempt follows");
        self.record(error, now, error.retry_after().is_some());
    }

    /// Records that a request has failed for which callers waited.
    pub(super) fn record_foreground(&self, error: &Error, now: Moment) {
        self.record(error, now, true);
    }

    pub(super) fn clear(&self) {
        *self.lock() = None;
    }

    /// Whether the pause is over, so that a refresh may be tried.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.lock()
            .as_ref()
            .is_none_or(|failure| failure.is_over(now))
    }

    /// The error that callers without a token get during the pause.
    pub(super) fn standing_error(&self, now: Moment) -> Option<Error> {
        let failure = self.lock();
        let failure = failure.as_ref()?;
        (failure.stands && !failure.is_over(now)).then(|| failure.error.clone())
    }

    fn record(&self, error: &Error, now: Moment, stands: bool) {
        let mut failure = self.lock();
        let count = failure
            .as_ref()
            .map_or(1, |failure| failure.count.saturating_add(1));
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(count - 1))
            .min(LONGEST_PAUSE);
        *failure = Some(Failure {
            error: error.clone(),
            at: now,
            pause: error
                .retry_after()
                .map_or(pause, |asked| asked.clamp(pause, LONGEST_ASKED)),
            count,
            stands,
        });
    }

    /// A failure is replaced whole, so a lock that a panic has poisoned still holds a valid one.
    fn lock(&self) -> MutexGuard<'_, Option<Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn is_over(&self, now: Moment) -> bool {
        now.since(self.at) >= self.pause
    }
}
