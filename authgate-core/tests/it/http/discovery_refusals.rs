//! Discovery documents that are refused, and servers without one.

use std::time::Duration;

use authgate_core::{DiscoveryClient, Error, HttpClient, PlainHttp, in_one_line};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{discover, lines, service};

/// Returns how discovery fails if every answer has this fault. Only its own requests are counted.
async fn failure(server: &DevServer, fault: Fault) -> Error {
    service::failure(server, Endpoint::Discovery, fault, discover(server)).await
}

/// Returns how discovery fails after each of these faults, each time after one request.
async fn failures(server: &DevServer, faults: impl IntoIterator<Item = Fault>) -> Vec<Error> {
    service::failures(server, Endpoint::Discovery, faults, || discover(server)).await
}

#[tokio::test]
async fn a_document_that_breaks_a_rule_is_refused() {
    let server = DevServer::start().await;
    let members = [
        ("issuer", json!("https://evil.example")),
        ("issuer", json!("http://127.0.0.1:1")),
        ("issuer", json!("")),
        ("issuer", json!("\u{1b}[2Jevil")),
        ("token_endpoint", json!(null)),
        ("token_endpoint", json!("")),
        ("token_endpoint", json!(7)),
        ("token_endpoint", json!("/oauth/token")),
        ("token_endpoint", json!("file:///etc/passwd")),
        ("token_endpoint", json!("http://evil.example/token")),
        ("authorization_endpoint", json!("file:///bin/sh")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("calc.exe")),
        (
            "authorization_endpoint",
            json!("https://a.example/#fragment"),
        ),
    ];
    let refusals = failures(
        &server,
        members.map(|(member, value)| Fault::set_member(member, value)),
    )
    .await;
    assert!(
        refusals
            .iter()
            .all(|error| error.status().is_none() && !error.is_transient())
    );
    insta::assert_snapshot!(lines(refusals), @r"
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: the document is for the issuer https://evil.example, not for http://127.0.0.1:[port]. Check the server's URL
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: the document is for the issuer http://127.0.0.1:[port], not for http://127.0.0.1:[port]. Check the server's URL
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: the document names no issuer, so it is not an OpenID Connect discovery document. Check the server's URL
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: the document is for the issuer \u{1b}[2Jevil, not for http://127.0.0.1:[port]. Check the server's URL
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: the document has no token_endpoint: this server cannot grant tokens
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: the document has no token_endpoint: this server cannot grant tokens
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its token_endpoint is not a string
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its token_endpoint is not a URL (relative URL without a base)
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its token_endpoint is refused: it begins with file:, not with https://
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its token_endpoint is refused: http://evil.example/token is plain http, which shows the token to everyone on the way. Use https
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its authorization_endpoint is refused: it begins with file:, not with https://
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its authorization_endpoint is refused: it begins with javascript:, not with https://
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its authorization_endpoint is not a URL (relative URL without a base)
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: its authorization_endpoint is refused: it has a fragment (#...). Remove it
    ");
}

#[tokio::test]
async fn an_issuer_that_is_almost_right_is_refused_and_both_are_named() {
    let server = DevServer::start().await;
    let url = server.url();
    for other in [
        url.replace("http", "HTTP"),
        url.replace("127.0.0.1", "localhost"),
        url.replace("127.0.0.1", "127.0.0.2"),
        format!("{url}0"),
        format!("{url}/t2\u{1b}[2J"),
        format!("{url}//"),
    ] {
        let error = failure(&server, Fault::set_member("issuer", other.as_str())).await;
        assert!(matches!(error, Error::WrongServer { .. }), "{error:?}");
        let text = error.to_string();
        let named: Vec<_> = text
            .split(' ')
            .map(|word| word.trim_end_matches([',', '.', ':', ';']))
            .collect();
        let other = other.replace('\u{1b}', r"\u{1b}");
        assert!(
            named.contains(&url) && named.contains(&other.as_str()),
            "{other}: {text}"
        );
        server.assert_requests([Endpoint::Discovery]);
    }
}

#[tokio::test]
async fn the_document_for_every_tenant_of_entra_is_explained() {
    let server = DevServer::start().await;
    let issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let error = failure(&server, Fault::set_member("issuer", issuer)).await;
    assert!(matches!(error, Error::WrongServer { .. }), "{error:?}");
    insta::assert_snapshot!(lines([error]), @"discovery: http://127.0.0.1:[port]/.well-known/openid-configuration: the document is for every tenant (https://login.microsoftonline.com/{tenantid}/v2.0). Put your tenant's ID into the URL, in place of common or organizations. Check the server's URL");
}

#[tokio::test]
async fn a_body_that_is_no_document_is_shown_safely() {
    let server = DevServer::start().await;
    let deep = "[".repeat(100_000);
    let utf16: Vec<u8> = "{\"issuer\":1}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let bodies: [&[u8]; 10] = [
        b"<html>\x1b[2JPlease log in</html>",
        b"",
        b"{\"issuer\":",
        b"[]",
        b"null",
        deep.as_bytes(),
        &utf16,
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
        b"\xef\xbb\xbf{}",
        b"{\"issuer\":\"a\",\"\\u0069ssuer\":\"a\"}",
    ];
    let refusals = failures(
        &server,
        bodies.map(|body| Fault::body(200, "text/html", body.to_vec())),
    )
    .await;
    assert!(
        refusals
            .iter()
            .all(|error| matches!(error, Error::Response { .. }))
    );
    insta::assert_snapshot!(lines(refusals), @r#"
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: <html>\u{1b}[2JPlease log in</html>)
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; an empty body)
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: {"issuer":)
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: [])
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: null)
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...)
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: {\u{0}"\u{0}i\u{0}s\u{0}s\u{0}u\u{0}e\u{0}r\u{0}"\u{0}:\u{0}1\u{0}}\u{0})
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: \u{1f}�\u{8}\u{0}\u{0}\u{0}\u{0}\u{0})
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which is not a JSON object (text/html; a body that begins: \u{feff}{})
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 200, which names a member twice (text/html; a body that begins: {"issuer":"a","\u0069ssuer":"a"})
    "#);
}

