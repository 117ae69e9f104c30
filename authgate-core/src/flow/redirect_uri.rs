//! The redirect URI that the browser comes back to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::Host;

use crate::config::{PlainHttp, is_loopback, parse_url_without_query};
use crate::error::{Error, Result};
use crate::text;

const HTTP_PORT: u16 = 80;

/// A checked loopback redirect URI (RFC 8252 section 7.3).
///
/// The server compares it character by character, so we send it exactly as it was written. We
/// listen on its host, port and path. The default is `http://127.0.0.1:8088/callback`.
///
/// ```
/// use authgate_core::RedirectUri;
///
/// assert!(RedirectUri::parse("http://localhost:8888/callback").is_ok());
/// assert!(RedirectUri::parse("http://localhost/callback").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri {
    as_written: String,
    host: Host,
    port: u16,
    path: String,
}

impl RedirectUri {
    /// Parses a redirect URI.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when it is not plain http to `localhost`, 127.0.0.0/8 or `[::1]`, when it
    /// has no port or port 0, or when it has a query, a fragment or a user name.
    pub fn parse(uri: &str) -> Result<Self> {
        let refuse = |reason: &str| {
            Err(Error::permanent(format!(
                "the redirect URI {reason}: write it as it is registered, such as {}",
                Self::default()
            )))
        };
        let url = parse_url_without_query("the redirect URI", uri, PlainHttp::Anywhere)?;
        let Some(host) = url
            .host()
            .filter(|_| url.scheme() == "http" && is_loopback(&url))
        else {
            return refuse("is not http to this machine");
        };
        let port_80 = names_port_80(uri).then_some(HTTP_PORT);
        match url.port().or(port_80) {
            None => refuse("has no port"),
            Some(0) => refuse("has port 0"),
            Some(port) => Ok(Self {
                as_written: uri.to_owned(),
                host: host.to_owned(),
                port,
                path: url.path().to_owned(),
            }),
        }
    }

    /// Returns the URI as it was written.
    pub fn as_str(&self) -> &str {
        &self.as_written
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the addresses to listen on. A browser may use either of two for `localhost`; the
    /// second one does not exist on a machine without IPv6.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let at = |address: IpAddr| SocketAddr::new(address, self.port);
        match self.host {
            Host::Ipv4(address) => vec![at(address.into())],
            Host::Ipv6(address) => vec![at(address.into())],
            Host::Domain(_) => vec![
                at(Ipv4Addr::LOCALHOST.into()),
                at(Ipv6Addr::LOCALHOST.into()),
            ],
        }
    }

    /// Returns whether a `Host` header names us. With DNS rebinding, another site's page makes its
    /// own host name resolve to this machine, but the header still contains that name.
    pub(super) fn matches_host(&self, header: &[u8]) -> bool {
        let host = self.host.to_string();
        let with_port = format!("{host}:{}", self.port);
        header.eq_ignore_ascii_case(with_port.as_bytes())
            || (self.port == HTTP_PORT && header.eq_ignore_ascii_case(host.as_bytes()))
    }
}

impl Default for RedirectUri {
    fn default() -> Self {
        Self {
            as_written: "http://127.0.0.1:8088/callback".to_owned(),
            host: Host::Ipv4(Ipv4Addr::LOCALHOST),
            port: 8088,
            path: "/callback".to_owned(),
        }
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&text::printable(&self.as_written))
    }
}

/// Returns whether the URI names port 80, which the URL parser drops because it is the default.
fn names_port_80(uri: &str) -> bool {
    let authority = uri.split('/').nth(2);
    authority.is_some_and(|authority| authority.ends_with(":80"))
}
