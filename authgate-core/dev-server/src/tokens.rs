//! The issued tokens.

use std::{collections::HashMap, time::SystemTime};

use crate::random;

/// The tokens that the server has granted, and their owners.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) subject: Subject,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
}

/// The subject of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The client itself: `client:<client_id>`.
    Client,
    /// The person who logged in.
    User,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Access,
    Refresh,
}

/// The server's record of a token. The token itself is the key in [`Tokens`].
#[derive(Debug, Clone)]
pub(crate) struct TokenRecord {
    pub(crate) kind: TokenKind,
    pub(crate) client_id: String,
    pub(crate) subject: Subject,
    pub(crate) scope: String,
    pub(crate) id: String,
    pub(crate) issued_at: SystemTime,
    pub(crate) expires_at: SystemTime,
    /// The tokens of one login, including those from its refreshes, have the same number.
    pub(crate) family: u64,
    /// Whether rotation has replaced this refresh token by a new one.
    pub(crate) replaced: bool,
    pub(crate) revoked: bool,
}

impl TokenRecord {
    pub(crate) fn new(
        kind: TokenKind,
        grant: &Grant,
        family: u64,
        issued_at: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        Self {
            kind,
            client_id: grant.client_id.clone(),
            subject: grant.subject,
            scope: grant.scope.clone(),
            id: random::token(),
            issued_at,
            expires_at,
            family,
            replaced: false,
            revoked: false,
        }
    }

    pub(crate) fn is_active(&self, now: SystemTime) -> bool {
        !self.revoked && !self.replaced && now < self.expires_at
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    records: HashMap<String, TokenRecord>,
    families: u64,
}

impl Tokens {
    pub(crate) fn new_family(&mut self) -> u64 {
        self.families += 1;
        self.families
    }

    pub(crate) fn insert(&mut self, token: String, record: TokenRecord) {
        self.records.insert(token, record);
    }

    pub(crate) fn get(&self, token: &str) -> Option<&TokenRecord> {
        self.records.get(token)
    }

    pub(crate) fn active(
        &self,
        token: &str,
        kind: TokenKind,
        now: SystemTime,
    ) -> Option<&TokenRecord> {
        self.get(token)
            .filter(|record| record.kind == kind && record.is_active(now))
    }

    pub(crate) fn replace(&mut self, token: &str) {
        if let Some(record) = self.records.get_mut(token) {
            record.replaced = true;
        }
    }

    /// Revokes this token only: the other tokens of the same login stay active.
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(record) = self.records.get_mut(token) {
            record.revoked = true;
        }
    }

    pub(crate) fn revoke_family(&mut self, family: u64) {
        for record in self.records.values_mut() {
            record.revoked |= record.family == family;
        }
    }

    pub(crate) fn revoke_everything(&mut self) {
        for record in self.records.values_mut() {
            record.revoked = true;
        }
    }
}
