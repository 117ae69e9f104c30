//! A store that does not keep what it was given: nothing else is given up for it.

use std::sync::{Arc, Mutex};

use authgate_core::store::{FallbackStore, Kept, LoginLock, MemoryStore, StoredToken, TokenStore};
use authgate_core::{Error, Result};

use crate::support::fragile::{Fragile, Shared};
use crate::support::stores::{CLIENT, token};

/// A store that writes down what it is asked to do.
struct Noting {
    name: &'static str,
    content: MemoryStore,
    keeps: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Noting {
    fn note(&self, call: &str) {
        self.asked.lock().unwrap().push(format!("{} {call}", self.name));
    }
}

impl TokenStore for Noting {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        self.content.load(client_id)
    }

    fn save(&self, client_id: &str, token: &StoredToken) -> Result<()> {
        self.note("save");
        if self.keeps {
            return self.content.save(client_id, token);
        }
        self.content.delete(client_id)?;
        Err(Error::Store { place: self.name.to_owned(), reason: "it did not keep what was written".to_owned() })
    }

    fn delete(&self, client_id: &str) -> Result<()> {
        self.note("delete");
        self.content.delete(client_id)
    }

    fn description(&self) -> String {
        self.name.to_owned()
    }
}

#[test]
fn an_old_login_is_deleted_after_the_new_one_is_saved() {
    for (keyring_keeps, expected) in
        [(true, vec!["keyring save", "file delete"]), (false, vec!["keyring save", "file save", "keyring delete"])]
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let store = |name, keeps| -> Box<dyn TokenStore> {
            let content = MemoryStore::default();
            content.save(CLIENT, &token(1)).unwrap();
            Box::new(Noting { name, content, keeps, asked: asked.clone() })
        };
        let stores = vec![store("keyring", keyring_keeps), store("file", true)];
        let store = FallbackStore::new(stores, LoginLock::nowhere("a test needs none"));
        assert!(store.save_login(CLIENT, &token(2)));
        assert_eq!(*asked.lock().unwrap(), expected);
        assert_eq!(store.load(CLIENT).unwrap(), Some(token(2)));
    }
}

#[test]
fn a_save_that_loses_the_old_token_keeps_the_new_one() {
    let (first, second) = (Arc::new(Fragile::default()), Arc::new(Fragile::default()));
    let stores: Vec<Box<dyn TokenStore>> = vec![Box::new(Shared(first.clone())), Box::new(Shared(second.clone()))];
    let store = FallbackStore::new(stores, LoginLock::nowhere("a test needs none"));
    first.put(1);
    assert_eq!(store.load(CLIENT).unwrap(), Some(token(1)));
    first.fail([false, true, false]);
    first.lose();
    assert_eq!(store.save_refreshed(CLIENT, &token(1), &token(2)), Kept::InStore);
    assert_eq!((first.content(), second.content()), (None, Some(token(2))));
    assert!(store.take_notices().iter().any(|notice| notice.to_string().contains("from now on, as plain text")));
    // With no other place to go.
    first.put(2);
    second.remove();
    assert_eq!(store.load(CLIENT).unwrap(), Some(token(2)));
    second.fail([false, true, false]);
    assert_eq!(store.save_refreshed(CLIENT, &token(2), &token(3)), Kept::ThisRunOnly);
    assert_eq!(store.load(CLIENT).unwrap(), Some(token(3)));
}
