//! What to make of an API that refuses even a new token.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Moment;

/// How long such a token is not renewed on the word of an API.
const PAUSE: Duration = Duration::from_secs(30);

/// Whether an API has refused a token when it was new.
///
/// Such an API would refuse the next one too: AuthGate's userinfo endpoint does so to every
/// machine. Without a pause each call to it would fetch a token, until the token endpoint's rate
/// limit locks out every other call as well.
#[derive(Default)]
pub(crate) struct Refusal(Mutex<Option<Moment>>);

impl Refusal {
    /// The API has refused the token, which was got for this very call.
    pub(crate) fn record(&self, now: Moment) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether a new token may fare better.
    pub(crate) fn allows_renewal(&self, now: Moment) -> bool {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_none_or(|refused| now.since(refused) >= PAUSE)
    }
}
