//! How long a token source lets a server rest after a failure.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Moment;
use crate::error::Error;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server that asks for more time than this is asked again all the same.
const LONGEST_ASKED: Duration = Duration::from_secs(10 * 60);

/// The failures since the last success. The lock is taken only when there is no fresh token.
#[derive(Default)]
pub(super) struct Setbacks(Mutex<Option<Setback>>);

struct Setback {
    error: Error,
    at: Moment,
    pause: Duration,
    failures: u32,
    /// Whether callers without a token get `error` during the pause, instead of a request.
    stands: bool,
}

impl Setbacks {
    /// A renewal has failed while the token is still valid. Its pause spaces renewals; when the
    /// token expires meanwhile, callers may ask at once, unless the server itself asked to wait.
    pub(super) fn background(&self, error: &Error, now: Moment) {
        tracing::warn!(%error, "the token could not be renewed in time; another try follows");
        self.record(error, now, error.retry_after().is_some());
    }

    /// A request has failed that callers waited for.
    pub(super) fn foreground(&self, error: &Error, now: Moment) {
        self.record(error, now, true);
    }

    pub(super) fn clear(&self) {
        *self.lock() = None;
    }

    pub(super) fn allow_renewal(&self, now: Moment) -> bool {
        self.lock().as_ref().is_none_or(|setback| setback.is_over(now))
    }

    pub(super) fn standing_error(&self, now: Moment) -> Option<Error> {
        let setback = self.lock();
        let setback = setback.as_ref()?;
        (setback.stands && !setback.is_over(now)).then(|| setback.error.clone())
    }

    fn record(&self, error: &Error, now: Moment, stands: bool) {
        let mut setback = self.lock();
        let failures = setback.as_ref().map_or(1, |setback| setback.failures.saturating_add(1));
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures - 1)).min(LONGEST_PAUSE);
        *setback = Some(Setback {
            error: error.clone(),
            at: now,
            pause: error.retry_after().map_or(pause, |asked| asked.clamp(pause, LONGEST_ASKED)),
            failures,
            stands,
        });
    }

    /// A setback is replaced whole, so a lock that a panic has poisoned is as good.
    fn lock(&self) -> MutexGuard<'_, Option<Setback>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Setback {
    fn is_over(&self, now: Moment) -> bool {
        now.since(self.at) >= self.pause
    }
}
