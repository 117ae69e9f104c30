//! One item of the keyring, as seen from the keyring's thread.

use std::cmp::Reverse;
use std::collections::HashMap;

use keyring::{Entry, Error};
use zeroize::Zeroizing;

use super::{Newness, Permission, Text};
use crate::error::Cause;
use crate::text;

/// How Python's library marks its items on the Secret Service. It replaces only an item that has
/// this mark too, and would otherwise put a second one beside ours.
const MARK: (&str, &str) = ("application", "Python keyring library");

/// Whether items are found by attributes, of which several can match.
const HAS_ATTRIBUTES: bool = cfg!(all(unix, not(any(target_os = "macos", target_os = "ios"))));

/// The item of one service and user, or several that claim to be it.
pub(super) struct Item {
    entry: Entry,
    /// How new an item with this text is; `None` when the text means nothing to us.
    newness: fn(&str) -> Option<Newness>,
}

impl Item {
    pub(super) fn new(service: &str, user: &str, newness: fn(&str) -> Option<Newness>) -> Result<Self, Trouble> {
        if let Err(error) = Entry::store_status() {
            return Err(Trouble::lasting(no_keyring(error)));
        }
        Ok(Self { entry: Entry::new(service, user)?, newness })
    }

    /// The text of the item, of several that of the newest; the others are deleted unless they may
    /// be logins that live.
    pub(super) fn read(&self, permission: &Permission) -> Result<Option<Text>, Trouble> {
        self.newest(Others::MayLive, permission)
    }

    fn newest(&self, others: Others, permission: &Permission) -> Result<Option<Text>, Trouble> {
        match text_of(&self.entry) {
            Err(Error::Ambiguous(found)) => {
                let found: Vec<Entry> = found.into_iter().map(|inner| Entry { inner }).collect();
                self.keep_newest(&found, others, permission)
            }
            Err(Error::NoEntry) => Ok(None),
            text => Ok(text?),
        }
    }

    /// Writes `text`, and makes sure that it is there.
    pub(super) fn write(&self, text: &str, permission: &Permission) -> Result<(), Trouble> {
        // Several items become one by this.
        self.newest(Others::AreReplaced, permission)?;
        permission.check()?;
        self.entry.set_password(text)?;
        if HAS_ATTRIBUTES {
            permission.check()?;
            self.entry.inner.update_attributes(&HashMap::from([MARK]))?;
        }
        check_kept(text_of(&self.entry)?.as_ref().map(|kept| kept.as_str()), text)
    }

    pub(super) fn delete(&self, permission: &Permission) -> Result<(), Trouble> {
        permission.check()?;
        match self.entry.delete_credential() {
            Err(Error::Ambiguous(found)) => {
                found.into_iter().try_for_each(|inner| delete(&Entry { inner }, permission))
            }
            Err(Error::NoEntry) => Ok(()),
            deleted => Ok(deleted?),
        }
    }

    /// Deletes the item if `is_meant` says so of its text, of several those of which it does.
    pub(super) fn delete_where(&self, is_meant: impl Fn(&str) -> bool, permission: &Permission) -> Result<(), Trouble> {
        let delete_if_meant = |entry: &Entry, text: Option<Text>| match text {
            Some(text) if is_meant(&text) => delete(entry, permission),
            _ => Ok(()),
        };
        match text_of(&self.entry) {
            Err(Error::Ambiguous(found)) => found.into_iter().map(|inner| Entry { inner }).try_for_each(|entry| {
                let text = text_of(&entry)?;
                delete_if_meant(&entry, text)
            }),
            Err(Error::NoEntry) => Ok(()),
            text => delete_if_meant(&self.entry, text?),
        }
    }

    /// One that cannot be read at all (rather than understood) ends this: it may be the newest.
    fn keep_newest(&self, found: &[Entry], others: Others, permission: &Permission) -> Result<Option<Text>, Trouble> {
        let (mut understood, mut superfluous) = (Vec::new(), Vec::new());
        for entry in found {
            match text_of(entry)?.and_then(|text| Some(((self.newness)(&text)?, text))) {
                Some((newness, text)) => understood.push((newness, text, entry)),
                None => superfluous.push(entry),
            }
        }
        understood.sort_by_key(|&(newness, ..)| Reverse(newness));
        let mut understood = understood.into_iter();
        let newest = if let Some((newness, text, _)) = understood.next() {
            // Which one is older is known only where all of them say when they expire.
            if others == Others::AreReplaced || newness != Newness::Unknown {
                superfluous.extend(understood.map(|(.., entry)| entry));
            }
            Some(text)
        } else {
            // Where none means anything to us, one is as good as another.
            superfluous.pop();
            None
        };
        superfluous.into_iter().try_for_each(|entry| delete(entry, permission))?;
        Ok(newest)
    }
}

/// What becomes of the items beside the newest that mean something to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// Each may be a login that lives, unless it is known to be older.
    MayLive,
    /// What is about to be written takes the place of them all.
    AreReplaced,
}

/// `None` for an item whose content is no text.
fn text_of(entry: &Entry) -> Result<Option<Text>, Error> {
    match entry.get_password() {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(Error::BadEncoding(_) | Error::BadDataFormat(..)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Some keyrings take a text without a word and keep less, or nothing.
fn check_kept(kept: Option<&str>, written: &str) -> Result<(), Trouble> {
    if kept == Some(written) {
        return Ok(());
    }
    Err(Trouble::passing("it did not keep what was written: look for damage with your keyring program"))
}

fn delete(entry: &Entry, permission: &Permission) -> Result<(), Trouble> {
    permission.check()?;
    match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Why the keyring cannot be used, in a person's words.
pub(super) struct Trouble {
    pub(super) reason: String,
    /// Whether it will be the same next time, so that asking again would only bother the person.
    pub(super) lasts: bool,
}

impl Trouble {
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasts: true }
    }

    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), lasts: false }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::NoStorageAccess(_) => Self::lasting(
                "it is locked, refuses access, or has no default keyring yet: unlock it or make one with your keyring program",
            ),
            Error::NoDefaultStore => Self::lasting("this system has none that is known here"),
            Error::TooLong(_, limit) => {
                Self::passing(format!("the token is longer than the {limit} characters that it takes"))
            }
            Error::PlatformFailure(cause) => Self::passing(format!("it failed ({})", Cause::innermost(cause.as_ref()))),
            Error::Invalid(name, reason) => {
                Self::passing(format!("it does not take this {}: {}", text::printable(&name), text::printable(&reason)))
            }
            Error::Ambiguous(_) => Self::passing("another program has just added a second item: try again"),
            Error::NoEntry => Self::passing("another program has just removed the item: try again"),
            // The other messages may quote what is kept.
            _ => Self::passing("it failed"),
        }
    }
}

/// Why no keyring could be connected to. The cause is mostly a socket's, and tells a person nothing.
fn no_keyring(error: &Error) -> String {
    match error {
        Error::PlatformFailure(_) => "there is none in this session, as over SSH, in a container or under cron",
        _ => "this system has none that is known here",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_fails_unless_the_token_is_read_back() {
        assert!(check_kept(Some("the token"), "the token").is_ok());
        for kept in [None, Some(""), Some("the toke"), Some("the token "), Some("the old one")] {
            let trouble = check_kept(kept, "the token").err().map(|trouble| (trouble.reason, trouble.lasts));
            assert!(matches!(&trouble, Some((reason, false)) if reason.contains("did not keep")), "{kept:?}");
        }
    }
}
