//! Why we cannot listen on a port.

use std::fmt;

/// Why we cannot listen on the redirect URI's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerFailure {
    /// Another program listens there.
    Taken,
    /// The system reserves the port, or a policy forbids it.
    Forbidden,
    /// The system gave another reason.
    Other,
}

impl ListenerFailure {
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Taken => {
                "Wait for the other program (perhaps a login in another terminal), or use the device flow"
            }
            Self::Forbidden => {
                "Register a redirect URI with a port above 1023, or use the device flow"
            }
            Self::Other => "Use the device flow",
        }
    }
}

impl From<&std::io::Error> for ListenerFailure {
    fn from(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::AddrInUse => Self::Taken,
            std::io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for ListenerFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Taken => "another program uses this port",
            Self::Forbidden => "the system does not let this program use this port",
            Self::Other => "the system refuses it",
        })
    }
}
