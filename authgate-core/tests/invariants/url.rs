//! Every accepted URL may receive a secret.

use std::net::IpAddr;

use authgate_core::test_util::parse_url_without_query;
use authgate_core::{PlainHttp, RedirectUri, Result, parse_url, printable_url};
use url::{Host, Url};

use super::text::assert_is_harmless;

/// A marker in the parts of a URL that no message may show.
pub(crate) const CANARY: &str = "canary";

type Parse = fn(&str, &str, PlainHttp) -> Result<Url>;

/// Checks any text that a person may write as a URL.
pub(crate) fn check(written: &str) {
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
                Err(refusal) => assert_contains_no_secret(&refusal.to_string(), written),
            }
        }
    }
    match RedirectUri::parse(written) {
        Ok(redirect_uri) => assert_is_loopback_address(&redirect_uri, written),
        Err(refusal) => assert_contains_no_secret(&refusal.to_string(), written),
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
        "the next parser reads the same URL"
    );
    assert_is_harmless(url.as_str());
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => matches!(name, "localhost" | "localhost."),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

fn assert_contains_no_secret(refusal: &str, written: &str) {
    assert_is_harmless(refusal);
    // A message may show scheme, host and path, whatever they contain.
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
        "the server compares it exactly"
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
