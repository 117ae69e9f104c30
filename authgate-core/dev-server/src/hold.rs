//! Requests that wait until a test lets them go on.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::endpoint::Endpoint;

/// Keeps the requests at one endpoint waiting until it is released or dropped: see
/// [`DevServer::hold`](crate::DevServer::hold).
#[derive(Debug)]
#[must_use = "dropping it lets the requests go on"]
pub struct Hold(pub(crate) Arc<Held>);

/// What a [`Hold`] shares with the requests that it keeps waiting.
#[derive(Debug)]
pub(crate) struct Held {
    endpoint: Endpoint,
    /// A permit for each request that has arrived and was not yet waited for.
    arrivals: Semaphore,
    /// Never has a permit; closed when the requests may go on.
    release: Semaphore,
}

impl Hold {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self(Arc::new(Held { endpoint, arrivals: Semaphore::new(0), release: Semaphore::new(0) }))
    }

    /// Returns when a request has arrived; called again, when one more has.
    pub async fn arrived(&self) {
        if let Ok(arrival) = self.0.arrivals.acquire().await {
            arrival.forget();
        }
    }

    /// Lets the requests go on, and later ones pass.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.release.close();
    }
}

impl Held {
    /// Whether requests at this endpoint have to wait.
    pub(crate) fn covers(&self, endpoint: Option<Endpoint>) -> bool {
        self.endpoint.covers(endpoint) && !self.release.is_closed()
    }

    /// Returns when the requests may go on.
    pub(crate) async fn wait(&self) {
        self.arrivals.add_permits(1);
        // The only way out is the error that says that it was closed.
        let _closed = self.release.acquire().await;
    }
}
