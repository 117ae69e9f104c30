//! Notices for the person during a login.

use std::fmt;
use std::time::Duration;

use super::deadline::format_duration as spoken;
use super::redirect_uri::RedirectUri;
use crate::error::Error;
use crate::store;
use crate::text;

/// One line for the person, formatted by its `Display`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// The login waits for the browser.
    WaitingForBrowser {
        /// The redirect URI that the browser comes back to.
        redirect_uri: RedirectUri,
        /// How long the login waits.
        limit: Duration,
    },
    /// No browser could be opened. The login still waits, because the person can open the address
    /// by hand.
    BrowserFailed(Error),
    /// A request came to the callback address with a state that is not this login's. The login
    /// still waits.
    WrongState,
    /// The code is being exchanged for a token. If the program ends now, the code is lost.
    Exchanging,
    /// The server asked for fewer polls.
    SlowedDown {
        /// The new time between two polls.
        interval: Duration,
    },
    /// The server has asked for fewer polls several times.
    ClockDrift,
    /// A poll got no usable response. The polling goes on.
    PollFailed {
        /// The error of the poll.
        error: Error,
        /// The time until the next poll.
        pause: Duration,
    },
    /// The device flow replaces the browser flow.
    DeviceFlowInstead {
        /// The error that ended the browser flow.
        because: Error,
    },
    /// The code expired, and the person gets a new one.
    AnotherCode {
        /// The error that the first code ended with.
        because: Error,
    },
    /// The server granted fewer scopes than were requested.
    ScopesNotGranted {
        /// The scopes that the token lacks.
        missing: Vec<String>,
    },
    /// The stored login is for another server, or for an unknown one, and is not used.
    OtherIssuer {
        /// The other server, if known.
        issuer: Option<String>,
        /// The server of this login.
        server: String,
    },
    /// The refresh failed, but the token is still valid for a while.
    RenewalFailed(Error),
    /// The token no longer works and was not refreshed, because its successor could not be saved. A
    /// new login follows.
    NotRenewed(Error),
    /// The server no longer accepts the stored login, which is deleted. A new login follows.
    LoginRevoked,
    /// The keyring, or the lock of the token file, has been unavailable for a second.
    WaitingForStore,
    /// A notice about where the login is stored.
    Store(store::Notice),
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitingForBrowser { redirect_uri, limit } => write!(
                formatter,
                "Waiting {} for the browser. If it shows an error instead of a login: register exactly {redirect_uri} \
                 as a redirect URI of this client, or use the device flow",
                spoken(*limit)
            ),
            Self::BrowserFailed(error) => write!(formatter, "{} Open the address above by hand", sentence(error)),
            Self::WrongState => formatter.write_str(
                "A page that does not belong to this login came to the callback address; it was turned away, and the \
                 waiting goes on",
            ),
            Self::Exchanging => formatter.write_str("Finishing the login"),
            Self::SlowedDown { interval } => {
                write!(formatter, "The server asks for fewer questions: the next ones come every {}", spoken(*interval))
            }
            Self::ClockDrift => formatter.write_str(
                "The server still finds the questions too frequent: does this machine's clock run fast, as in some \
                 virtual machines?",
            ),
            Self::PollFailed { error, pause } => {
                write!(formatter, "{} Asking again in {}", sentence(error), spoken(*pause))
            }
            Self::DeviceFlowInstead { because } => {
                write!(formatter, "{} Going on with the device flow", sentence(because))
            }
            Self::AnotherCode { because } => write!(formatter, "{} Here it is", sentence(because)),
            Self::ScopesNotGranted { missing } => {
                write!(formatter, "The server did not grant: {}", text::printable(&missing.join(" ")))
            }
            Self::OtherIssuer { issuer, server } => write!(
                formatter,
                "The stored login is for {}, not for {}: it is not used, and a new one will take its place",
                issuer.as_deref().map_or("an unknown server".to_owned(), |issuer| text::excerpt(issuer, 200)),
                text::printable(server)
            ),
            Self::RenewalFailed(error) => write!(formatter, "{} The token there is stays in use", sentence(error)),
            Self::NotRenewed(error) => write!(
                formatter,
                "{} The stored login is not renewed, because the new token could not take its place: you log in again",
                sentence(error)
            ),
            Self::LoginRevoked => {
                formatter.write_str("The server has revoked the stored login: it is deleted, and you log in again")
            }
            Self::WaitingForStore => formatter.write_str(
                "Waiting for the place where the login is kept; if a window asks you to unlock the keyring, answer it",
            ),
            Self::Store(notice) => write!(formatter, "{notice}"),
        }
    }
}

/// Formats the error with a full stop, unless it ends with a question mark.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    if text.ends_with('?') {
        text
    } else {
        text + "."
    }
}
