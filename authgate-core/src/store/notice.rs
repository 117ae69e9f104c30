//! What the user should be told about where the tokens are.

use std::fmt;

/// Something that a store did or found which its user should hear of.
///
/// The library never prints: a program takes these from
/// [`take_notices`](super::TokenStore::take_notices) and shows them, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The keyring was not touched, because the caller said so.
    KeyringOff {
        /// Where tokens are kept instead.
        used: String,
    },
    /// A store that was to be used first cannot be used.
    Fallback {
        /// Where tokens are kept instead.
        used: String,
        /// Which store, and why not.
        reason: String,
    },
    /// A renewed token could not be written where the old one was.
    Moved {
        /// Where it is kept from now on.
        used: String,
    },
    /// A store other than the first cannot be read.
    Unreadable {
        /// Which store, and why not.
        reason: String,
    },
    /// No store took the token: it serves this run only.
    ThisRunOnly {
        /// Each store, and why not.
        reasons: Vec<String>,
    },
    /// A token that has been replaced was deleted, because its successor could not be written
    /// there: sent once more, it would end the login.
    OldCopyDeleted {
        /// Which store, and why its successor is not there.
        reason: String,
    },
    /// A token that has been replaced could neither be overwritten nor deleted.
    OldCopyRemains {
        /// Which store, and why.
        reason: String,
    },
    /// Others could read the file; now they cannot.
    PermissionsRepaired {
        /// The file.
        place: String,
    },
    /// Others can read the file, and that could not be changed.
    OthersCanRead {
        /// The file.
        place: String,
        /// Why not.
        reason: String,
    },
    /// Others can replace the files in the folder.
    FolderIsOpen {
        /// The folder.
        place: String,
    },
    /// The file was damaged and has been replaced; what was in it is kept.
    DamagedFileKept {
        /// The file.
        place: String,
        /// Where the damaged one is now.
        copy: String,
    },
    /// Nothing keeps two runs from renewing the token at the same time.
    NotLocked {
        /// Why not.
        reason: String,
    },
    /// The lock was not to be had, and a new login does not wait for it any longer.
    LockPassedOver {
        /// Which lock, and why not.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyringOff { used } => write!(
                formatter,
                "the keyring is off: the login is kept in {used}, as plain text; an older login may lie in the keyring"
            ),
            Self::Fallback { used, reason } => {
                write!(
                    formatter,
                    "{reason}. The login is kept in {used}, as plain text; an older login may lie in the keyring"
                )
            }
            Self::Moved { used } => write!(formatter, "the login is kept in {used} from now on, as plain text"),
            Self::Unreadable { reason } => write!(formatter, "{reason}. It is left out"),
            Self::ThisRunOnly { reasons } => write!(
                formatter,
                "the login cannot be saved anywhere and lasts for this run only ({})",
                reasons.join("; ")
            ),
            Self::OldCopyDeleted { reason } => {
                write!(formatter, "{reason}. The old token there has been replaced and was deleted")
            }
            Self::OldCopyRemains { reason } => {
                write!(formatter, "{reason}. An old token stays there: another program that uses it may end this login")
            }
            Self::PermissionsRepaired { place } => write!(
                formatter,
                "{place} could be read by others: now only you can. If someone may have read it, log out and in again"
            ),
            Self::OthersCanRead { place, reason } => {
                write!(formatter, "{place} can be read by others ({reason}): run chmod 600 on it")
            }
            Self::FolderIsOpen { place } => {
                write!(
                    formatter,
                    "{place} can be written by others, who could replace the token file: run chmod go-w on it"
                )
            }
            Self::DamagedFileKept { place, copy } => {
                write!(formatter, "{place} was damaged and has been replaced; the damaged one is kept as {copy}")
            }
            Self::NotLocked { reason } => {
                write!(formatter, "{reason}. Two programs that renew the login at the same time may end it")
            }
            Self::LockPassedOver { reason } => {
                write!(formatter, "{reason}. The new login needs neither: it is saved without this lock")
            }
        }
    }
}
