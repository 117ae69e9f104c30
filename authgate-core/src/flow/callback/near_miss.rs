//! Requests that were nearly the authorization response.

use crate::flow::redirect_uri::RedirectUri;
use crate::notice::Notice;

/// How a request to the callback port differs from the authorization response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flow) enum NearMiss {
    /// It does not have this login's state.
    WrongState,
    /// It has the state, but another host or path.
    OtherAddress,
    /// It is a POST request.
    Post,
    /// It is a TLS connection.
    Https,
}

impl NearMiss {
    /// The number of kinds.
    pub(super) const KINDS: usize = 4;

    /// Says what happened, and what to do if the login is to go on.
    pub(in crate::flow) fn notice(self, redirect_uri: &RedirectUri) -> Notice {
        Notice::new(match self {
            Self::WrongState => {
                "Ignored a request to the callback address that was not part of this login".to_owned()
            }
            Self::OtherAddress => format!(
                "The browser came back to another host or path. Change the beginning of its address to \
                 {redirect_uri} and load the page again"
            ),
            Self::Post => {
                "Ignored a POST request to the callback address. The server must send the browser back \
                 with GET (response_mode=query)"
                    .to_owned()
            }
            Self::Https => {
                "The browser opened the callback address with https. If it shows an error, change https \
                 to http in its address bar"
                    .to_owned()
            }
        })
    }
}
