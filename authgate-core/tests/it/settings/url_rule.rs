//! Which URLs a secret or a token may go to.

use authgate_core::config::{PlainHttp, Query, parse_url};

fn refusal(url: &str) -> String {
    parse_url("AUTHGATE_URL", url, PlainHttp::Loopback, Query::Refused).unwrap_err().to_string()
}

fn is_accepted(url: &str) -> bool {
    parse_url("AUTHGATE_URL", url, PlainHttp::Loopback, Query::Refused).is_ok()
}

/// cases 4, 6
#[test]
fn https_and_http_on_this_machine_are_accepted() {
    for url in [
        "https://auth.example.com",
        "https://auth.example.com:8443/tenant/",
        "http://localhost:8080",
        "http://127.0.0.1:8080/",
        "http://127.9.8.7",
        "http://[::1]:8080",
    ] {
        assert!(is_accepted(url), "{url}");
    }
}

/// case 3
#[test]
fn everything_else_is_refused_by_the_name_of_its_variable() {
    for url in [
        "http://auth.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://[::2]",
        "https://user:canary@auth.example.com",
        "https://canary@auth.example.com",
        "https://auth.example.com/?canary=1",
        "https://auth.example.com/#canary",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ftp://auth.example.com",
        "https://",
        "auth.example.com",
        "https://auth example.com",
        " https://auth.example.com",
        "https://auth.example.com\u{1b}[2J",
        "https://auth.example.com\n",
    ] {
        let refusal = refusal(url);
        assert!(refusal.contains("AUTHGATE_URL"), "{refusal}");
        assert!(!refusal.contains("canary") && !refusal.contains('\u{1b}'), "{refusal}");
    }
}

/// case 4
#[test]
fn plain_http_to_other_machines_wants_an_explicit_yes() {
    assert!(refusal("http://auth.example.com").contains("AUTHGATE_ALLOW_HTTP=1"));
    assert!(parse_url("AUTHGATE_URL", "http://auth.example.com", PlainHttp::Anywhere, Query::Refused).is_ok());
}

#[test]
fn a_query_is_for_token_and_api_urls_only() {
    let url = "https://api.example.com/v1?page=1";
    assert!(parse_url("API_URL", url, PlainHttp::Loopback, Query::Allowed).is_ok());
    assert!(parse_url("API_URL", url, PlainHttp::Loopback, Query::Refused).is_err());
}