#[tokio::test]
async fn a_body_without_end_is_given_up_at_the_limit() {
    let server = DevServer::start().await;
    for fault in [Fault::Endless, Fault::Oversized(64 * 1024 * 1024)] {
        assert!(
            failure(&server, fault)
                .await
                .to_string()
                .contains("larger than 1 MiB")
        );
    }
}

#[tokio::test]
async fn an_answer_with_more_headers_than_we_read_is_not_taken_for_another_protocol() {
    let server = DevServer::start().await;
    let names = (0..300).map(|number| format!("X-{number}"));
    let fault = names.fold(Fault::status(503), |fault, name| {
        fault.with_header(&name, "1")
    });
    let error = failure(&server, fault).await;
    insta::assert_snapshot!(in_one_line(&error).replace(server.url(), "[server]"), @"discovery: lost the connection to [server]/.well-known/openid-configuration (its answer has too many or too long headers). The server's operator must make it send fewer");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_or_drips_is_given_up() {
    let server = DevServer::start().await;
    for fault in [
        Fault::HeadersThenSilence,
        Fault::Hang,
        Fault::Drip {
            every: Duration::from_secs(10),
            bytes: 1,
        },
    ] {
        let started = Instant::now();
        let error = failure(&server, fault).await;
        assert!(
            error.is_transient()
                && error
                    .to_string()
                    .contains("timed out while waiting for an answer"),
            "{error}"
        );
        assert!(
            started.elapsed() <= Duration::from_secs(31),
            "{:?}",
            started.elapsed()
        );
        server.assert_requests([Endpoint::Discovery]);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_is_named() {
    let server = DevServer::start().await;
    let itself = format!("{}/.well-known/openid-configuration", server.url());
    for status in [301, 302, 307, 308] {
        let locations = ["http://evil.example/here?secret=canary", &itself];
        let redirects = locations.map(|location| Fault::Redirect {
            status,
            location: location.to_owned(),
        });
        let refusals = failures(&server, redirects).await;
        assert!(refusals.iter().all(|error| !error.is_transient()));
        let shown = lines(refusals).replace(&format!("answered {status}:"), "answered [status]:");
        insta::allow_duplicates!(insta::assert_snapshot!(shown, @"
        discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered [status]: a redirect to http://evil.example, which we do not follow because the credentials would go along. Check the server's URL
        discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered [status]: a redirect to http://127.0.0.1:[port], which we do not follow because the credentials would go along. Check the server's URL
        "));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_retried_up_to_three_times() {
    let server = DevServer::start().await;
    for status in [429, 502, 503, 504] {
        server.forget_requests();
        server.inject(Endpoint::Discovery, Fault::status(status), Times::Once);
        discover(&server).await.unwrap();
        server.assert_requests([Endpoint::Discovery; 2]);

        assert!(failure(&server, Fault::status(status)).await.is_transient());
        assert!(server.count(Endpoint::Discovery) <= 3, "{status}");
    }
    // It is transient, but not retried.
    assert!(
        failure(&server, Fault::body(500, "text/html", "<h1>oops</h1>"))
            .await
            .is_transient()
    );
    server.assert_requests([Endpoint::Discovery]);
}

#[test]
fn a_url_that_no_token_may_go_to_is_refused_unsent() {
    let refusal =
        DiscoveryClient::new("http://auth.example.com", HttpClient::default()).unwrap_err();
    assert!(
        matches!(refusal, Error::Other { .. }) && !refusal.is_transient(),
        "{refusal}"
    );
    assert!(
        DiscoveryClient::new(
            "http://auth.example.com",
            HttpClient::new(PlainHttp::Anywhere)
        )
        .is_ok()
    );
}

#[tokio::test]
async fn no_document_and_no_server_are_told_apart() {
    let server = DevServer::start().await;
    let no_document = failure(
        &server,
        Fault::body(404, "text/plain", "404 page not found"),
    )
    .await;
    assert_eq!(
        (no_document.status(), no_document.is_transient()),
        (Some(404), false)
    );

    let discovery = DiscoveryClient::new(server.url(), HttpClient::default()).unwrap();
    server.stop().await;
    let no_server = discovery.fetch().await.unwrap_err();
    assert_eq!((no_server.status(), no_server.is_transient()), (None, true));
    insta::assert_snapshot!(lines([no_document, no_server]), @"
    discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 404: there is nothing at this address. Check the server's URL
    discovery: cannot reach http://127.0.0.1:[port]/.well-known/openid-configuration. Check that the server is running at this address
    ");
}
