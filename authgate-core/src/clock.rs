//! The clock that tokens expire by.

use std::fmt::Debug;
use std::time::Duration;

/// Tells how much time has passed. Code that decides expiry takes a clock, so that tests can stop
/// it.
pub trait Clock: Debug + Send + Sync {
    /// Returns the present moment.
    fn now(&self) -> Moment;
}

/// A reading of a [`Clock`]: only the time between two readings of the same clock means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The reading of a clock that never steps.
    steady: Duration,
    /// The reading of the wall clock if the steady clock stops during suspend, otherwise zero.
    wall: Duration,
}

impl Moment {
    /// Returns the moment `elapsed` after the clock's arbitrary start.
    pub const fn after_start(elapsed: Duration) -> Self {
        Self {
            steady: elapsed,
            wall: Duration::ZERO,
        }
    }

    /// Returns the time from `earlier` to this moment; zero if `earlier` is later.
    ///
    /// If two clocks were read, we believe the one that saw more time pass, so that a token counts
    /// as expired too early rather than too late.
    pub fn since(self, earlier: Self) -> Duration {
        let steady = self.steady.saturating_sub(earlier.steady);
        let wall = self.wall.saturating_sub(earlier.wall);
        steady.max(wall)
    }
}

/// The machine's clock, which counts time asleep and does not step when somebody sets the date.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(target_os = "linux")]
impl Clock for SystemClock {
    /// Reads `CLOCK_BOOTTIME`. `Instant` reads `CLOCK_MONOTONIC`, which stops during suspend, so a
    /// laptop would wake up with a token that only looks fresh.
    fn now(&self) -> Moment {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
        Moment::after_start(Duration::new(seconds, nanoseconds))
    }
}

#[cfg(not(target_os = "linux"))]
impl Clock for SystemClock {
    /// Reads both clocks, because `Instant` may stop during suspend and `SystemTime` may step.
    /// Either clock may show that a token has expired.
    fn now(&self) -> Moment {
        use std::sync::LazyLock;
        use std::time::{Instant, SystemTime};

        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        Moment {
            wall: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
            ..Moment::after_start(START.elapsed())
        }
    }
}
