//! What a fallback store has seen and has to tell.

use std::collections::{HashMap, HashSet};

use crate::error::Error;
use crate::store::notice::Notice;
use crate::store::{StoredToken, TokenStore};

/// Notices not yet taken, and what is needed to give each only once.
#[derive(Default)]
pub(super) struct Told {
    pub(super) notices: Vec<Notice>,
    /// The stores that could not be used: one line about each is enough.
    troubled: HashSet<usize>,
    /// Whether it was said that nothing could be locked.
    said_not_locked: bool,
    /// What each client's entry in each store was when last read.
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
            self.notice(Notice::NotLocked { reason: reason.to_owned() });
        }
    }

    /// Says that no store took the token, and why; the same reason is then told for nothing else.
    pub(super) fn this_run_only(&mut self, reasons: Vec<String>) {
        self.notices.retain(|notice| !matches!(notice, Notice::NotLocked { reason } if reasons.contains(reason)));
        self.notice(Notice::ThisRunOnly { reasons });
    }

    /// Says that a store cannot be used, and which is used instead.
    pub(super) fn trouble(&mut self, index: usize, error: &Error, next: Option<&dyn TokenStore>) {
        if self.troubled.insert(index) {
            let reason = error.to_string();
            self.notice(match next {
                Some(next) => Notice::Fallback { used: next.description(), reason },
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

    /// What the store held when last read.
    pub(super) fn held(&self, client_id: &str, index: usize) -> Option<&StoredToken> {
        self.held.get(&(client_id.to_owned(), index))
    }
}
