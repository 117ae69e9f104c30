//! The items that the keyring has for a client.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use keyring::{Entry, Error};
use zeroize::Zeroizing;

use super::{Newness, Permission, RECORD_SERVICE, Text, UNKNOWN_TIME, format};
use crate::error::{Cause, causes};
use crate::notice::Notices;
use crate::text;

/// The attribute that Python's keyring library sets on its items in the Secret Service. It replaces
/// only items that have this attribute, and would otherwise create a second one beside ours.
const MARK: (&str, &str) = ("application", "Python keyring library");

/// Whether the keyring finds items by attributes, in which case several can match.
const HAS_ATTRIBUTES: bool = cfg!(all(unix, not(any(target_os = "macos", target_os = "ios"))));

/// The items of one service and user. There is at most one, unless the keyring finds items by
/// attributes and another program has created its own.
pub(super) struct Items {
    service: &'static str,
    user: String,
    /// Stands for whichever item there is, and for the next one if there is none.
    entry: Entry,
    notices: Notices,
    permission: Permission,
}

struct Item {
    entry: Entry,
    /// The text, or `None` if the content is not text.
    text: Option<Text>,
    /// How new the item is, or `None` if it is foreign: we cannot parse it.
    newness: Option<Newness>,
}

impl Items {
    pub(super) fn new(
        service: &'static str,
        user: &str,
        notices: &Notices,
        permission: &Permission,
    ) -> Result<Self, Failure> {
        Ok(Self {
            service,
            user: user.to_owned(),
            entry: Entry::new(service, user)?,
            notices: notices.clone(),
            permission: permission.clone(),
        })
    }

    /// Returns the text of the newest item. Deletes the others unless they may be logins that still
    /// work. Fails if an item cannot be read at all, because it may be the newest.
    pub(super) fn read(&self) -> Result<Option<Text>, Failure> {
        let mut items = self.find()?.into_iter();
        let Some(newest) = items.next() else {
            return Ok(None);
        };
        // We know which items are older only if all of them have an expiry.
        let others_are_older =
            (newest.newness).is_some_and(|(_, expires_at)| expires_at != UNKNOWN_TIME);
        for item in items {
            if others_are_older || item.newness.is_none() {
                self.delete_one(&item.entry)?;
                self.report_if_foreign(&item);
            }
        }
        Ok(newest.text)
    }

    /// Returns the text of each item, `None` for one that is not text. Deletes nothing.
    pub(super) fn read_all(&self) -> Result<Vec<Option<Text>>, Failure> {
        Ok(self.find()?.into_iter().map(|item| item.text).collect())
    }

    /// Replaces all items by one with `text`, and checks that the keyring stored it. Adds a notice
    /// about each text of another program.
    pub(super) fn write(&self, text: &str) -> Result<(), Failure> {
        let items = self.find()?;
        // The newest one stays until it is overwritten, so a crash in between loses no login.
        for older in items.iter().skip(1) {
            self.delete_one(&older.entry)?;
        }
        self.permission.check()?;
        self.entry.set_password(text)?;
        if HAS_ATTRIBUTES {
            self.permission.check()?;
            self.entry.inner.update_attributes(&HashMap::from([MARK]))?;
        }
        let kept = text_of(&self.entry)?;
        check_kept(kept.as_deref().map(String::as_str), text)?;
        for item in &items {
            self.report_if_foreign(item);
        }
        Ok(())
    }

    /// Deletes all items.
    pub(super) fn delete(&self) -> Result<(), Failure> {
        self.entries()?
            .iter()
            .try_for_each(|entry| self.delete_one(entry))
    }

    /// Deletes each item for whose text `is_meant` returns true. Returns whether there was one.
    pub(super) fn delete_where(&self, is_meant: impl Fn(&str) -> bool) -> Result<bool, Failure> {
        let mut is_deleted = false;
        for item in self.find()? {
            if item.text.is_some_and(|text| is_meant(&text)) {
                self.delete_one(&item.entry)?;
                is_deleted = true;
            }
        }
        Ok(is_deleted)
    }

