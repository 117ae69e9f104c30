//! What a person is told besides what to do.

use std::fmt;
use std::time::Duration;

use super::deadline::spoken;
use super::redirect_uri::RedirectUri;
use crate::error::Error;
use crate::store;
use crate::text;

/// One line for the person; its `Display` is the line.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// The browser's turn has come.
    WaitingForBrowser {
        /// Where it is to come back to.
        redirect_uri: RedirectUri,
        /// How long it is waited for.
        limit: Duration,
    },
    /// No browser could be opened, and the waiting goes on: the address can be opened by hand.
    BrowserFailed(Error),
    /// Somebody came back with a state that is not this login's; the waiting goes on.
    WrongState,
    /// The code is being exchanged for a token: it is lost if the program ends now.
    Exchanging,
    /// The server asked for fewer polls.
    SlowedDown {
        /// The time between two polls from now on.
        interval: Duration,
    },
    /// The server has asked for that several times.
    ClockDrift,
    /// A poll got no usable answer; the polling goes on.
    PollFailed {
        /// What happened.
        error: Error,
        /// When the next poll follows.
        pause: Duration,
    },
    /// The device flow takes over from the browser.
    DeviceFlowInstead {
        /// Why.
        because: Error,
    },
    /// The code ran out, and the person gets another one.
    AnotherCode {
        /// How the first one ended.
        because: Error,
    },
    /// The server granted less than was asked for.
    ScopesNotGranted {
        /// The scopes that the token lacks.
        missing: Vec<String>,
    },
    /// There is a login at another server, or at an unknown one; it is not used.
    OtherIssuer {
        /// The other server, if it is known.
        issuer: Option<String>,
        /// The server that was asked for.
        server: String,
    },
    /// The token was not renewed, and is good for a while yet.
    RenewalFailed(Error),
    /// The token is of no more use, and was not renewed, because its successor could not be saved; a
    /// new login follows.
    NotRenewed(Error),
    /// The server does not accept the stored login any more; it is deleted, and a new one follows.
    LoginRevoked,
    /// The keyring, or the lock of the token file, has not been had for a second.
    WaitingForStore,
    /// Something about where the login is kept.
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

/// The error with a full stop, unless it ends in a question.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    if text.ends_with('?') { text } else { text + "." }
}
