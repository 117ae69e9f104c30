//! One header for many threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;

use crate::error::Result;
use crate::http::bearer;
use crate::secret::Secret;

/// More would help only a machine on which so many threads do nothing else than ask for a header.
const COPIES: usize = 8;

/// The same header several times. Cloning one counts its clones, and threads on different cores
/// that count at the same place wait for each other; so each thread keeps to a copy.
pub(super) struct Headers(Vec<HeaderValue>);

thread_local! {
    /// Which copy this thread keeps to, before division.
    static NUMBER: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

impl Headers {
    pub(super) fn new(access_token: &Secret) -> Result<Self> {
        let copies: Result<Vec<HeaderValue>> = (0..COPIES).map(|_| bearer(access_token)).collect();
        Ok(Self(copies?))
    }

    /// A clone, without a lock or an allocation.
    pub(super) fn one(&self) -> HeaderValue {
        self.0[NUMBER.with(|number| *number) % COPIES].clone()
    }
}
