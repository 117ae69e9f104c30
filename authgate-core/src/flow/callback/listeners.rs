//! The sockets that the callback server listens on.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};

use crate::error::{Cause, Error, Result};
use crate::flow::redirect_uri::RedirectUri;

/// One or two listeners that can be closed while another task waits for a connection. The port is
/// free as soon as `close` returns.
#[derive(Debug)]
pub(super) struct Listeners(Mutex<Vec<TcpListener>>);

impl Listeners {
    /// Listens at the addresses of `redirect_uri`.
    ///
    /// Tokio sets `SO_REUSEADDR` except on Windows, and that is right. On Unix, it allows a port
    /// whose last connections linger. On Windows, it would allow a port that another program
    /// listens on.
    pub(super) async fn bind(redirect_uri: &RedirectUri) -> Result<Self> {
        let mut listeners = Vec::new();
        for address in redirect_uri.addresses() {
            match TcpListener::bind(address).await {
                Ok(listener) => listeners.push(listener),
                // Only `localhost` has a second address, `[::1]`. A machine without IPv6 lacks it,
                // so ignore the error. If the port is in use there, `[::1]` exists, and the error
                // counts.
                Err(error) if !listeners.is_empty() && error.kind() != io::ErrorKind::AddrInUse => {
                }
                Err(error) => return Err(port_unavailable(address, &error)),
            }
        }
        Ok(Self(Mutex::new(listeners)))
    }

    /// Returns the next connection. Waits forever once the listeners are closed.
    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        poll_fn(|context| {
            for listener in self.lock().iter() {
                if let Poll::Ready(accepted) = listener.poll_accept(context) {
                    return Poll::Ready(accepted.map(|(stream, _)| stream));
                }
            }
            Poll::Pending
        })
        .await
    }

    pub(super) fn close(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<TcpListener>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn port_unavailable(address: SocketAddr, error: &io::Error) -> Error {
    let (reason, source) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            "another program, perhaps another login, uses this port",
            None,
        ),
        io::ErrorKind::PermissionDenied => (
            "the system does not allow this program to use this port; register a redirect URI with a port above 1023",
            None,
        ),
        _ => ("the system refuses it", Some(Cause::innermost(error))),
    };
    Error::BrowserUnavailable {
        reason: format!("cannot listen on {address}: {reason}"),
        source,
    }
}
