//! The rule for every URL to which we send a secret or a token.

use url::{Host, Url};

use crate::error::{Error, Result};
use crate::text;

/// The hosts for which we allow plain `http`. Everyone on the way can read a token sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// Only to this machine: `localhost`, 127.0.0.0/8, `[::1]`.
    #[default]
    Loopback,
    /// To every host, because the user asked for it.
    Anywhere,
}

/// Whether a URL may carry a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// No query, because a server's own address never has one.
    Refused,
    /// A query is allowed, as in a token or API URL.
    Allowed,
}

/// Parses a URL that was given as `name`, and refuses one that no token may go to.
///
/// # Errors
///
/// [`Error::Config`] with that name and the reason: not a URL, a scheme other than `https` or (as
/// `plain_http` allows) `http`, a user name or password, a fragment, a query where none is allowed,
/// white space or control characters. The message does not contain the URL's password.
///
/// ```
/// use authgate_core::config::{PlainHttp, Query, parse_url};
///
/// assert!(parse_url("API_URL", "https://api.example.com/v1?page=1", PlainHttp::Loopback, Query::Allowed).is_ok());
/// assert!(parse_url("API_URL", "http://api.example.com", PlainHttp::Loopback, Query::Allowed).is_err());
/// ```
pub fn parse_url(name: &str, value: &str, plain_http: PlainHttp, query: Query) -> Result<Url> {
    // The parser would drop some of these characters and percent-encode others, but nobody means to
    // write them.
    if value
        .chars()
        .any(|character| character.is_whitespace() || character.is_control())
    {
        return Err(Error::config(format!(
            "{name} contains white space or a control character: write it as one plain URL"
        )));
    }
    let url = Url::parse(value).map_err(|reason| {
        Error::config(format!(
            "{name} is not a URL ({reason}): write it whole, from https:// (http:// on this machine) on"
        ))
    })?;
    check_url(&url, plain_http)
        .and_then(|()| match query {
            Query::Refused if url.query().is_some() => {
                Err("it has a query, and a server's address has none".to_owned())
            }
            _ => Ok(url),
        })
        .map_err(|reason| Error::config(format!("{name} is refused: {reason}")))
}

/// Applies the rule to a URL from any source; the reason for a refusal is safe to print.
pub(crate) fn check_url(url: &Url, plain_http: PlainHttp) -> Result<(), String> {
    match url.scheme() {
        "https" => {}
        "http" if plain_http == PlainHttp::Anywhere || is_loopback(url) => {}
        "http" => {
            return Err(format!(
                "{} is plain http, which shows the token to everyone on the way: use https (http is for this \
                 machine only; AUTHGATE_ALLOW_HTTP=1, in code `PlainHttp::Anywhere`, lets it through all the same)",
                text::printable_url(url)
            ));
        }
        scheme => {
            return Err(format!(
                "it begins with {}:, not with https://",
                text::excerpt(scheme, 20)
            ));
        }
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains a user name or password: take them out".to_owned());
    }
    if url.fragment().is_some() {
        return Err("it has a fragment (#...): take it out".to_owned());
    }
    Ok(())
}

/// Returns whether the URL's host is this machine, by name or by address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
