//! A store that fails as a test decides.

use std::sync::{Arc, Mutex};

use authgate_core::test_util::{LoginGuard, StoredToken, TokenStore};
use authgate_core::{Error, Result};

/// The outcome of a call.
pub(crate) enum Outcome {
    Works,
    Fails,
    /// It fails and removes the old token, as a half-done save does.
    #[cfg_attr(windows, allow(dead_code, reason = "only tests for Unix use it"))]
    FailsAndLoses,
    /// It fails with the same error as every other call, as without a keyring.
    #[cfg_attr(windows, allow(dead_code, reason = "only tests for Unix use it"))]
    IsUnavailable,
    /// It does nothing, and reports success.
    Pretends,
}

type Script = Arc<dyn Fn(&str) -> Outcome + Send + Sync>;

/// A store in memory. Its clones share one state, so that a test can still reach a store that it
/// has passed on.
#[derive(Clone)]
pub(crate) struct Fragile {
    content: Arc<Mutex<Option<StoredToken>>>,
    script: Arc<Mutex<Script>>,
}

impl Fragile {
    /// Creates a store whose calls `load`, `save` and `delete` end as the script says.
    pub(crate) fn new(script: impl Fn(&str) -> Outcome + Send + Sync + 'static) -> Self {
        Self {
            content: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(script))),
        }
    }

    pub(crate) fn follow(&self, script: impl Fn(&str) -> Outcome + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    /// Makes these calls fail from now on, and only these.
    pub(crate) fn fail(&self, calls: &'static [&str]) {
        self.follow(|call| {
            if calls.contains(&call) {
                Outcome::Fails
            } else {
                Outcome::Works
            }
        });
    }

    pub(crate) fn content(&self) -> Option<StoredToken> {
        self.content.lock().unwrap().clone()
    }

    pub(crate) fn put(&self, token: &StoredToken) {
        *self.content.lock().unwrap() = Some(token.clone());
    }

    pub(crate) fn remove(&self) {
        *self.content.lock().unwrap() = None;
    }

    fn perform<T>(&self, call: &str, pretended: T, work: impl FnOnce() -> T) -> Result<T> {
        // Release the lock first, because the script may panic.
        let script = self.script.lock().unwrap().clone();
        match script(call) {
            Outcome::Works => return Ok(work()),
            Outcome::Pretends => return Ok(pretended),
            Outcome::IsUnavailable => return Err(Error::transient("fragile: unavailable")),
            Outcome::FailsAndLoses => self.remove(),
            Outcome::Fails => {}
        }
        Err(Error::transient(format!("fragile: cannot {call}")))
    }
}

impl TokenStore for Fragile {
    fn load(&self, _: &str) -> Result<Option<StoredToken>> {
        self.perform("load", None, || self.content())
    }

    fn put(
        &self,
        _: &str,
        only_if: Option<&StoredToken>,
        new: Option<&StoredToken>,
        _: &LoginGuard,
    ) -> Result<bool> {
        if only_if.is_some_and(|old| !self.content().is_some_and(|token| is_same(&token, old))) {
            return Ok(false);
        }
        let call = if new.is_some() { "save" } else { "delete" };
        self.perform(call, true, || {
            *self.content.lock().unwrap() = new.cloned();
            true
        })
    }

    fn description(&self) -> String {
        "fragile".to_owned()
    }
}

fn is_same(one: &StoredToken, other: &StoredToken) -> bool {
    one.access_token == other.access_token && one.refresh_token == other.refresh_token
}
