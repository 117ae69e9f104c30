//! Keyring, file and memory as one store: where a token is saved if one of them fails.

use std::sync::{Arc, Mutex};

use authgate_core::Secret;
use authgate_core::test_util::{
    FallbackStore, LoginGuard, LoginLock, Notices, StoredLogin, StoredToken, TokenStore,
};
use authgate_test_support::Home;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use insta::assert_snapshot;

use crate::support::fragile::{Fragile, Outcome};
use crate::support::store_process::{run, start};
use crate::support::stores::{CLIENT, line, shown, token};

const ALL: &[&str] = &["load", "save", "delete"];

/// Two stores as one. The tests name tokens by their numbers.
struct Stores {
    first: Fragile,
    second: Fragile,
    both: FallbackStore,
    guard: LoginGuard,
}

impl Stores {
    fn with(contents: [Option<u64>; 2]) -> Self {
        let [first, second] = contents.map(|number| {
            let store = Fragile::new(|_| Outcome::Works);
            if let Some(number) = number {
                store.put(&token(number));
            }
            store
        });
        let stores: Vec<Box<dyn TokenStore>> =
            vec![Box::new(first.clone()), Box::new(second.clone())];
        Self {
            first,
            second,
            both: FallbackStore::new(
                CLIENT,
                stores,
                LoginLock::Nowhere("not used".to_owned()),
                Notices::default(),
            ),
            guard: LoginGuard::Locked(tempfile::tempfile().unwrap()),
        }
    }

    fn contents(&self) -> [Option<u64>; 2] {
        [self.first.content(), self.second.content()].map(number)
    }

    fn load(&self) -> Option<u64> {
        number(self.newest().map(|login| login.token))
    }

    fn newest(&self) -> Option<StoredLogin> {
        self.both.load_all().into_iter().next()
    }

    fn save_login(&self, number: u64) -> bool {
        self.both
            .save_login(&token(number), |_| Ok(()), &self.guard)
    }

    /// Returns the new notices, one per line, and checks that none shows a token.
    fn notices(&self) -> String {
        let notices = self.both.notices().take();
        let lines: Vec<_> = notices.iter().map(ToString::to_string).collect();
        let lines = lines.join("\n");
        assert!(!lines.contains("access-") && !lines.contains("refresh-"));
        lines
    }

    /// Saves a refreshed token. Returns whether it counts, and which tokens the stores have then.
    fn refresh(&self, new: u64) -> (bool, [Option<u64>; 2]) {
        let old = self.newest().unwrap();
        self.save_refreshed(&old, new)
    }

    fn save_refreshed(&self, old: &StoredLogin, new: u64) -> (bool, [Option<u64>; 2]) {
        let counts = self.both.save_refreshed(old, &token(new), &self.guard);
        (counts, self.contents())
    }
}

fn number(stored: Option<StoredToken>) -> Option<u64> {
    let stored = stored?;
    let number = stored.expires_at.unwrap() - 2_000_000_000;
    assert_eq!(stored, token(number));
    Some(number)
}

#[test]
fn a_login_that_one_store_refuses_goes_to_the_next() {
    let stores = Stores::with([Some(1), None]);
    stores.first.fail(&["save"]);
    assert!(stores.save_login(2));
    assert_eq!(stores.contents(), [None, Some(2)]);
    assert_snapshot!(stores.notices(), @"Fragile: cannot save. The login is saved unencrypted in fragile.");
}

#[test]
fn an_old_login_is_deleted_after_the_new_one_is_saved() {
    for (first_keeps, expected, contents, notices) in [
        (true, "first save, second delete", [Some(2), None], 0),
        (
            false,
            "first save, first save, second save, first delete",
            [None, Some(2)],
            1,
        ),
    ] {
        let stores = Stores::with([Some(1), Some(1)]);
        let asked = Arc::new(Mutex::new(Vec::new()));
        for (name, store, keeps) in [
            ("first", &stores.first, first_keeps),
            ("second", &stores.second, true),
        ] {
            let asked = asked.clone();
            store.follow(move |call| {
                if call != "load" {
                    asked.lock().unwrap().push(format!("{name} {call}"));
                }
                if call == "save" && !keeps {
                    Outcome::FailsAndLoses
                } else {
                    Outcome::Works
                }
            });
        }
        assert!(stores.save_login(2));
        assert_eq!(asked.lock().unwrap().join(", "), expected);
        assert_eq!((stores.contents(), stores.load()), (contents, Some(2)));
        assert_eq!(stores.notices().lines().count(), notices);
    }
}

