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
    parse(value, plain_http).map_err(|reason| refused(name, &reason))
}

/// Parses a URL like [`parse_url`], and refuses a query, which a server's own URL never has.
///
/// # Errors
///
/// The errors of [`parse_url`], and [`Error::Other`] for a query.
pub fn parse_url_without_query(name: &str, value: &str, plain_http: PlainHttp) -> Result<Url> {
    let url = parse_url(name, value, plain_http)?;
    if url.query().is_some() {
        return Err(refused(name, "it has a query (?...). Remove it"));
    }
    Ok(url)
}

/// Creates the error for a URL that was given as `name`.
pub(crate) fn refused(name: &str, reason: &str) -> Error {
    Error::permanent(format!("{name} is refused: {reason}"))
}

fn parse(value: &str, plain_http: PlainHttp) -> Result<Url, String> {
    // Docker's --env-file keeps the quotes that a shell would take away.
    if value.starts_with(['"', '\'']) {
        return Err("it is in quotes. Remove them".to_owned());
    }
    // The parser would drop some of these characters and percent-encode others, but nobody means to
    // write them.
    let is_not_meant = |character: char| character.is_whitespace() || character.is_control();
    if value.contains(is_not_meant) {
        return Err("it contains white space or a control character. Remove it".to_owned());
    }
    let url = Url::parse(value).map_err(|reason| {
        format!("it is not a URL ({reason}). Write the whole URL, with its https:// or http://")
    })?;
    check_url(&url, plain_http)?;
    Ok(url)
}

/// Applies the rule to a URL from any source. The error is the reason, safe to print.
pub(crate) fn check_url(url: &Url, plain_http: PlainHttp) -> Result<(), String> {
    match url.scheme() {
        "https" => {}
        "http" if plain_http == PlainHttp::Anywhere || is_loopback(url) => {}
        "http" => {
            return Err(format!(
                "{} is plain http, which shows the token to everyone on the way. Use https",
                text::printable_url(url)
            ));
        }
        scheme => {
            let scheme = text::excerpt(scheme, 20);
            return Err(format!("it begins with {scheme}:, not with https://"));
        }
    }
    // The parser lets `$(id)` and `;` through. No server has such a name, and an error may show it in
    // a command to be copied.
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let reason = if url
        .domain()
        .is_some_and(|name| !name.bytes().all(is_in_name))
    {
        "its host has a character that no host name has. Correct it"
    } else if !url.username().is_empty() || url.password().is_some() {
        "it contains a user name or password. Remove them"
    } else if url.fragment().is_some() {
        "it has a fragment (#...). Remove it"
    } else {
        return Ok(());
    };
    Err(reason.to_owned())
}

/// The names of this machine. The HTTP client connects them to loopback addresses only, whatever the
/// hosts file says.
pub(crate) const LOCALHOST: [&str; 2] = ["localhost", "localhost."];

/// Returns whether the URL's host is this machine, by name or by address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => LOCALHOST.contains(&name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
