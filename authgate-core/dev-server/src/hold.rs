//! Requests that wait until a test releases them.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::endpoint::Endpoint;

/// Makes the requests at an endpoint wait until it is released or dropped: see
/// [`DevServer::hold`](crate::DevServer::hold).
#[derive(Debug)]
#[must_use = "dropping it releases the requests"]
pub struct Hold(pub(crate) Arc<Barrier>);

/// The state that a [`Hold`] shares with its waiting requests.
#[derive(Debug)]
pub(crate) struct Barrier {
    endpoint: Endpoint,
    /// One permit for each request that has arrived and that [`Hold::arrived`] has not yet reported.
    arrivals: Semaphore,
    /// Has no permits. Closing it releases the requests.
    release: Semaphore,
}

impl Hold {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self(Arc::new(Barrier {
            endpoint,
            arrivals: Semaphore::new(0),
            release: Semaphore::new(0),
        }))
    }

    /// Waits until a request has arrived. Each call reports one request, so call it twice to wait for two.
    pub async fn arrived(&self) {
        if let Ok(arrival) = self.0.arrivals.acquire().await {
            arrival.forget();
        }
    }

    /// Releases the waiting requests. Later requests do not wait.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.release.close();
    }
}

impl Barrier {
    /// Returns whether requests at this endpoint have to wait.
    pub(crate) fn covers(&self, endpoint: Option<Endpoint>) -> bool {
        self.endpoint.covers(endpoint) && !self.release.is_closed()
    }

    /// Waits for the release.
    pub(crate) async fn wait(&self) {
        self.arrivals.add_permits(1);
        // The error says that the semaphore was closed, which is the release.
        let _released = self.release.acquire().await;
    }
}
