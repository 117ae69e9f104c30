//! Notices for the user about where the tokens are stored.

use std::fmt;

/// Something that a store did or found and that the user should know.
///
/// The library never prints: a program takes these from
/// [`take_notices`](super::TokenStore::take_notices) and shows them, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The caller turned the keyring off, so the store did not use it.
    KeyringOff {
        /// Where tokens are stored instead.
        used: String,
    },
    /// A preferred store cannot be used, so the next one is used.
    Fallback {
        /// Where tokens are stored instead.
        used: String,
        /// Which store failed, and why.
        reason: String,
    },
    /// A refreshed token could not be written where the old one was.
    Moved {
        /// Where the token is stored from now on.
        used: String,
    },
    /// The last store, which has no fallback after it, cannot be read.
    Unreadable {
        /// Which store failed, and why.
        reason: String,
    },
    /// No store accepted the token, so it serves this run only.
    ThisRunOnly {
        /// Each store, and why it did not accept the token.
        reasons: Vec<String>,
    },
    /// The old token was deleted, because the refreshed one could not be written over it. If a
    /// program sent the old one again, the server would end the login.
    OldCopyDeleted {
        /// Which store, and why it does not have the refreshed token.
        reason: String,
    },
    /// An old token could be neither overwritten nor deleted after a refresh.
    OldCopyRemains {
        /// Which store, and why.
        reason: String,
    },
    /// Other users could read the file; now they cannot.
    PermissionsRepaired {
        /// The file.
        place: String,
    },
    /// Other users can read the file, and its permissions could not be changed.
    OthersCanRead {
        /// The file.
        place: String,
        /// Why not.
        reason: String,
    },
    /// Other users can replace the files in the folder.
    FolderIsOpen {
        /// The folder.
        place: String,
    },
    /// The file was damaged and has been replaced. The damaged file was renamed.
    DamagedFileKept {
        /// The file.
        place: String,
        /// The new path of the damaged file.
        copy: String,
    },
    /// No lock is available, so two runs may refresh the token at the same time.
    NotLocked {
        /// Why not.
        reason: String,
    },
    /// The lock could not be acquired, so a new login is saved without it.
    LockPassedOver {
        /// Which lock, and why it could not be acquired.
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
            Self::Moved { used } => write!(
                formatter,
                "the login is kept in {used} from now on, as plain text"
            ),
            Self::Unreadable { reason } => write!(formatter, "{reason}. It is left out"),
            Self::ThisRunOnly { reasons } => write!(
                formatter,
                "the login cannot be saved anywhere and lasts for this run only ({})",
                reasons.join("; ")
            ),
            Self::OldCopyDeleted { reason } => {
                write!(
                    formatter,
                    "{reason}. The old token there has been replaced and was deleted"
                )
            }
            Self::OldCopyRemains { reason } => {
                write!(
                    formatter,
                    "{reason}. An old token stays there: another program that uses it may end this login"
                )
            }
            Self::PermissionsRepaired { place } => write!(
                formatter,
                "{place} could be read by others: now only you can. If someone may have read it, log out and in again"
            ),
            Self::OthersCanRead { place, reason } => {
                write!(
                    formatter,
                    "{place} can be read by others ({reason}): run chmod 600 on it"
                )
            }
            Self::FolderIsOpen { place } => {
                write!(
                    formatter,
                    "{place} can be written by others, who could replace the token file: run chmod go-w on it"
                )
            }
            Self::DamagedFileKept { place, copy } => {
                write!(
                    formatter,
                    "{place} was damaged and has been replaced; the damaged one is kept as {copy}"
                )
            }
            Self::NotLocked { reason } => {
                write!(
                    formatter,
                    "{reason}. Two programs that renew the login at the same time may end it"
                )
            }
            Self::LockPassedOver { reason } => {
                write!(
                    formatter,
                    "{reason}. The new login needs neither: it is saved without this lock"
                )
            }
        }
    }
}
