//! The hosts that a request may name.
//!
//! A web page can make its own name resolve to 127.0.0.1 (DNS rebinding) and then read the server's answers and
//! approve devices. Its requests name its own host, so the server refuses them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::{header::HOST, request::Parts};
use url::Url;

/// The loopback names and addresses with the server's port, and the issuer's host.
pub(crate) struct AllowedHosts {
    port: u16,
    issuer: Option<(String, u16)>,
    /// The port of a host that names none: that of the scheme.
    default_port: u16,
}

impl AllowedHosts {
    /// The hosts of the server that listens on this port.
    pub(crate) fn new(port: u16, issuer: &str, default_port: u16) -> Self {
        let issuer = Url::parse(issuer).ok();
        let issuer = issuer.and_then(|url| {
            let port = url.port_or_known_default()?;
            Some((url.host_str()?.to_owned(), port))
        });
        Self {
            port,
            issuer,
            default_port,
        }
    }

    /// Whether a request names one of these hosts, in its header and, if it is sent as to a proxy, in its target.
    pub(crate) fn allow(&self, request: &Parts) -> bool {
        let mut headers = request.headers.get_all(HOST).iter();
        let header = headers.next().and_then(|host| host.to_str().ok());
        header.is_some_and(|host| self.has(host))
            && headers.next().is_none()
            && request
                .uri
                .authority()
                .is_none_or(|target| self.has(target.as_str()))
    }

    fn has(&self, host: &str) -> bool {
        let (name, port) = host
            .rsplit_once(':')
            .and_then(|(name, port)| Some((name, port.parse().ok()?)))
            .unwrap_or((host, self.default_port));
        let is_issuer = |(issuer, issuer_port): &(String, u16)| {
            issuer.eq_ignore_ascii_case(name) && *issuer_port == port
        };
        (is_loopback(name) && port == self.port) || self.issuer.as_ref().is_some_and(is_issuer)
    }
}

fn is_loopback(name: &str) -> bool {
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let address: Option<IpAddr> = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => name.parse::<Ipv4Addr>().ok().map(IpAddr::from),
    };
    let absolute = name.strip_suffix('.').unwrap_or(name);
    absolute.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|address| address.is_loopback())
}
