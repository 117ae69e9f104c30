//! A store whose failures a test decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use authgate_core::store::{MemoryStore, StoredToken, TokenStore};
use authgate_core::{Error, Result};

use crate::support::stores::{CLIENT, token};

/// A store that fails when it is told to.
#[derive(Default)]
pub(crate) struct Fragile {
    content: MemoryStore,
    cannot_load: AtomicBool,
    cannot_save: AtomicBool,
    cannot_delete: AtomicBool,
    loses_what_it_has: AtomicBool,
}

impl Fragile {
    pub(crate) fn fail(&self, fails: [bool; 3]) {
        for (flag, value) in [&self.cannot_load, &self.cannot_save, &self.cannot_delete].into_iter().zip(fails) {
            flag.store(value, Ordering::SeqCst);
        }
    }

    /// From now on a save that fails takes away what was there, as one half done does.
    pub(crate) fn lose(&self) {
        self.loses_what_it_has.store(true, Ordering::SeqCst);
    }

    pub(crate) fn content(&self) -> Option<StoredToken> {
        self.content.load(CLIENT).unwrap()
    }

    pub(crate) fn remove(&self) {
        self.content.delete(CLIENT).unwrap();
    }

    pub(crate) fn put(&self, number: u64) {
        self.content.save(CLIENT, &token(number)).unwrap();
    }
}

fn check(call: &str, fails: &AtomicBool) -> Result<()> {
    if fails.load(Ordering::SeqCst) {
        return Err(Error::Store { place: "fragile".to_owned(), reason: format!("cannot {call}") });
    }
    Ok(())
}

/// So that a test keeps hold of a store that it has given away.
pub(crate) struct Shared(pub(crate) Arc<Fragile>);

impl TokenStore for Shared {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        check("load", &self.0.cannot_load)?;
        self.0.content.load(client_id)
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        if self.0.loses_what_it_has.load(Ordering::SeqCst) {
            self.0.remove();
        }
        check("save", &self.0.cannot_save)?;
        self.0.content.save(client_id, token)
    }

    fn delete(&self, client_id: &str) -> Result<()> {
        check("delete", &self.0.cannot_delete)?;
        self.0.content.delete(client_id)
    }

    fn description(&self) -> String {
        "fragile".to_owned()
    }
}