#[test]
fn a_reason_that_was_already_given_is_not_repeated() {
    let stores = Stores::with([None, None]);
    stores.first.follow(|_| Outcome::IsUnavailable);
    assert_eq!(stores.load(), None);
    assert!(stores.save_login(1));
    assert_snapshot!(stores.notices(), @"
    Fragile: unavailable.
    The login is saved unencrypted in fragile.
    An older login may still be in the fragile.
    ");
}

#[test]
fn a_failing_store_is_named_once() {
    let stores = Stores::with([None, Some(1)]);
    stores.first.fail(ALL);
    for _ in 0..3 {
        assert_eq!((stores.load(), stores.notices()), (Some(1), String::new()));
    }
    stores.save_login(2);
    stores.save_login(2);
    assert_snapshot!(stores.notices(), @"
    Fragile: cannot save. The login is saved unencrypted in fragile.
    An older login may still be in the fragile.
    ");
    assert_eq!((stores.load(), stores.notices()), (Some(2), String::new()));
}

#[test]
fn a_token_that_no_store_takes_serves_this_run() {
    let stores = Stores::with([None, None]);
    stores.first.fail(&["save"]);
    stores.second.fail(&["save"]);
    assert!(!stores.save_login(1));
    assert_eq!(stores.load(), Some(1));
    assert_snapshot!(stores.notices(), @"The login cannot be saved, so it lasts for this run only (fragile: cannot save; fragile: cannot save).");

    // At the next refresh, the second store works again.
    stores.second.fail(&[]);
    assert_eq!(stores.refresh(2), (true, [None, Some(2)]));
    stores.second.put(&token(3));
    assert_eq!(stores.load(), Some(3), "nothing older is left in memory");
}

#[test]
fn the_newest_token_counts_wherever_it_is() {
    for contents in [[Some(1), Some(2)], [Some(2), Some(1)]] {
        assert_eq!(Stores::with(contents).load(), Some(2));
    }
    let stores = Stores::with([Some(2), Some(1)]);
    stores.first.fail(&["load"]);
    assert_eq!(stores.load(), Some(1));
}

#[test]
fn another_clients_login_is_as_old_as_its_token() {
    let stores = Stores::with([None, None]);
    let issued_at = |number, time| {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{time}}}"#));
        let mut token = token(number);
        token.access_token = Secret::from(format!("header.{claims}.signature"));
        token
    };
    // The older one expires later.
    stores.first.put(&issued_at(2, 100));
    stores.second.put(&issued_at(1, 200));
    assert_eq!(stores.newest().unwrap().token, issued_at(1, 200));
}

#[test]
fn the_newest_login_counts_not_the_one_that_expires_last() {
    let stores = Stores::with([None, None]);
    let made_at = |number, time| {
        let mut token = token(number);
        token.logged_in_at = Some(time);
        token
    };
    stores.first.put(&made_at(2, 100));
    stores.second.put(&made_at(1, 200));
    assert_eq!(stores.newest().unwrap().token, made_at(1, 200));

    // A refresh does not make a login newer.
    let older = stores.both.load_all().pop().unwrap();
    assert!(stores.both.save_refreshed(&older, &token(3), &stores.guard));
    assert_eq!(stores.first.content(), Some(made_at(3, 100)));
}

#[test]
fn a_token_of_unknown_expiry_is_the_newest_until_refused() {
    let stores = Stores::with([Some(2), None]);
    let mut undated = token(1);
    undated.expires_at = None;
    stores.second.put(&undated);
    let newest = stores.newest().unwrap();
    assert_eq!(newest.token, undated);
    assert!(stores.both.delete_refused(&newest, &stores.guard));
    assert_eq!(stores.load(), Some(2));
}

#[test]
fn a_refreshed_token_goes_to_every_store_with_the_old_one() {
    for (before, after) in [
        ([Some(1), Some(1)], [Some(2), Some(2)]),
        // Another login is not replaced.
        ([Some(1), Some(7)], [Some(2), Some(7)]),
        // No store gets a token that it never had.
        ([None, Some(1)], [None, Some(2)]),
    ] {
        let stores = Stores::with(before);
        let old = stores.both.load_all().pop().unwrap();
        assert_eq!(stores.save_refreshed(&old, 2), (true, after));
    }
}

#[test]
fn a_refresh_restores_no_login_that_is_gone_or_replaced() {
    for contents in [[None, None], [Some(5), None]] {
        let stores = Stores::with([Some(1), None]);
        let old = stores.newest().unwrap();
        stores.first.remove();
        if contents[0].is_some() {
            stores.first.put(&token(5));
        }
        assert_eq!(stores.save_refreshed(&old, 2), (false, contents));
        assert_eq!(stores.notices(), "");
    }
}

