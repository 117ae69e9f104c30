//! The tokens that a fallback store has read, and the notices that it has yet to give.

use std::collections::{HashMap, HashSet};

use crate::error::Error;
use crate::store::notice::Notice;
use crate::store::{StoredToken, TokenStore};

/// The notices that were not taken yet, and the data needed to give each only once.
#[derive(Default)]
pub(super) struct Told {
    pub(super) notices: Vec<Notice>,
    /// The stores that could not be used. One notice about each is enough.
    troubled: HashSet<usize>,
    /// Whether the user was told that no lock is available.
    said_not_locked: bool,
    /// Each client's token in each store, when it was last read or written.
    held: HashMap<(String, usize), StoredToken>,
}

impl Told {
    pub(super) fn notice(&mut self, notice: Notice) {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    pub(super) fn not_locked(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.said_not_locked, true) {
            self.notice(Notice::NotLocked {
                reason: reason.to_owned(),
            });
        }
    }

    /// Adds the notice that no store accepted the token, and why. Drops a notice about the lock
    /// with one of the same reasons.
    pub(super) fn this_run_only(&mut self, reasons: Vec<String>) {
        self.notices.retain(
            |notice| !matches!(notice, Notice::NotLocked { reason } if reasons.contains(reason)),
        );
        self.notice(Notice::ThisRunOnly { reasons });
    }

    /// Adds the notice that a store cannot be used, and which one is used instead.
    pub(super) fn trouble(&mut self, index: usize, error: &Error, next: Option<&dyn TokenStore>) {
        if self.troubled.insert(index) {
            let reason = error.to_string();
            self.notice(match next {
                Some(next) => Notice::Fallback {
                    used: next.description(),
                    reason,
                },
                None => Notice::Unreadable { reason },
            });
        }
    }

    pub(super) fn found(&mut self, client_id: &str, index: usize, token: Option<&StoredToken>) {
        let entry = (client_id.to_owned(), index);
        match token {
            Some(token) => _ = self.held.insert(entry, token.clone()),
            None => _ = self.held.remove(&entry),
        }
    }

    /// Returns the token that the store had when it was last read or written.
    pub(super) fn held(&self, client_id: &str, index: usize) -> Option<&StoredToken> {
        self.held.get(&(client_id.to_owned(), index))
    }
}
