//! One request for all callers who want the same thing at the same time.
//!
//! `flow/in_flight.rs` is about something else: the work that a Ctrl-C waits for.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::error::{Error, Result};

/// How long a caller waits before it checks whether another runtime still runs its tasks, and how
/// long that check may take.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Lets concurrent callers share one task.
///
/// The work runs in a task of its own, so that a caller who goes away does not cancel it for the
/// others. Dropping this aborts the task. If the task dies without a result (a panic, a runtime
/// that was shut down), the waiting callers notice it, and the next caller starts a new one.
/// Callers hold the lock while they join, never while the work is done.
pub(crate) struct SingleFlight<T> {
    operation: &'static str,
    current: Mutex<Option<Flight<T>>>,
}

/// Receives the result of a flight; `None` as long as the flight is in progress.
type ResultReceiver<T> = watch::Receiver<Option<Result<T>>>;

struct Flight<T> {
    result: ResultReceiver<T>,
    task: AbortHandle,
    runtime: Handle,
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    pub(crate) fn new(operation: &'static str) -> Self {
        Self {
            operation,
            current: Mutex::new(None),
        }
    }

    /// Joins the flight in progress, or starts one.
    ///
    /// We call `cached` again under the lock, because the last flight may have ended since the
    /// caller looked. The work itself must store its result, so that `cached` sees it before the
    /// flight's result is published.
    ///
    /// A task may end without a result because another runtime has ended, which says nothing about the
    /// runtime of this caller. So a second time is an error, but not the first.
    pub(crate) async fn join<F>(
        &self,
        cached: impl Fn() -> Option<Result<T>>,
        work: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        for _ in 0..2 {
            let (mut receiver, runtime) = {
                let mut current = self.lock();
                if let Some(flight) = current.as_ref().filter(|flight| flight.is_in_progress()) {
                    (flight.result.clone(), flight.runtime.clone())
                } else if let Some(result) = cached() {
                    return result;
                } else {
                    let flight = current.insert(Flight::start(work()));
                    (flight.result.clone(), flight.runtime.clone())
                }
            };
            match result(&mut receiver, &runtime).await {
                Some(result) => return result,
                // The task has died, or belongs to a runtime that no thread is polling. Abandon it
                // and start over here.
                None => self.abandon(&receiver),
            }
        }
        Err(Error::interrupted(self.operation))
    }

    /// Aborts the flight that this receiver belongs to, unless another flight has replaced it.
    fn abandon(&self, receiver: &ResultReceiver<T>) {
        self.lock()
            .take_if(|flight| flight.result.same_channel(receiver));
    }

    /// Starts a flight that no caller waits for, unless one is in progress or another caller is
    /// just starting one.
    pub(crate) fn start_in_background<F>(
        &self,
        is_due: impl FnOnce() -> bool,
        work: impl FnOnce() -> F,
    ) where
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

    /// Locks the current flight. No change under this lock can be half done, so a lock that a panic
    /// has poisoned is still good.
    fn lock(&self) -> MutexGuard<'_, Option<Flight<T>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the result of a flight; returns `None` if there will be none.
async fn result<T: Clone>(receiver: &mut ResultReceiver<T>, runtime: &Handle) -> Option<Result<T>> {
    loop {
        let result = timeout(CHECK_INTERVAL, receiver.wait_for(Option::is_some)).await;
        match result.map(|result| result.ok().and_then(|result| result.clone())) {
            Ok(result) => return result,
            Err(_) if is_polled(runtime).await => {}
            Err(_) => return None,
        }
    }
}

/// Returns whether a thread polls the tasks of this runtime. If so, a task that does nothing ends
/// soon. Our own runtime is polled, as it polls us.
async fn is_polled(runtime: &Handle) -> bool {
    runtime.id() == Handle::current().id()
        || timeout(CHECK_INTERVAL, runtime.spawn(async {}))
            .await
            .is_ok_and(|ended| ended.is_ok())
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    fn start(work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        let (sender, result) = watch::channel(None);
        let task = tokio::spawn(async move {
            let outcome = work.await;
            // This fails only if no caller is left to receive the outcome.
            let _ = sender.send(Some(outcome));
        });
        Self {
            result,
            task: task.abort_handle(),
            runtime: Handle::current(),
        }
    }

    fn is_in_progress(&self) -> bool {
        // An error means that the task has ended.
        self.result.has_changed().is_ok() && self.result.borrow().is_none()
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn only_a_runtime_that_a_thread_polls_is_polled() {
        let mut builder = Builder::new_current_thread();
        let own = builder.enable_all().start_paused(true).build().unwrap();
        let stalled = builder.build().unwrap();
        let driven = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        assert!(own.block_on(is_polled(own.handle())));
        assert!(!own.block_on(is_polled(stalled.handle())));

        // In real time, because the other runtime needs some.
        let real = Builder::new_current_thread().enable_all().build().unwrap();
        assert!(real.block_on(is_polled(driven.handle())));
        let ended = driven.handle().clone();
        driven.shutdown_background();
        assert!(!real.block_on(is_polled(&ended)));
    }
}
