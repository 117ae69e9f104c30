//! Work that should not be interrupted.

use tokio::sync::watch;

/// Counts the work that a Ctrl-C should wait for briefly: the server is processing a code or a
/// refresh token, or a token is being saved. Clones share one count.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use authgate_core::flow::InFlight;
///
/// let in_flight = InFlight::default();
/// let saving = in_flight.enter();
/// assert!(!in_flight.is_idle());
/// drop(saving);
/// in_flight.idle().await;
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct InFlight(watch::Sender<usize>);

/// Counts one piece of work until it is dropped.
#[derive(Debug)]
#[must_use = "the work is over when this is dropped"]
pub struct InFlightGuard(watch::Sender<usize>);

impl InFlight {
    /// Starts a piece of work.
    pub fn enter(&self) -> InFlightGuard {
        self.0.send_modify(|count| *count += 1);
        InFlightGuard(self.0.clone())
    }

    /// Returns whether no work is in progress.
    pub fn is_idle(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Waits until no work is in progress.
    pub async fn idle(&self) {
        // This cannot fail, because we hold the sender.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
