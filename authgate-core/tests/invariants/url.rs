//! A URL that is accepted is one that a secret may go to.

use std::net::IpAddr;

use authgate_core::config::{PlainHttp, Query, parse_url};
use authgate_core::flow::RedirectUri;
use authgate_core::text::printable_url;
use url::{Host, Url};

use super::text::assert_shows_itself;

/// What stands in the parts of a URL that no message may show.
pub(crate) const CANARY: &str = "canary";

/// Holds for anything that a person may write for a URL.
pub(crate) fn hold_for(written: &str) {
    for plain_http in [PlainHttp::Loopback, PlainHttp::Anywhere] {
        for query in [Query::Refused, Query::Allowed] {
            match parse_url("API_URL", written, plain_http, query) {
                Ok(url) => {
                    assert_may_get_a_secret(&url, plain_http);
                    assert!(query == Query::Allowed || url.query().is_none(), "{url}");
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
        Some(Host::Domain(name)) => matches!(name, "localhost" | "localhost."),
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
    let url = parse_url("API_URL", written, PlainHttp::Loopback, Query::Refused)
        .expect("the rule for every URL");
    assert!(url.scheme() == "http" && is_this_machine(&url), "{url}");
    let port = url.port_or_known_default().expect("http has a port");
    assert!(
        port != 0 && format!("{redirect_uri:?}").contains(&format!("port: {port},")),
        "{redirect_uri:?}"
    );
}
