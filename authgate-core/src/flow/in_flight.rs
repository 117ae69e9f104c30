//! Work that should not be cut short.

use tokio::sync::watch;

/// Counts what is under way that a Ctrl-C should wait for a moment: a code or a refresh token that
/// the server is just taking, a token that is just being saved. Clones count together.
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

/// One piece of work, until it is dropped.
#[derive(Debug)]
#[must_use = "the work is over when this is dropped"]
pub struct Entered(watch::Sender<usize>);

impl InFlight {
    /// Marks the beginning of a piece of work.
    pub fn enter(&self) -> Entered {
        self.0.send_modify(|count| *count += 1);
        Entered(self.0.clone())
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Waits until nothing is under way.
    pub async fn idle(&self) {
        // It cannot fail: the sender is right here.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
