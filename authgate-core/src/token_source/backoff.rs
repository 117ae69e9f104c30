//! How long a token source waits after a failure before it asks the server again.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::clock::Moment;
use crate::error::Error;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// We ask again after this long, even if the server asked for a longer pause.
const LONGEST_ASKED: Duration = Duration::from_secs(10 * 60);

/// The last of the failures since the last success.
#[derive(Default)]
pub(super) struct Backoff(ArcSwapOption<Failure>);

struct Failure {
    error: Error,
    at: Moment,
    pause: Duration,
    count: u32,
    /// Whether callers without a token get `error` during the pause, instead of a request.
    blocks_callers: bool,
}

impl Backoff {
    /// Records that a request has failed. If it `blocks_callers`, those without a token get the error
    /// during the pause. Otherwise the pause delays only the next refresh.
    ///
    /// Only one flight at a time records its failure, so no count is lost between load and store.
    pub(super) fn record(&self, error: &Error, now: Moment, blocks_callers: bool) {
        let count = self
            .0
            .load()
            .as_ref()
            .map_or(1, |failure| failure.count.saturating_add(1));
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(count - 1))
            .min(LONGEST_PAUSE);
        self.0.store(Some(Arc::new(Failure {
            error: error.clone(),
            at: now,
            pause: error
                .retry_after()
                .map_or(pause, |asked| asked.clamp(pause, LONGEST_ASKED)),
            count,
            blocks_callers,
        })));
    }

    pub(super) fn clear(&self) {
        self.0.store(None);
    }

    /// Returns whether the pause is over, so that a refresh may be tried.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.current(now).is_none()
    }

    /// Returns the error that callers without a token get during the pause.
    pub(super) fn error_for_callers(&self, now: Moment) -> Option<Error> {
        let failure = self.current(now)?;
        failure.blocks_callers.then(|| failure.error.clone())
    }

    /// Returns the failure whose pause is not over.
    fn current(&self, now: Moment) -> Option<Arc<Failure>> {
        let failure = self.0.load_full()?;
        (now.since(failure.at) < failure.pause).then_some(failure)
    }
}
