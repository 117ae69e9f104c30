//! One item of the keyring, used on the keyring's thread.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use keyring::{Entry, Error};
use zeroize::Zeroizing;

use super::{Newness, Permission, Text};
use crate::error::{Cause, causes};
use crate::notice::Notices;
use crate::text;

/// The attribute that Python's keyring library sets on its items in the Secret Service. It replaces
/// only items that have this attribute, and would otherwise create a second one beside ours.
const MARK: (&str, &str) = ("application", "Python keyring library");

/// Whether the keyring finds items by attributes, in which case several can match.
const HAS_ATTRIBUTES: bool = cfg!(all(unix, not(any(target_os = "macos", target_os = "ios"))));

/// The item of one service and user, or several items that match both.
pub(super) struct Item {
    entry: Entry,
    /// The service and the user, for a notice.
    name: String,
    notices: Notices,
    /// Returns how new an item with this text is, or `None` if we cannot parse the text.
    newness: fn(&str) -> Option<Newness>,
}

impl Item {
    pub(super) fn new(
        service: &str,
        user: &str,
        newness: fn(&str) -> Option<Newness>,
        notices: Notices,
    ) -> Result<Self, Trouble> {
        check_presence()?;
        Ok(Self {
            entry: Entry::new(service, user)?,
            name: format!("service {service}, user {user}"),
            notices,
            newness,
        })
    }

    /// Returns the text of the item, or of the newest one if there are several. Deletes the others
    /// unless they may be logins that still work.
    pub(super) fn read(&self, permission: &Permission) -> Result<Option<Text>, Trouble> {
        Ok(match self.newest(Others::MayLive, permission)? {
            Content::Nothing => None,
            Content::Foreign(text) => text,
            Content::Parsed(text) => Some(text),
        })
    }

    fn newest(&self, others: Others, permission: &Permission) -> Result<Content, Trouble> {
        match text_of(&self.entry) {
            Err(Error::Ambiguous(found)) => {
                let found: Vec<Entry> = found.into_iter().map(|inner| Entry { inner }).collect();
                self.keep_newest(&found, others, permission)
            }
            Err(Error::NoEntry) => Ok(Content::Nothing),
            text => Ok(match text? {
                Some(text) if (self.newness)(&text).is_some() => Content::Parsed(text),
                text => Content::Foreign(text),
            }),
        }
    }

    /// Returns the text of each matching item, `None` for one that is not text. Deletes nothing.
    pub(super) fn read_all(&self) -> Result<Vec<Option<Text>>, Trouble> {
        match text_of(&self.entry) {
            Err(Error::Ambiguous(found)) => found
                .into_iter()
                .map(|inner| Ok(text_of(&Entry { inner })?))
                .collect(),
            Err(Error::NoEntry) => Ok(Vec::new()),
            text => Ok(vec![text?]),
        }
    }

    /// Writes `text`, and checks that the keyring stored it. Adds a notice if it replaces a text of
    /// another program.
    pub(super) fn write(&self, text: &str, permission: &Permission) -> Result<(), Trouble> {
        // This reduces several items to one.
        let replaced = self.newest(Others::AreReplaced, permission)?;
        permission.check()?;
        self.entry.set_password(text)?;
        if HAS_ATTRIBUTES {
            permission.check()?;
            self.entry.inner.update_attributes(&HashMap::from([MARK]))?;
        }
        check_kept(
            text_of(&self.entry)?.as_ref().map(|kept| kept.as_str()),
            text,
        )?;
        if let Content::Foreign(_) = replaced {
            self.report_foreign();
        }
        Ok(())
    }

    fn report_foreign(&self) {
        self.notices.add(format!(
            "The keyring had an item ({}) that was not a login. It has been replaced",
            self.name
        ));
    }

