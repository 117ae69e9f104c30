//! Finds the proxy between us and a server. The HTTP client reads the same variables with the same
//! code, but it does not name a proxy that fails, and it ignores one that it does not understand.

use std::env;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use url::Url;

use crate::error::{Error, Result};

/// The proxies that the environment names for URLs of one scheme.
pub(super) struct Proxies {
    matcher: Matcher,
    /// The variable whose value is not a usable proxy.
    unusable: Option<&'static str>,
}

impl Proxies {
    pub(super) fn none() -> Self {
        Self {
            matcher: Matcher::builder().build(),
            unusable: None,
        }
    }

    pub(super) fn from_environment(encrypted: bool) -> Self {
        let for_scheme = if encrypted {
            ["HTTPS_PROXY", "https_proxy"]
        } else {
            ["HTTP_PROXY", "http_proxy"]
        };
        let named = first_set(for_scheme).or_else(|| first_set(["ALL_PROXY", "all_proxy"]));
        match named.filter(|(_, value)| !is_usable(value)) {
            None => Self {
                matcher: Matcher::from_env(),
                unusable: None,
            },
            Some((variable, _)) => {
                // Any proxy will do here: we only need to know which URLs would have used the
                // unusable one.
                let no_proxy = first_set(["NO_PROXY", "no_proxy"])
                    .map(|(_, hosts)| hosts)
                    .unwrap_or_default();
                Self {
                    matcher: Matcher::builder().all("http://proxy").no(no_proxy).build(),
                    unusable: Some(variable),
                }
            }
        }
    }

    /// Returns the proxy for this URL, without its credentials.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] when this URL needs a proxy that cannot be used. We do not go around the
    /// proxy, because it may be there to prevent direct connections.
    pub(super) fn between_us_and(&self, url: &Url) -> Result<Option<String>> {
        let Some(proxy) = url
            .as_str()
            .parse()
            .ok()
            .and_then(|uri: Uri| self.matcher.intercept(&uri))
        else {
            return Ok(None);
        };
        match self.unusable {
            None => Ok(Some(
                proxy.uri().to_string().trim_end_matches('/').to_owned(),
            )),
            Some(variable) => Err(Error::permanent(format!(
                "{variable} does not name a usable proxy. Write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT \
                 with %40 for an @ in the password (SOCKS is not supported). To bypass the proxy, name the \
                 server in NO_PROXY"
            ))),
        }
    }
}

/// Returns the spelling that wins and its value, unless the value is empty.
fn first_set(spellings: [&'static str; 2]) -> Option<(&'static str, String)> {
    let set = spellings
        .into_iter()
        .find_map(|name| Some((name, env::var_os(name)?)));
    set.map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .filter(|(_, value)| !value.is_empty())
}

fn is_usable(value: &str) -> bool {
    let anywhere = Uri::from_static("http://host");
    Matcher::builder()
        .all(value)
        .build()
        .intercept(&anywhere)
        .is_some_and(|proxy| is_http(&proxy) && is_place(&proxy))
}

fn is_http(proxy: &Intercept) -> bool {
    matches!(proxy.uri().scheme_str(), Some("http" | "https"))
}

/// Returns whether the proxy is a host with an optional port. We refuse a port that is not a
/// number, because it would be taken for the scheme's default, and the rest of a password that
/// contains an `@`.
fn is_place(proxy: &Intercept) -> bool {
    proxy
        .uri()
        .authority()
        .is_some_and(|authority| match authority.port_u16() {
            Some(port) => authority.as_str() == format!("{}:{port}", authority.host()),
            None => authority.as_str() == authority.host(),
        })
}
