//! Work that should not be interrupted.

use tokio::sync::watch;

/// Counts the work that a Ctrl-C should wait for briefly: the server is processing a code or a
/// refresh token, or a token is being saved. Clones share one count.
///
/// ```no_run
/// # async fn example(ctrl_c: impl Future<Output = ()>) -> authgate_core::Result<()> {
/// use authgate_core::{InFlight, LoginOptions, authenticate};
///
/// let in_flight = InFlight::default();
/// let options = LoginOptions::new("https://auth.example.com", "desktop").in_flight(in_flight.clone());
/// let mut login = Box::pin(authenticate(options));
/// tokio::select! {
///     session = &mut login => println!("{:?}", session?.token()),
///     () = ctrl_c => {
///         tokio::select! {
///             _ = login => {}
///             () = in_flight.idle() => {}
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct InFlight(watch::Sender<usize>);

/// Counts one piece of work until it is dropped.
#[derive(Debug)]
#[must_use = "the work is over when this is dropped"]
pub(crate) struct InFlightGuard(watch::Sender<usize>);

impl InFlight {
    /// Starts a piece of work, which a Ctrl-C waits for until the guard is dropped.
    pub(crate) fn enter(&self) -> InFlightGuard {
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