#[test]
fn an_old_token_that_cannot_be_replaced_is_deleted() {
    let stores = Stores::with([Some(1), Some(1)]);
    stores.first.fail(&["save"]);
    assert_eq!(stores.refresh(2), (true, [None, Some(2)]));
    assert_snapshot!(stores.notices(), @"Fragile: cannot save. The old token there no longer works, so it is deleted.");

    // The token was only in a store that has failed, so any other store may save it.
    stores.second.fail(&["save", "delete"]);
    stores.first.fail(&[]);
    assert_eq!(stores.refresh(3), (true, [Some(3), Some(2)]));
    assert_snapshot!(stores.notices(), @"Fragile: cannot save. An old token remains there: if a program sends it, the server may end the login.");

    // Now no store works.
    stores.first.fail(&["save", "delete"]);
    assert!(stores.refresh(4).0);
    assert_eq!(
        (stores.load(), stores.contents()),
        (Some(4), [Some(3), Some(2)])
    );
}

#[test]
fn a_save_that_fails_once_is_tried_again_before_the_old_token_is_deleted() {
    let stores = Stores::with([Some(1), Some(1)]);
    let saves = Arc::new(Mutex::new(0));
    let counted = saves.clone();
    stores.first.follow(move |call| {
        if call == "save" {
            *counted.lock().unwrap() += 1;
        }
        match call {
            "save" if *counted.lock().unwrap() == 1 => Outcome::Fails,
            _ => Outcome::Works,
        }
    });
    assert_eq!(stores.refresh(2), (true, [Some(2), Some(2)]));
    assert_eq!(
        (*saves.lock().unwrap(), stores.notices()),
        (2, String::new())
    );
}

#[test]
fn a_save_that_loses_the_old_token_keeps_the_new_one() {
    let stores = Stores::with([Some(1), None]);
    assert_eq!(stores.load(), Some(1));
    let loses = |call: &str| {
        if call == "save" {
            Outcome::FailsAndLoses
        } else {
            Outcome::Works
        }
    };
    stores.first.follow(loses);
    assert_eq!(stores.refresh(2), (true, [None, Some(2)]));
    assert_snapshot!(stores.notices(), @"Fragile: cannot save. The login is saved unencrypted in fragile.");
    // No other store can save it.
    stores.first.put(&token(2));
    stores.second.remove();
    assert_eq!(stores.load(), Some(2));
    stores.second.fail(&["save"]);
    assert_eq!(stores.refresh(3), (true, [None, None]));
    assert_eq!(stores.load(), Some(3));
}

#[test]
fn a_store_that_fails_after_it_was_read_loses_no_token() {
    let stores = Stores::with([Some(1), None]);
    let old = stores.newest().unwrap();
    stores.first.fail(ALL);
    assert_eq!(stores.save_refreshed(&old, 2), (true, [Some(1), Some(2)]));
    assert!(stores.notices().contains("An old token remains there"));
    assert_eq!(stores.load(), Some(2));
}

#[test]
fn a_logout_is_tried_everywhere_and_says_where_it_failed() {
    let stores = Stores::with([Some(1), Some(1)]);
    let found = stores.both.find_all(&stores.guard).stored;
    assert_eq!(found.len(), 1);
    stores.first.fail(ALL);
    assert_eq!(stores.both.delete(&found[0], &stores.guard).len(), 1);
    assert_eq!(stores.second.content(), None);

    stores.second.put(&token(1));
    let found = stores.both.find_all(&stores.guard);
    assert_eq!((found.stored.len(), found.unread.len()), (1, 1));
}

#[tokio::test]
async fn without_a_keyring_the_file_in_the_home_folder_is_used() {
    let home = Home::new();
    // If the keyring is called although it is off, it fails, and a notice says so.
    let mut stores =
        start(run(&home, "no-keyring").with("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no"));
    assert_eq!(stores.ask("lock").await, "locked");
    assert_eq!(stores.ask("save-login 1").await, "saved");
    assert_snapshot!(shown(&stores.ask("notices").await, &home), @"The login is saved unencrypted in file [home]/.authgate-tokens.json. An older login may still be in the keyring.");
    assert!(home.text().is_some());
}

#[tokio::test]
async fn without_a_home_folder_the_login_lasts_for_this_run() {
    let mut said = Vec::new();
    for home in ["", "relative", "/nonexistent/home"] {
        let mut stores = start(run(&Home::new(), "no-keyring").with("HOME", home));
        let lock = stores.ask("lock").await;
        assert_eq!(stores.ask("load").await, "none");
        assert_eq!(stores.ask("save-login 1").await, "not saved");
        assert_eq!(stores.ask("load").await, line(&token(1)));
        said.push(format!("{lock}\n{}", stores.ask("notices").await));
    }
    said.dedup();
    assert_snapshot!(said.join("\n"), @"
    ~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder
    The login cannot be saved, so it lasts for this run only (~/.authgate-tokens.json: HOME does not name a folder: set it to your home folder).
    /nonexistent/home: cannot be used (No such file or directory (os error 2)): the folder does not exist; make it, or set HOME to one that does
    The login cannot be saved, so it lasts for this run only (/nonexistent/home: cannot be used (No such file or directory (os error 2)): the folder does not exist; make it, or set HOME to one that does).
    ");
}
