//! One request for everyone who wants the same thing at the same time.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::error::{Error, Result};

/// Longer than any request with all its retries takes.
const LONGEST_FLIGHT: Duration = Duration::from_secs(45);

/// Lets concurrent callers share one task.
///
/// The work runs in a task of its own, so that a caller who goes away takes nobody's answer along.
/// Dropping this ends the task. A task that dies without a result (a panic, a runtime that was shut
/// down) is noticed by those who wait and forgotten by the next caller. The lock is held while
/// callers join, never while the work is done.
pub(crate) struct SingleFlight<T> {
    operation: &'static str,
    current: Mutex<Option<Flight<T>>>,
}

type Landed<T> = watch::Receiver<Option<Result<T>>>;

struct Flight<T> {
    landed: Landed<T>,
    task: AbortHandle,
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    pub(crate) fn new(operation: &'static str) -> Self {
        Self { operation, current: Mutex::new(None) }
    }

    /// Joins the flight in progress, or starts one.
    ///
    /// `cached` is asked once more with the lock held: the last flight may have landed since the
    /// caller looked. It must see what a flight has stored before that flight's result is out, so
    /// the work itself does the storing.
    ///
    /// # Errors
    ///
    /// The work's own; [`Error::Interrupted`] when the task ended without a result, twice: the
    /// first time may be another runtime's end, and says nothing about this caller's.
    pub(crate) async fn join<F>(&self, cached: impl Fn() -> Option<Result<T>>, work: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        for _ in 0..2 {
            let mut landed = {
                let mut current = self.lock();
                if let Some(flight) = current.as_ref().filter(|flight| flight.is_in_progress()) {
                    flight.landed.clone()
                } else if let Some(result) = cached() {
                    return result;
                } else {
                    current.insert(Flight::start(work())).landed.clone()
                }
            };
            let arrival = timeout(LONGEST_FLIGHT, landed.wait_for(Option::is_some)).await;
            match arrival.map(|result| result.ok().and_then(|result| result.clone())) {
                Ok(Some(result)) => return result,
                Ok(None) => {}
                // Its runtime lives, and nobody drives it: nothing will ever come of it.
                Err(_) => self.abandon(&landed),
            }
        }
        Err(Error::Interrupted { operation: self.operation })
    }

    /// Ends the flight that this receiver belongs to, unless another has taken its place.
    fn abandon(&self, landed: &Landed<T>) {
        let mut current = self.lock();
        if let Some(flight) = current.take_if(|flight| flight.landed.same_channel(landed)) {
            flight.task.abort();
        }
    }

    /// Starts a flight that nobody waits for, unless one is in progress or another caller is just
    /// starting one.
    pub(crate) fn start_in_background<F>(&self, is_due: impl FnOnce() -> bool, work: impl FnOnce() -> F)
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let mut current = match self.current.try_lock() {
            Ok(current) => current,
            Err(TryLockError::Poisoned(current)) => current.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let in_progress = current.as_ref().is_some_and(Flight::is_in_progress);
        if !in_progress && is_due() {
            *current = Some(Flight::start(work()));
        }
    }

    /// Nothing can be half done under this lock, so one that a panic has poisoned is as good.
    fn lock(&self) -> MutexGuard<'_, Option<Flight<T>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    fn start(work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        let (landing, landed) = watch::channel(None);
        let task = tokio::spawn(async move {
            let result = work.await;
            // Whoever wanted it may be gone.
            let _ = landing.send(Some(result));
        });
        Self { landed, task: task.abort_handle() }
    }

    fn is_in_progress(&self) -> bool {
        // An error means that the task is gone.
        self.landed.has_changed().is_ok() && self.landed.borrow().is_none()
    }
}

impl<T> Drop for SingleFlight<T> {
    fn drop(&mut self) {
        let current = self.current.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = current.take() {
            flight.task.abort();
        }
    }
}
