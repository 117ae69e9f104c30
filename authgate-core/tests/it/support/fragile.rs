//! A store whose failures a test decides.

use std::sync::{Arc, Mutex};

use authgate_core::store::{MemoryStore, StoredToken, TokenStore};
use authgate_core::{Error, Result};

use super::stores::CLIENT;

/// How a call ends.
pub(crate) enum Outcome {
    Works,
    Fails,
    /// It takes away what was there, as a save that is half done does.
    #[cfg_attr(windows, allow(dead_code, reason = "only tests for Unix use it"))]
    FailsAndLoses,
    /// It does nothing, and reports success.
    Pretends,
}

type Script = Arc<dyn Fn(&str) -> Outcome + Send + Sync>;

/// A store in memory. Its clones are the same store, so that a test keeps hold of one it gives away.
#[derive(Clone)]
pub(crate) struct Fragile {
    content: Arc<MemoryStore>,
    script: Arc<Mutex<Script>>,
}

impl Fragile {
    /// Each call, `load`, `save` or `delete`, ends as the script says.
    pub(crate) fn new(script: impl Fn(&str) -> Outcome + Send + Sync + 'static) -> Self {
        Self {
            content: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(script))),
        }
    }

    pub(crate) fn follow(&self, script: impl Fn(&str) -> Outcome + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    /// From now on these calls fail, and no others.
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
        self.content.load(CLIENT).unwrap()
    }

    pub(crate) fn put(&self, token: &StoredToken) {
        self.content.save(CLIENT, token).unwrap();
    }

    pub(crate) fn remove(&self) {
        self.content.delete(CLIENT).unwrap();
    }

    fn perform<T: Default>(
        &self,
        call: &str,
        work: impl FnOnce(&MemoryStore) -> Result<T>,
    ) -> Result<T> {
        // A script that panics must not find the lock held.
        let script = self.script.lock().unwrap().clone();
        match script(call) {
            Outcome::Works => return work(&self.content),
            Outcome::Pretends => return Ok(T::default()),
            Outcome::FailsAndLoses => self.remove(),
            Outcome::Fails => {}
        }
        Err(Error::transient(format!("fragile: cannot {call}")))
    }
}

impl TokenStore for Fragile {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        self.perform("load", |content| content.load(client_id))
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.perform("save", |content| content.save(client_id, token))
    }

    fn delete(&self, client_id: &str) -> Result<()> {
        self.perform("delete", |content| content.delete(client_id))
    }

    fn description(&self) -> String {
        "fragile".to_owned()
    }
}
