//! The time that a person has to log in.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::clock::{Clock, Moment};

/// How often we show the time left and check whether the machine was asleep.
const TICK: Duration = Duration::from_secs(1);

/// The moment when waiting ends. Either of two clocks may end the wait: the runtime's, and the
/// client's, which also counts the time that the machine was asleep.
pub(super) struct Deadline {
    clock: Arc<dyn Clock>,
    since: Moment,
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// Creates a deadline that ends `limit` after `since`, which is about now.
    pub(super) fn new(clock: Arc<dyn Clock>, since: Moment, limit: Duration) -> Self {
        Self {
            clock,
            since,
            started: Instant::now(),
            limit,
        }
    }

    /// Returns the time left, or `None` if there is none.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let elapsed = self
            .started
            .elapsed()
            .max(self.clock.now().since(self.since));
        self.limit
            .checked_sub(elapsed)
            .filter(|remaining| !remaining.is_zero())
    }

    /// Waits for a second, or until `pause` or the deadline ends, if that is sooner.
    pub(super) async fn tick(&self, pause: Duration) {
        sleep(self.remaining().unwrap_or_default().min(pause).min(TICK)).await;
    }
}

/// Formats a duration for people to read, such as `5 minutes` or `90 seconds`.
pub(super) fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (1, 0) => "1 minute".to_owned(),
        (minutes, 0) if minutes > 0 => format!("{minutes} minutes"),
        _ if seconds == 1 => "1 second".to_owned(),
        _ => format!("{seconds} seconds"),
    }
}
