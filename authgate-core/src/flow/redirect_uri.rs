//! The redirect URI that the browser comes back to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::Host;

use crate::config::{PlainHttp, Query, is_loopback, parse_url};
use crate::error::{Error, Result};

const HTTP_PORT: u16 = 80;

/// A checked loopback redirect URI (RFC 8252 section 7.3).
///
/// The server compares it character by character, so we send it exactly as it was written. We
/// listen on its host, port and path. The default is `http://127.0.0.1:8088/callback`.
///
/// ```
/// use authgate_core::flow::RedirectUri;
///
/// assert!(RedirectUri::parse("http://localhost:8888/callback").is_ok());
/// assert!(RedirectUri::parse("http://localhost/callback").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri {
    written: String,
    host: LoopbackHost,
    port: u16,
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LoopbackHost {
    Localhost,
    Address(IpAddr),
}

impl RedirectUri {
    /// Parses a redirect URI.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when it is not plain http to `localhost`, 127.0.0.0/8 or `[::1]`, when it
    /// has no port or port 0, or when it has a query, a fragment or a user name.
    pub fn parse(written: &str) -> Result<Self> {
        let refused = |reason: &str| {
            Err(Error::permanent(format!(
                "the redirect URI {reason}: write it like {}, as it is registered",
                Self::default()
            )))
        };
        let url = parse_url(
            "the redirect URI",
            written,
            PlainHttp::Anywhere,
            Query::Refused,
        )?;
        if url.scheme() != "http" || !is_loopback(&url) {
            return refused("does not lead to this machine over http");
        }
        let host = match url.host() {
            Some(Host::Ipv4(address)) => LoopbackHost::Address(address.into()),
            Some(Host::Ipv6(address)) => LoopbackHost::Address(address.into()),
            _ => LoopbackHost::Localhost,
        };
        match url
            .port()
            .or_else(|| written_port(written).filter(|port| *port == HTTP_PORT))
        {
            None => refused("names no port"),
            Some(0) => refused("names port 0"),
            Some(port) => Ok(Self {
                written: written.to_owned(),
                host,
                port,
                path: url.path().to_owned(),
            }),
        }
    }

    /// Returns the URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the path that the browser requests.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the addresses to listen on, and whether each may be missing. A browser may use
    /// either of two addresses for `localhost`.
    pub(super) fn addresses(&self) -> Vec<(SocketAddr, Presence)> {
        let at = |address: IpAddr| SocketAddr::new(address, self.port);
        match self.host {
            LoopbackHost::Address(address) => vec![(at(address), Presence::Required)],
            LoopbackHost::Localhost => vec![
                (at(Ipv4Addr::LOCALHOST.into()), Presence::Required),
                (at(Ipv6Addr::LOCALHOST.into()), Presence::Optional),
            ],
        }
    }

    /// Returns whether a `Host` header is ours. A page elsewhere whose name was made to lead here
    /// (DNS rebinding) sends its own name.
    pub(super) fn is_host(&self, header: &str) -> bool {
        let host = match self.host {
            LoopbackHost::Localhost => "localhost".to_owned(),
            LoopbackHost::Address(IpAddr::V4(address)) => address.to_string(),
            LoopbackHost::Address(IpAddr::V6(address)) => format!("[{address}]"),
        };
        let with_port = format!("{host}:{}", self.port);
        header.eq_ignore_ascii_case(&with_port)
            || (self.port == HTTP_PORT && header.eq_ignore_ascii_case(&host))
    }
}

impl Default for RedirectUri {
    fn default() -> Self {
        Self {
            written: "http://127.0.0.1:8088/callback".to_owned(),
            host: LoopbackHost::Address(Ipv4Addr::LOCALHOST.into()),
            port: 8088,
            path: "/callback".to_owned(),
        }
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

/// Whether an address to listen on must exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
}

/// Returns the port as it is written, because the URL parser drops an explicit `:80`. Use it for
/// that only: the parser accepts more notations than this function.
fn written_port(uri: &str) -> Option<u16> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (host, port) = authority.rsplit_once(':')?;
    // A colon inside the brackets of an IPv6 address separates no port.
    if host.starts_with('[') && !host.ends_with(']') {
        return None;
    }
    port.parse().ok()
}
