//! Which URLs a secret or a token may go to.

use authgate_core::test_util::parse_url_without_query;
use authgate_core::{PlainHttp, Result, parse_url};
use url::Url;

use crate::support::lines;

fn parse(url: &str) -> Result<Url> {
    parse_url_without_query("AUTHGATE_URL", url, PlainHttp::Loopback)
}

#[test]
fn https_and_http_on_this_machine_are_accepted() {
    for url in [
        "https://auth.example.com",
        "https://auth.example.com:8443/tenant/",
        "http://localhost:8080",
        "http://LOCALHOST.:8080",
        "http://127.0.0.1:8080/",
        "http://127.9.8.7",
        "http://[::1]:8080",
    ] {
        assert!(parse(url).is_ok(), "{url}");
    }
}

#[test]
fn every_other_url_is_refused_by_the_name_of_its_variable() {
    let refused = [
        "http://auth.example.com",
        "http://localhost.example.com",
        "http://localhost..",
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
        "https://$(id).example.com",
        "https://a;id;b",
        "https://a'b`id`",
        "auth.example.com",
        "https://auth example.com",
        " https://auth.example.com",
        "https://auth.example.com\u{1b}[2J",
        "https://auth.example.com\n",
        "\"https://auth.example.com\"",
        "'https://auth.example.com'",
    ];
    let refusals = lines(refused.map(|url| parse(url).unwrap_err()));
    assert!(!refusals.contains("canary"), "{refusals}");
    insta::assert_snapshot!(refusals, @"
    AUTHGATE_URL is refused: http://auth.example.com/ is plain http, which shows the token to everyone on the way. Use https
    AUTHGATE_URL is refused: http://localhost.example.com/ is plain http, which shows the token to everyone on the way. Use https
    AUTHGATE_URL is refused: http://localhost../ is plain http, which shows the token to everyone on the way. Use https
    AUTHGATE_URL is refused: http://10.0.0.1/ is plain http, which shows the token to everyone on the way. Use https
    AUTHGATE_URL is refused: http://[::2]/ is plain http, which shows the token to everyone on the way. Use https
    AUTHGATE_URL is refused: it contains a user name or password. Remove them
    AUTHGATE_URL is refused: it contains a user name or password. Remove them
    AUTHGATE_URL is refused: it has a query (?...). Remove it
    AUTHGATE_URL is refused: it has a fragment (#...). Remove it
    AUTHGATE_URL is refused: it begins with file:, not with https://
    AUTHGATE_URL is refused: it begins with javascript:, not with https://
    AUTHGATE_URL is refused: it begins with ftp:, not with https://
    AUTHGATE_URL is refused: it is not a URL (empty host). Write the whole URL, with its https:// or http://
    AUTHGATE_URL is refused: its host has a character that no host name has. Correct it
    AUTHGATE_URL is refused: its host has a character that no host name has. Correct it
    AUTHGATE_URL is refused: its host has a character that no host name has. Correct it
    AUTHGATE_URL is refused: it is not a URL (relative URL without a base). Write the whole URL, with its https:// or http://
    AUTHGATE_URL is refused: it contains white space or a control character. Remove it
    AUTHGATE_URL is refused: it contains white space or a control character. Remove it
    AUTHGATE_URL is refused: it contains white space or a control character. Remove it
    AUTHGATE_URL is refused: it contains white space or a control character. Remove it
    AUTHGATE_URL is refused: it is in quotes. Remove them
    AUTHGATE_URL is refused: it is in quotes. Remove them
    ");
}

#[test]
fn a_query_is_for_token_and_api_urls_only() {
    let url = "https://api.example.com/v1?page=1";
    assert!(parse_url("API_URL", url, PlainHttp::Loopback).is_ok());
    assert!(parse_url_without_query("API_URL", url, PlainHttp::Loopback).is_err());
}
