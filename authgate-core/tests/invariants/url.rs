//! A URL that is accepted is one that a secret may go to.

use std::net::IpAddr;

use authgate_core::test_util::parse_url_without_query;
use authgate_core::{PlainHttp, RedirectUri, Result, parse_url, printable_url};
use url::{Host, Url};

use super::text::assert_shows_itself;

/// What stands in the parts of a URL that no message may show.
pub(crate) const CANARY: &str = "canary";

type Parse = fn(&str, &str, PlainHttp) -> Result<Url>;

/// Holds for anything that a person may write for a URL.
pub(crate) fn hold_for(written: &str) {
    for plain_http in [PlainHttp::Loopback, PlainHttp::Anywhere] {
        for (query_allowed, parse) in [(true, parse_url as Parse), (false, parse_url_without_query)]
        {
            match parse("API_URL", written, plain_http) {
                Ok(url) => {
                    assert_may_get_a_secret(&url, plain_http);
                    assert!(query_allowed || url.query().is_none(), "{url}");
                    assert!(!written.contains(
                        |character: char| character.is_whitespace() || character.is_control()
                    ));
                }
                Err(refusal) => assert_tells_no_secret(&refusal.to_string(), written),
            }
        }
    }
    match RedirectUri::parse(written) {
        Ok(redirect_uri) => assert_is_loopback_address(&redirect_uri, written),
        Err(refusal) => assert_tells_no_secret(&refusal.to_string(), written),
    }
}

pub(crate) fn assert_may_get_a_secret(url: &Url, plain_http: PlainHttp) {
    match url.scheme() {
        "https" => {}
        "http" => assert!(
            plain_http == PlainHttp::Anywhere || is_this_machine(url),
            "{url}"
        ),
        _ => panic!("{url}"),
    }
    assert!(
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none(),
        "{url}"
    );
    assert_eq!(
        Url::parse(url.as_str()).as_ref(),
        Ok(url),
        "it means the same to whoever reads it next"
    );
    assert_shows_itself(url.as_str());
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

fn assert_tells_no_secret(refusal: &str, written: &str) {
    assert_shows_itself(refusal);
    // Scheme, host and path may be shown, whatever stands there.
    let shown = Url::parse(written)
        .map(|url| printable_url(&url))
        .unwrap_or_default();
    assert!(
        shown.contains(CANARY) || !refusal.contains(CANARY),
        "{refusal}"
    );
}

fn assert_is_loopback_address(redirect_uri: &RedirectUri, written: &str) {
    assert_eq!(
        redirect_uri.as_str(),
        written,
        "the server compares it to the letter"
    );
    let url = parse_url_without_query("API_URL", written, PlainHttp::Loopback)
        .expect("the rule for every URL");
    assert!(url.scheme() == "http" && is_this_machine(&url), "{url}");
    let port = url.port_or_known_default().expect("http has a port");
    assert!(
        port != 0 && format!("{redirect_uri:?}").contains(&format!("port: {port},")),
        "{redirect_uri:?}"
    );
}
