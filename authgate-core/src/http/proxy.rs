//! Finds the proxy between us and a server, from the variables that `curl`, Go and Python read.

use std::env;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::error::{Cause, Error, Result, TransportFailure, causes};

/// The proxy that the environment names for URLs of one scheme.
#[derive(Default)]
pub(super) struct Proxies {
    /// The variable that names the proxy, and the proxy if we can use it.
    named: Option<(&'static str, Option<Url>)>,
    /// `NO_PROXY`: the servers to reach without it.
    no_proxy: String,
}

impl Proxies {
    pub(super) fn from_environment(is_encrypted: bool) -> Self {
        // A web server that runs us as a CGI program sets `HTTP_PROXY` to a header of the request,
        // so the sender of the request could choose the proxy. It sets no other of these variables.
        let is_cgi = env::var_os("REQUEST_METHOD").is_some();
        let for_scheme: &[&str] = match (is_encrypted, is_cgi) {
            (true, _) => &["HTTPS_PROXY", "https_proxy"],
            (false, false) => &["HTTP_PROXY", "http_proxy"],
            // Windows does not distinguish the two spellings.
            (false, true) if cfg!(windows) => &[],
            (false, true) => &["http_proxy"],
        };
        let named = first_set(for_scheme).or_else(|| first_set(&["ALL_PROXY", "all_proxy"]));
        let no_proxy = first_set(&["NO_PROXY", "no_proxy"]).map(|(_, servers)| servers);
        Self {
            named: named.map(|(variable, value)| (variable, parse(&value))),
            no_proxy: no_proxy.unwrap_or_default(),
        }
    }

    /// Returns the proxy for this server. One that cannot be used is an error: we do not go around it,
    /// because it may be there to prevent direct connections.
    pub(super) fn for_server(&self, server: &Url) -> Result<Option<&Url>> {
        match &self.named {
            None => Ok(None),
            Some(_) if no_proxy_covers(&self.no_proxy, server) => Ok(None),
            Some((_, Some(proxy))) => Ok(Some(proxy)),
            Some((variable, None)) => Err(Error::permanent(format!(
                "{variable} does not name a usable proxy. Write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT \
                 with %40 for an @, %2F for a / and %23 for a # in the password (SOCKS is not supported). To bypass \
                 the proxy, name the server in NO_PROXY"
            ))),
        }
    }
}

/// Returns whether `NO_PROXY` covers this server.
///
/// `curl`, Go and Python agree on names, on addresses, and on `*`. We also take an entry that only
/// `curl` or Go understands. Where these two differ in how much it covers, we take the smaller part: a
/// proxy that is used by mistake causes an error that names it, or sees only encrypted data, but
/// nobody would notice a secret that bypasses a proxy.
pub fn no_proxy_covers(no_proxy: &str, server: &Url) -> bool {
    no_proxy
        .split(|character: char| character == ',' || character.is_whitespace())
        .any(|entry| covers(entry, server))
}

fn covers(entry: &str, server: &Url) -> bool {
    if entry == "*" {
        return true;
    }
    let (host, port) = split_port(entry);
    let is_other_port = port.is_some_and(|port| server.port_or_known_default() != Some(port));
    // curl, Go and Python do not read `*:443` as every host either.
    if is_other_port || host == "*" {
        return false;
    }
    let host = match host.strip_prefix('*') {
        Some(domain) if domain.starts_with('.') => domain,
        _ => host,
    };
    // As in Go, a leading dot covers subdomains only.
    let is_the_domain_itself = host
        .strip_prefix('.')
        .zip(server.domain())
        .is_some_and(|(domain, name)| name.eq_ignore_ascii_case(domain));
    !is_the_domain_itself && names(host, server)
}

/// Returns whether this is the server's name, a domain above it, its address, or its network.
fn names(host: &str, server: &Url) -> bool {
    let Some(uri) = server.as_str().parse().ok() else {
        return false;
    };
    let matcher = Matcher::builder().all("http://proxy").no(host).build();
    matcher.intercept(&uri).is_none()
}

/// Splits an entry into a host and a port. Only with a port, an IPv6 address has brackets.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    let with_port = entry
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match with_port {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        Some((host, port)) if host.starts_with('[') && host.ends_with(']') => {
            (&host[1..host.len() - 1], Some(port))
        }
        // In an IPv6 address without brackets, a colon separates no port.
        _ => (entry, None),
    }
}

/// Explains why a proxy does not let us through, where it would not the next time either.
///
/// The HTTP client does not export this error, so we go by its message.
pub(super) fn explain(error: &reqwest::Error) -> Option<(TransportFailure, Cause)> {
    let innermost = causes(error).last()?.to_string();
    let cause = match innermost.as_str() {
        "tunnel error: proxy authorization required" => Cause::innermost(error),
        message @ "tunnel error: proxy response headers too long" => Cause::with_advice(
            message,
            "The proxy's operator must let it answer CONNECT with at most 8 KB of headers. To bypass the proxy, name \
             this host in NO_PROXY",
        ),
        _ => return None,
    };
    Some((TransportFailure::ProxyRefused, cause))
}

/// Returns the spelling that wins and its value. An empty variable counts as unset.
fn first_set(spellings: &[&'static str]) -> Option<(&'static str, String)> {
    spellings
        .iter()
        .filter_map(|name| Some((*name, env::var_os(name)?)))
        .find(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
}

/// Reads the value of a variable that names a proxy; returns `None` if we cannot use it.
fn parse(value: &str) -> Option<Url> {
    let proxy = if value.contains("://") {
        Url::parse(value)
    } else {
        Url::parse(&format!("http://{value}"))
    };
    let proxy = proxy.ok()?;
    let has_credentials = !proxy.username().is_empty() || proxy.password().is_some();
    // A second `@` is part of the password. So is the only one if the URL has no credentials: a `/`,
    // `?` or `#` in the password has ended the address, and the digits before it are taken for a port.
    let has_plain_at = value.matches('@').count() > usize::from(has_credentials);
    // If the HTTP client could not read the URL, it would silently bypass the proxy.
    let is_readable = proxy.as_str().parse::<Uri>().is_ok();
    let is_usable = matches!(proxy.scheme(), "http" | "https") && is_readable && !has_plain_at;
    is_usable.then_some(proxy)
}
