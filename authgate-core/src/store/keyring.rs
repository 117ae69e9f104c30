//! A store in the desktop's keyring, which AuthGate's Python client uses too.

mod items;

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use self::items::{Failure, FailureKind, Items};
use super::{FoundTokens, LoginGuard, Newness, StoredToken, TokenStore, UNKNOWN_TIME, format};
use crate::error::{Error, Result};
use crate::notice::Notices;

/// The service name that all clients share.
const SERVICE: &str = "authgate";

/// The service name for this client's own records.
const RECORD_SERVICE: &str = "authgate-rust";

/// A store in the keyring: Secret Service on Linux and the BSDs, Keychain on macOS, Credential
/// Manager on Windows.
///
/// A keyring may wait for a person, and a session bus may never answer. We therefore ask it on
/// another thread and for a limited time. If it does not answer in time, or is locked, this
/// store does not ask it again. We write nothing just to find out whether it works.
#[derive(Debug)]
pub struct KeyringStore {
    limit: Duration,
    notices: Notices,
    /// Why the keyring is not asked again. Locked during each question, so that only one is asked at
    /// a time.
    given_up: Mutex<Option<Failure>>,
}

impl KeyringStore {
    /// How long the keyring may take when no person is there to unlock it.
    pub const LIMIT: Duration = Duration::from_secs(3);

    /// How long the keyring may take when a person can unlock it.
    pub const LIMIT_FOR_A_PERSON: Duration = Duration::from_secs(60);

    /// Creates a store for the keyring of the user's session. Each operation may take `limit`. This
    /// does not contact the keyring yet.
    pub fn new(limit: Duration, notices: Notices) -> Self {
        Self {
            limit,
            notices,
            given_up: Mutex::default(),
        }
    }

    /// Runs `question` about the client's items on another thread and returns the answer.
    fn ask_about<T: Send + 'static>(
        &self,
        client_id: &str,
        question: impl FnOnce(&ClientItems) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (client_id, notices) = (client_id.to_owned(), self.notices.clone());
        self.ask(move |permission| question(&ClientItems::new(&client_id, &notices, permission)?))
    }

    /// Runs `question` on another thread and returns the answer.
    ///
    /// A question must check its [`Permission`] before each change. After a timeout, the caller has
    /// turned to another store, so a later write would leave an outdated token in the keyring.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Permission) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &*given_up {
            return Err(failure.clone());
        }
        let permission = Permission(Arc::new(AtomicBool::new(true)));
        let (reply, answer) = mpsc::sync_channel(1);
        let work = {
            let permission = permission.clone();
            // The caller may have stopped waiting, so ignore a reply that cannot be sent.
            move || drop(reply.send(question(&permission)))
        };
        // If the thread hangs, it lives until the process ends, and no code waits for it.
        thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(work)
            .map_err(|error| {
                Failure::passing(format!("no thread can be started for it ({error})"))
            })?;
        let failure = match answer.recv_timeout(self.limit) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(failure)) => failure,
            Err(RecvTimeoutError::Timeout) => {
                permission.0.store(false, Ordering::Release);
                Failure::lasting(format!(
                    "no answer within {} s; it may be locked and wait for its password: unlock it and try again",
                    self.limit.as_secs_f64()
                ))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Failure::lasting("the connection to it broke down: try again")
            }
        };
        if failure.kind != FailureKind::Passing {
            *given_up = Some(failure.clone());
        }
        Err(failure)
    }
}

impl TokenStore for KeyringStore {
    fn load(&self, client_id: &str) -> Result<Option<StoredToken>> {
        let loaded = self.ask_about(client_id, |items| {
            let Some(text) = items.tokens.read()? else {
                return Ok(None);
            };
            Ok(format::read(&text, texts(&items.records_if_readable())))
        });
        match loaded {
            Err(failure) if failure.kind == FailureKind::NoKeyring => Ok(None),
            loaded => loaded.map_err(Error::from),
        }
    }

