//! The rule for every URL to which we send a secret or a token.

use std::fmt;

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

/// Parses a URL that was given as `name`, such as a token URL or an API URL, and refuses one that no
/// token may go to.
///
/// ```
/// use authgate_core::{PlainHttp, parse_url};
///
/// assert!(parse_url("API_URL", "https://api.example.com/v1?page=1", PlainHttp::Loopback).is_ok());
/// assert!(parse_url("API_URL", "http://api.example.com", PlainHttp::Loopback).is_err());
/// ```
///
/// # Errors
///
/// [`Error::Other`] with that name and the reason: not a URL, a scheme other than `https` or (as
/// `plain_http` allows) `http`, a user name or password, a fragment, white space or control
/// characters. The message does not contain the URL's password.
pub fn parse_url(name: &str, value: &str, plain_http: PlainHttp) -> Result<Url> {
    parse(value, plain_http).map_err(|refusal| refusal.of(name))
}

/// Parses a URL like [`parse_url`], and refuses a query, which a server's own URL never has.
///
/// # Errors
///
/// The errors of [`parse_url`], and [`Error::Other`] for a query.
pub fn parse_url_without_query(name: &str, value: &str, plain_http: PlainHttp) -> Result<Url> {
    parse_without_query(value, plain_http).map_err(|refusal| refusal.of(name))
}

/// Why no token may go to a URL. The texts are safe to print.
pub(crate) enum Refusal {
    /// The URL is plain http to another machine, which the rule does not allow.
    PlainHttp(String),
    /// The URL breaks another rule.
    Other(String),
}

impl Refusal {
    /// Creates the error for a URL that was given as `name`.
    pub(crate) fn of(&self, name: &str) -> Error {
        Error::permanent(format!("{name} is refused: {self}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp(url) => write!(
                formatter,
                "{url} is plain http, which shows the token to everyone on the way. Use https"
            ),
            Self::Other(reason) => formatter.write_str(reason),
        }
    }
}

pub(super) fn parse(value: &str, plain_http: PlainHttp) -> Result<Url, Refusal> {
    // Docker's --env-file keeps the quotes that a shell would take away.
    if value.starts_with(['"', '\'']) {
        return Err(refused("it is in quotes. Remove them"));
    }
    // The parser would drop some of these characters and percent-encode others, but nobody means to
    // write them.
    if value
        .chars()
        .any(|character| character.is_whitespace() || character.is_control())
    {
        return Err(refused(
            "it contains white space or a control character. Remove it",
        ));
    }
    let url = Url::parse(value).map_err(|reason| {
        Refusal::Other(format!(
            "it is not a URL ({reason}). Write the whole URL, with its https:// or http://"
        ))
    })?;
    check_url(&url, plain_http)?;
    Ok(url)
}

pub(super) fn parse_without_query(value: &str, plain_http: PlainHttp) -> Result<Url, Refusal> {
    let url = parse(value, plain_http)?;
    if url.query().is_some() {
        return Err(refused("it has a query (?...). Remove it"));
    }
    Ok(url)
}

/// Applies the rule to a URL from any source.
pub(crate) fn check_url(url: &Url, plain_http: PlainHttp) -> Result<(), Refusal> {
    match url.scheme() {
        "https" => {}
        "http" if plain_http == PlainHttp::Anywhere || is_loopback(url) => {}
        "http" => return Err(Refusal::PlainHttp(text::printable_url(url))),
        scheme => {
            return Err(Refusal::Other(format!(
                "it begins with {}:, not with https://",
                text::excerpt(scheme, 20)
            )));
        }
    }
    // The parser lets `$(id)` and `;` through. No server has such a name, and an error may show it in
    // a command to be copied.
    if let Some(Host::Domain(name)) = url.host()
        && !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    {
        return Err(refused(
            "its host has a character that no host name has. Correct it",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it contains a user name or password. Remove them"));
    }
    if url.fragment().is_some() {
        return Err(refused("it has a fragment (#...). Remove it"));
    }
    Ok(())
}

fn refused(reason: &str) -> Refusal {
    Refusal::Other(reason.to_owned())
}

/// Returns whether the URL's host is this machine, by name or by address. The HTTP client connects
/// such a name to loopback addresses only, whatever the hosts file says.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => matches!(name, "localhost" | "localhost."),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