    pub(super) fn delete(&self, permission: &Permission) -> Result<(), Trouble> {
        permission.check()?;
        match self.entry.delete_credential() {
            Err(Error::Ambiguous(found)) => found
                .into_iter()
                .try_for_each(|inner| delete(&Entry { inner }, permission)),
            Err(Error::NoEntry) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    /// Deletes the item if `is_meant` returns true for its text; if there are several, each one for
    /// which it does. Returns whether there was one.
    pub(super) fn delete_where(
        &self,
        is_meant: impl Fn(&str) -> bool,
        permission: &Permission,
    ) -> Result<bool, Trouble> {
        let delete_if_meant = |entry: &Entry, text: Option<Text>| match text {
            Some(text) if is_meant(&text) => delete(entry, permission).map(|()| true),
            _ => Ok(false),
        };
        match text_of(&self.entry) {
            Err(Error::Ambiguous(found)) => {
                let mut is_deleted = false;
                for entry in found.into_iter().map(|inner| Entry { inner }) {
                    let text = text_of(&entry)?;
                    is_deleted |= delete_if_meant(&entry, text)?;
                }
                Ok(is_deleted)
            }
            Err(Error::NoEntry) => Ok(false),
            text => delete_if_meant(&self.entry, text?),
        }
    }

    /// Returns the content of the newest item and deletes those that are superfluous. Fails if an
    /// item cannot be read at all, because it may be the newest. An item that can be read but not
    /// parsed is superfluous, and a notice tells of its deletion.
    fn keep_newest(
        &self,
        found: &[Entry],
        others: Others,
        permission: &Permission,
    ) -> Result<Content, Trouble> {
        let (mut understood, mut foreign, mut superfluous) = (Vec::new(), Vec::new(), Vec::new());
        for entry in found {
            match text_of(entry)?.and_then(|text| Some(((self.newness)(&text)?, text))) {
                Some((newness, text)) => understood.push((newness, text, entry)),
                None => foreign.push(entry),
            }
        }
        understood.sort_by_key(|&(newness, ..)| Reverse(newness));
        let mut understood = understood.into_iter();
        let newest = if let Some((newness, text, _)) = understood.next() {
            // We know which items are older only if all of them have an expiry.
            if others == Others::AreReplaced || newness.has_known_expiry() {
                superfluous.extend(understood.map(|(.., entry)| entry));
            }
            Content::Parsed(text)
        } else {
            // We can parse none of them, so keep any one.
            foreign.pop();
            Content::Foreign(None)
        };
        superfluous
            .into_iter()
            .try_for_each(|entry| delete(entry, permission))?;
        for entry in foreign {
            delete(entry, permission)?;
            self.report_foreign();
        }
        Ok(newest)
    }
}

/// The content of an item.
enum Content {
    Nothing,
    /// A text that we cannot parse; `None` if it is not text, or if several items have one.
    Foreign(Option<Text>),
    Parsed(Text),
}

/// How to treat the items that we can parse, apart from the newest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// Keep each one that is not known to be older, because it may be a login that still works.
    MayLive,
    /// Delete all of them, because the text about to be written replaces them.
    AreReplaced,
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
pub(super) fn check_presence() -> Result<(), Trouble> {
    match Entry::store_status() {
        Ok(()) => Ok(()),
        Err(error) => Err(Trouble::unreachable(error)),
    }
}

/// Checks that the keyring stored all of the text. Some keyrings report success and store less, or
/// nothing.
fn check_kept(kept: Option<&str>, written: &str) -> Result<(), Trouble> {
    if kept == Some(written) {
        return Ok(());
    }
    Err(Trouble::passing(
        "it did not keep what was written: check it with your keyring program",
    ))
}

fn delete(entry: &Entry, permission: &Permission) -> Result<(), Trouble> {
    permission.check()?;
    match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Why the keyring cannot be used.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    /// The reason, in words for the person.
    pub(super) reason: String,
    pub(super) kind: TroubleKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TroubleKind {
    /// The next attempt may succeed.
    Passing,
    /// The next attempt would fail in the same way, so asking again would only bother the person.
    Lasting,
    /// No keyring is running here, so there is nothing in it.
    NoKeyring,
}

impl Trouble {
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            kind: TroubleKind::Lasting,
        }
    }

    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            kind: TroubleKind::Passing,
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
            Error::PlatformFailure(_) => "none is running in this session",
            _ => "this system has none that is supported",
        };
        Self {
            reason: reason.to_owned(),
            kind: TroubleKind::NoKeyring,
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

impl From<Error> for Trouble {
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
            let trouble = check_kept(kept, "the token")
                .err()
                .map(|trouble| (trouble.reason, trouble.kind));
            assert!(
                matches!(&trouble, Some((reason, TroubleKind::Passing)) if reason.contains("did not keep")),
                "{kept:?}"
            );
        }
    }
}