    /// When it deletes `only_if`, and several items match, deletes only those with that token:
    /// another may be a login that still works.
    fn put(
        &self,
        client_id: &str,
        only_if: Option<&StoredToken>,
        new: Option<&StoredToken>,
        _guard: &LoginGuard,
    ) -> Result<bool> {
        if new.is_some() && client_id.is_empty() {
            return Err(keyring_error("the client ID is empty"));
        }
        let (name, only_if, new) = (client_id.to_owned(), only_if.cloned(), new.cloned());
        let outcome = self.ask_about(client_id, move |ClientItems { tokens, records }| {
            let Some(new) = new else {
                let Some(old) = only_if else {
                    tokens.delete()?;
                    records.delete()?;
                    return Ok(true);
                };
                let is_deleted = tokens.delete_where(|text| is_token(text, &old))?;
                if tokens.read_all()?.is_empty() {
                    records.delete()?;
                }
                return Ok(is_deleted);
            };
            let previous = tokens.read()?;
            let previous = previous.as_deref().map(String::as_str);
            if let Some(old) = only_if
                && !previous.is_some_and(|text| is_token(text, &old))
            {
                return Ok(false);
            }
            tokens.write(&format::write(&name, &new, previous))?;
            match format::write_record(&new) {
                Some(text) => records.write(&text)?,
                None => records.delete()?,
            }
            Ok(true)
        });
        outcome.map_err(Error::from)
    }

    /// Checks that the keyring is there and, if it was asked before, that it answered.
    fn get_ready(&self, _guard: &LoginGuard) -> Result<()> {
        self.ask(|_| items::check_presence()).map_err(Error::from)
    }

    fn find_all(&self, client_id: &str) -> FoundTokens {
        let found = self.ask_about(client_id, |items| {
            Ok((items.tokens.read_all()?, items.records_if_readable()))
        });
        let (tokens, records) = match found {
            Ok(found) => found,
            Err(failure) => return FoundTokens::from(failure),
        };
        let mut found = FoundTokens {
            has_orphan: tokens.is_empty() && !records.is_empty(),
            ..FoundTokens::default()
        };
        for text in tokens {
            let text = text.as_deref().map_or("", String::as_str);
            match format::read(text, texts(&records)) {
                Some(token) => found.tokens.push(token),
                None if format::has_no_token(text) => {}
                None => found.unread.push(keyring_error(format!(
                    "an item (service {SERVICE}) cannot be understood, so it is neither revoked nor deleted: delete it with your keyring program"
                ))),
            }
        }
        found
    }

    fn description(&self) -> String {
        format!("keyring (service {SERVICE})")
    }
}

impl From<Failure> for FoundTokens {
    fn from(Failure { reason, kind }: Failure) -> Self {
        let mut found = Self::default();
        if kind == FailureKind::NoKeyring {
            found.no_store = Some(Error::transient(format!(
                "{reason}. If you logged in from your desktop, log out there"
            )));
        } else {
            found.unread.push(keyring_error(format!(
                "{reason}. A login there is neither revoked nor deleted"
            )));
        }
        found
    }
}

fn texts(items: &[Option<Text>]) -> impl Iterator<Item = &str> {
    items.iter().flatten().map(|text| text.as_str())
}

fn is_token(text: &str, token: &StoredToken) -> bool {
    format::read(text, None).is_some_and(|stored| stored.is_same_grant(token))
}

/// The permission to change the keyring: true while the caller still waits.
#[derive(Clone)]
struct Permission(Arc<AtomicBool>);

impl Permission {
    fn check(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(Failure::lasting("it answered too late"))
        }
    }
}

/// The items of one client.
struct ClientItems {
    tokens: Items,
    records: Items,
}

impl ClientItems {
    fn new(client_id: &str, notices: &Notices, permission: &Permission) -> Result<Self, Failure> {
        items::check_presence()?;
        let items = |service| Items::new(service, client_id, notices, permission);
        Ok(Self {
            tokens: items(SERVICE)?,
            records: items(RECORD_SERVICE)?,
        })
    }

    /// Returns the records, or none if they cannot be read: a token works without one.
    fn records_if_readable(&self) -> Vec<Option<Text>> {
        self.records.read_all().unwrap_or_default()
    }
}

impl From<Failure> for Error {
    fn from(Failure { reason, kind }: Failure) -> Self {
        if kind == FailureKind::NoKeyring {
            Self::transient(reason)
        } else {
            keyring_error(reason)
        }
    }
}

fn keyring_error(reason: impl Display) -> Error {
    Error::transient(format!("keyring: {reason}"))
}

type Text = Zeroizing<String>;