    /// Returns every item, the newest first and foreign ones last.
    fn find(&self) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        for entry in self.entries()? {
            let text = text_of(&entry)?;
            let newness = text.as_deref().and_then(|text| self.newness(text));
            items.push(Item {
                entry,
                text,
                newness,
            });
        }
        items.sort_by_key(|item| Reverse(item.newness));
        Ok(items)
    }

    /// Returns how new an item with this text is, or `None` if we cannot parse the text. Each record
    /// is useless with any token but its own, so none counts as newer than another.
    fn newness(&self, text: &str) -> Option<Newness> {
        if self.service == RECORD_SERVICE {
            return Some((0, 0));
        }
        format::read(text, None).map(|token| token.newness())
    }

    fn entries(&self) -> Result<Vec<Entry>, Failure> {
        let found = match self.entry.inner.get_credential() {
            Ok(entry) => vec![entry],
            Err(Error::Ambiguous(entries)) => entries,
            Err(Error::NoEntry) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(found.into_iter().map(|inner| Entry { inner }).collect())
    }

    fn delete_one(&self, entry: &Entry) -> Result<(), Failure> {
        self.permission.check()?;
        match entry.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn report_if_foreign(&self, item: &Item) {
        if item.newness.is_none() {
            self.notices.add(format!(
                "The keyring had an item (service {}, user {}) that was not a login. It has been replaced",
                self.service, self.user
            ));
        }
    }
}

/// Returns the item's text, or `None` if its content is not text.
fn text_of(entry: &Entry) -> Result<Option<Text>, Error> {
    match entry.get_password() {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(Error::BadEncoding(_) | Error::BadDataFormat(..)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks that this session has a keyring.
pub(super) fn check_presence() -> Result<(), Failure> {
    match Entry::store_status() {
        Ok(()) => Ok(()),
        Err(error) => Err(Failure::unreachable(error)),
    }
}

/// Checks that the keyring stored all of the text. Some keyrings report success and store less, or
/// nothing.
fn check_kept(kept: Option<&str>, written: &str) -> Result<(), Failure> {
    if kept == Some(written) {
        return Ok(());
    }
    Err(Failure::passing(
        "it did not keep what was written: check it with your keyring program",
    ))
}

/// Why the keyring cannot be used.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// The reason, in words for the person.
    pub(super) reason: String,
    pub(super) kind: FailureKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The next attempt may succeed.
    Passing,
    /// The next attempt would fail in the same way, so asking again would only bother the person.
    Lasting,
    /// No keyring is running here, so there is nothing in it.
    NoKeyring,
}

impl Failure {
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            kind: FailureKind::Lasting,
        }
    }

    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            kind: FailureKind::Passing,
        }
    }

    /// Explains why no keyring could be reached. If there is none, the cause is a socket error, which
    /// tells a person nothing.
    fn unreachable(error: &Error) -> Self {
        let reason = match error {
            Error::PlatformFailure(cause) if !is_absence(cause.as_ref()) => {
                return Self::lasting(format!(
                    "it cannot be reached ({})",
                    Cause::innermost(cause.as_ref())
                ));
            }
            Error::PlatformFailure(_) => "no keyring is running in this session",
            _ => "this system has no keyring that is supported",
        };
        Self {
            reason: reason.to_owned(),
            kind: FailureKind::NoKeyring,
        }
    }
}

/// Returns whether a failure to reach the keyring means that none is running: there is no bus, or the
/// bus knows no such service. The keyring's crate gives the bus's error as text only.
fn is_absence(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| {
        // The bus's crate shares its I/O errors.
        let shared = cause.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
        let is_no_bus = shared
            .or_else(|| cause.downcast_ref())
            .is_some_and(|error| {
                matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                )
            });
        let text = cause.to_string();
        let is_no_service = [
            "ServiceUnknown",
            "NameHasNoOwner",
            "no secret service provider",
        ]
        .iter()
        .any(|sign| text.contains(sign));
        is_no_bus || is_no_service
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NoStorageAccess(_) => Self::lasting(
                "it is locked, refuses access, or has no default keyring yet: unlock it or make one with your keyring program",
            ),
            Error::NoDefaultStore => Self::lasting("this system has none that is supported"),
            Error::TooLong(_, limit) => Self::passing(format!(
                "the token is longer than the {limit} characters that it takes"
            )),
            Error::PlatformFailure(cause) => {
                Self::passing(format!("it failed ({})", Cause::innermost(cause.as_ref())))
            }
            Error::Invalid(name, reason) => Self::passing(format!(
                "it does not take this {}: {}",
                text::printable(&name),
                text::printable(&reason)
            )),
            Error::Ambiguous(_) => {
                Self::passing("another program has just added a second item: try again")
            }
            Error::NoEntry => Self::passing("another program has just removed the item: try again"),
            // The other messages may quote the stored text.
            _ => Self::passing("it failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_fails_unless_the_token_is_read_back() {
        assert!(check_kept(Some("the token"), "the token").is_ok());
        for kept in [
            None,
            Some(""),
            Some("the toke"),
            Some("the token "),
            Some("the old one"),
        ] {
            let failure = check_kept(kept, "the token")
                .err()
                .map(|failure| (failure.reason, failure.kind));
            assert!(
                matches!(&failure, Some((reason, FailureKind::Passing)) if reason.contains("did not keep")),
                "{kept:?}"
            );
        }
    }
}
