//! The loopback server that receives the authorization response, seen from its socket.

use std::io::Write;
use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::http;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use ring::digest::{SHA256, digest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::flow::{begin, begin_login, client, described, log_in, shown};

#[tokio::test]
async fn a_request_without_the_right_state_is_rejected() {
    let (server, mut begun) = begin_login().await;
    let state = begun.state();
    let mut pages = Vec::new();
    for query in [
        String::new(),
        "code=stolen".to_owned(),
        "code=stolen&state=".to_owned(),
        "code=stolen&state=wrong".to_owned(),
        format!("code=stolen&state={}", &state[..42]),
        format!("code=stolen&state={state}x"),
        format!("code=stolen&state={state}&state={state}"),
        format!("code=stolen&state=wrong&state={state}"),
        format!("code=stolen&State={state}"),
        "error=access_denied".to_owned(),
        "error=access_denied&state=wrong".to_owned(),
    ] {
        let page = begun.respond(&query).await;
        assert_eq!(page.status, 400, "{query}");
        pages.push(shown(&page));
    }
    pages.dedup();
    assert_snapshot!(pages.join("\n\n"), @"
    400 This page is not part of a login
    The address that brought you here does not belong to the login in progress, so it was ignored.
    To log in, open the address that the terminal shows.
    ");
    assert_eq!(server.count(Endpoint::Token), 0);
    log_in(&server, &mut begun).await;
    // The person is told only once.
    assert_snapshot!(begun.prompt.notices(), @"
    notice: Waiting 5 minutes for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    notice: Ignored a request to the callback address that was not part of this login.
    notice: Finishing the login.
    ");
}

#[tokio::test]
async fn an_invalid_response_with_the_right_state_ends_the_login() {
    let long = format!("code={}", "c".repeat(60_000));
    let mut errors = Vec::new();
    let mut pages = Vec::new();
    for query in [
        "",
        "code=a&error=access_denied",
        "error=",
        "code=a&code=a",
        "code=a&code=b",
        "code=&code=a",
        "error=access_denied&error=server_error",
        "code=",
        "code=%zz",
        "code=%ff%fe",
        "code=a%0d%0ab",
        "code=a&other=%4",
        long.as_str(),
    ] {
        let (server, mut begun) = begin_login().await;
        pages.push(shown(&begun.respond_with_state(query).await));
        errors.push(described(&begun.failure().await));
        assert_eq!(server.count(Endpoint::Token), 0, "{query:.40}");
    }
    errors.dedup();
    assert_snapshot!(errors.join("\n"), @"
    Callback: the browser came back with neither a code nor an error. Log in again
    Callback: the browser came back with both a code and an error. Log in again
    Callback: the browser came back with an empty or repeated parameter. Log in again
    Callback: the browser came back with an empty or malformed code. Log in again
    ");
    pages.dedup();
    assert_snapshot!(pages.join("\n\n"), @"
    400 Login failed
    The browser came back with a response that cannot be used, so the login has ended.
    You can close this tab. To try again, start the login again in the terminal.
    ");
}

#[tokio::test]
async fn an_error_response_injects_no_html_and_no_escape_sequence() {
    let (_server, mut begun) = begin_login().await;
    let page = begun
        .respond_with_state("error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%1b[2J%22%3E%3Cimg%20src=x%3E")
        .await;
    assert!(
        !page.body.contains("<script") && !page.body.contains("<img"),
        "{}",
        page.body
    );
    assert_snapshot!(shown(&page), @r"
    200 The server refused the login
    It returned an error, so the program got no access.
    the server refused the login: &lt;script&gt;alert(1)&lt;/script&gt; (\u{1b}[2J&quot;&gt;&lt;img src=x&gt;)
    You can close this tab. To try again, start the login again in the terminal.
    ");
    assert_snapshot!(described(&begun.failure().await), @r#"LoginRefused: the server refused the login: <script>alert(1)</script> (\u{1b}[2J"><img src=x>)"#);
}

#[tokio::test]
async fn a_refused_login_says_what_was_refused_and_what_to_do() {
    let mut errors = Vec::new();
    for response in [
        // As AuthGate writes them.
        "error=invalid_request&error_description=invalid+redirect_uri",
        "error=unauthorized_client&error_description=unauthorized_client",
        "error=invalid_scope&error_description=invalid_scope",
        "error=invalid_scope&error_description=no+such+scope",
        "error=invalid_request&error_description=no+code_challenge",
    ] {
        let (_server, mut begun) = begin_login().await;
        begun.respond_with_state(response).await;
        errors.push(described(&begun.failure().await));
    }
    assert_snapshot!(errors.join("\n"), @"
    LoginRefused: the server refused the login: invalid_request (invalid redirect_uri: http://127.0.0.1:[port]/callback). Register exactly this redirect URI for the client
    LoginRefused: the server refused the login: unauthorized_client. Allow the client the authorization code grant in its registration, and check the client ID
    LoginRefused: the server refused the login: invalid_scope (asked for profile email). Request only scopes that the server knows and grants to this client
    LoginRefused: the server refused the login: invalid_scope (no such scope; asked for profile email). Request only scopes that the server knows and grants to this client
    LoginRefused: the server refused the login: invalid_request (no code_challenge)
    ");
}

#[tokio::test]
async fn every_page_forbids_scripts_frames_and_caching() {
    let (_server, begun) = begin_login().await;
    let mut heads = Vec::new();
    for line in [
        "GET /callback?state=wrong",
        "GET /elsewhere",
        &format!("GET /callback?state={}&error=a", begun.state()),
    ] {
        let page = begun.request(line).await;
        assert!(!page.body.contains("<script"));
        let style = page
            .body
            .split("<style>")
            .nth(1)
            .unwrap()
            .split("</style>")
            .next()
            .unwrap();
        let hash = BASE64_STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let headers = page
            .headers
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "content-length" | "date"));
        let lines: Vec<_> = headers
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        heads.push(lines.join("\n").replace(&hash, "[hash of the style]"));
    }
    heads.dedup();
    assert_snapshot!(heads.join("\n\n"), @"
    content-type: text/html; charset=utf-8
    content-security-policy: default-src 'none'; style-src 'sha256-[hash of the style]'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
    x-content-type-options: nosniff
    referrer-policy: no-referrer
    cache-control: no-store
    connection: close
    ");
}

#[tokio::test]
async fn a_second_response_changes_nothing() {
    let (server, mut begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let first = tokio::spawn({
        let back = back.clone();
        async move { http::get(&back).await }
    });
    let (_token, page) = (&mut begun.login).await.unwrap().unwrap();
    assert_snapshot!(shown(&http::get(&back).await), @"
    409 This login has already been handled
    This page was opened a second time, which changed nothing.
    You can close this tab. The terminal shows how the login ended.
    ");
    page.saved().await;

    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn only_a_get_request_to_the_redirect_uri_is_accepted() {
    let (server, mut begun) = begin_login().await;
    let (host, query) = (begun.address(), format!("code=a&state={}", begun.state()));
    let mut pages = Vec::new();
    for (head, status) in [
        (
            format!("GET /callback?{query} HTTP/1.1\r\nHost: evil.com"),
            400,
        ),
        (
            format!("GET /callback?{query} HTTP/1.1\r\nHost: 127.0.0.1:1"),
            400,
        ),
        (
            format!("GET /callback?{query} HTTP/1.1\r\nHost: 127.0.0.1"),
            400,
        ),
        (
            format!("GET /callback?{query} HTTP/1.1\r\nHost: {host}.evil.com"),
            400,
        ),
        (format!("GET /callback?{query} HTTP/1.0"), 400),
        (
            format!("GET http://evil.com/callback?{query} HTTP/1.1\r\nHost: {host}"),
            400,
        ),
        (
            format!("HEAD /callback?{query} HTTP/1.1\r\nHost: {host}"),
            405,
        ),
        (
            format!("POST /callback?{query} HTTP/1.1\r\nHost: {host}"),
            405,
        ),
        (
            format!("OPTIONS /callback?{query} HTTP/1.1\r\nHost: {host}"),
            405,
        ),
        (format!("GET /?{query} HTTP/1.1\r\nHost: {host}"), 404),
        (
            format!("GET /callback/?{query} HTTP/1.1\r\nHost: {host}"),
            404,
        ),
        (
            format!("GET /CALLBACK?{query} HTTP/1.1\r\nHost: {host}"),
            404,
        ),
        (format!("GET /favicon.ico HTTP/1.1\r\nHost: {host}"), 404),
    ] {
        let page = http::send(&host, &format!("{head}\r\n\r\n")).await;
        assert_eq!(page.status, status, "{head}");
        assert_eq!(
            page.header("allow"),
            (status == 405).then_some("GET"),
            "{head}"
        );
        pages.extend((!head.starts_with("HEAD")).then(|| shown(&page)));
    }
    pages.dedup();
    assert_snapshot!(pages.join("\n\n"), @"
    400 This page is not part of a login
    The address that brought you here does not belong to the login in progress, so it was ignored.
    To log in, open the address that the terminal shows.

    405 Method not allowed
    This page accepts GET requests only.
    To log in, open the address that the terminal shows.

    404 Page not found
    A program on this machine is waiting here for a login to finish.
    To log in, open the address that the terminal shows.
    ");
    assert_eq!(server.count(Endpoint::Token), 0);
    log_in(&server, &mut begun).await;
}

#[tokio::test]
async fn what_was_nearly_the_response_is_told_once_of_each_kind() {
    let (server, mut begun) = begin_login().await;
    let (host, query) = (begun.address(), format!("code=a&state={}", begun.state()));
    let port = begun.port.number();
    for _ in 0..2 {
        for request in [
            "\u{16}\u{3}\u{1}\0\u{1}\0".to_owned(),
            format!("GET /callback?{query} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"),
            format!("GET /callback/?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            format!("POST /callback HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"),
            format!("GET /callback?code=a HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            // Nothing of this login is in these.
            format!("GET /callback?code=a HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"),
            format!("GET /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        ] {
            let answer = http::send(&host, &request).await;
            assert!((400..500).contains(&answer.status), "{request}: {answer:?}");
        }
    }
    log_in(&server, &mut begun).await;
    assert_snapshot!(begun.prompt.notices(), @"
    notice: Waiting 5 minutes for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    notice: The browser opened the callback address with https. If it shows an error, change https to http in its address bar.
    notice: The browser came back to another host or path. Change the beginning of its address to http://127.0.0.1:[port]/callback and load the page again.
    notice: Ignored a POST request to the callback address. The server must send the browser back with GET (response_mode=query).
    notice: Ignored a request to the callback address that was not part of this login.
    notice: Finishing the login.
    ");
}

#[tokio::test]
async fn another_host_alone_and_another_path_alone_are_told() {
    for (path, host) in [("/callback", "localhost"), ("/callback/", "127.0.0.1")] {
        let (server, mut begun) = begin_login().await;
        let (state, port) = (begun.state(), begun.port.number());
        let request =
            format!("GET {path}?code=a&state={state} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
        http::send(&begun.address(), &request).await;
        log_in(&server, &mut begun).await;
        let notices = begun.prompt.notices();
        assert!(
            notices.contains("another host or path"),
            "{host}{path}: {notices}"
        );
    }
}

#[tokio::test]
async fn a_page_loaded_ahead_of_time_does_not_finish_the_login() {
    let (server, mut begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let mut pages = Vec::new();
    for header in [
        ("purpose", "prefetch"),
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
    ] {
        pages.push(shown(&http::get_with(&back, &[header]).await));
    }
    pages.dedup();
    assert_snapshot!(pages.join("\n\n"), @"
    503 Login not finished
    The browser loaded this page before you opened it.
    Reload this page to finish the login.
    ");
    assert_eq!(server.count(Endpoint::Token), 0);
    let opened = tokio::spawn(async move { http::get(&back).await });
    let (_token, page) = (&mut begun.login).await.unwrap().unwrap();
    page.saved().await;
    assert_eq!(opened.await.unwrap().status, 200);
    assert_eq!(begun.prompt.count("Ignored"), 0);
}

#[tokio::test]
async fn the_cookies_of_other_programs_on_this_host_do_not_matter() {
    let (server, mut begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let cookies = format!("a={}; ", "b".repeat(4000)).repeat(180);
    let mut opened =
        tokio::spawn(async move { http::get_with(&back, &[("cookie", &cookies)]).await });
    let (_token, page) = tokio::select! {
        ended = &mut begun.login => ended.unwrap().unwrap(),
        refused = &mut opened => panic!("the login goes on: {refused:?}"),
    };
    page.saved().await;
    assert_eq!(opened.await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn idle_and_slow_connections_do_not_keep_the_browser_out() {
    let (server, mut begun) = begin_login().await;
    let mut strangers = Vec::new();
    // Every system queues this many connections until the listener accepts them.
    for number in 0..100 {
        // Connect without the runtime, because paused time advances while the runtime waits.
        let stream = std::net::TcpStream::connect(begun.address()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream).unwrap();
        strangers.push(tokio::spawn(async move {
            if number % 2 == 0 {
                // Send one byte a second of a request that never ends.
                for byte in b"GET /callback?code="
                    .iter()
                    .chain(std::iter::repeat(&b'a'))
                {
                    if stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            http::converse_at_length(stream, "").await
        }));
    }
    let started = tokio::time::Instant::now();
    log_in(&server, &mut begun).await;
    // Paused time advances while the server waits for them, but only for some of them.
    assert!(
        started.elapsed() <= Duration::from_secs(35),
        "{:?}",
        started.elapsed()
    );
    for stranger in strangers {
        let answer = stranger.await.unwrap();
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn the_oldest_idle_connection_makes_room_for_a_new_one() {
    let (server, mut begun) = begin_login().await;
    let address = begun.address();
    let among_strangers = async {
        let mut strangers = Vec::new();
        for _ in 0..300 {
            strangers.push(TcpStream::connect(&address).await.unwrap());
        }
        log_in(&server, &mut begun).await;
    };
    // If the server waited 5 s for each 32 of them, this would take 45 s.
    timeout(Duration::from_secs(30), among_strangers)
        .await
        .expect("the browser is served");
}

#[tokio::test]
async fn a_browser_among_many_idle_connections_is_heard() {
    let (server, mut begun) = begin_login().await;
    let address = begun.address();
    // Connect without the runtime, so that the server finds all of them waiting at once.
    let connect = || std::net::TcpStream::connect(&address).unwrap();
    let before: Vec<_> = (0..40).map(|_| connect()).collect();
    let mut browser = connect();
    let request = format!("GET /elsewhere HTTP/1.1\r\nHost: {address}\r\n\r\n");
    browser.write_all(request.as_bytes()).unwrap();
    let after: Vec<_> = (0..40).map(|_| connect()).collect();
    browser.set_nonblocking(true).unwrap();
    let browser = TcpStream::from_std(browser).unwrap();
    let answer = http::converse(browser, "").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer:?}");
    log_in(&server, &mut begun).await;
    drop((before, after));
}

#[tokio::test]
async fn a_browser_that_waits_for_its_page_is_not_closed_to_make_room() {
    let (server, mut begun) = begin_login().await;
    let address = begun.address();
    let exchange = server.hold(Endpoint::Token);
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let browser = tokio::spawn(async move { http::get(&back).await });
    exchange.arrived().await;
    let mut strangers = Vec::new();
    for _ in 0..300 {
        strangers.push(TcpStream::connect(&address).await.unwrap());
    }
    // The server has reached the newest connections when the oldest is closed.
    let mut end = [0];
    assert_eq!(strangers[0].read(&mut end).await.unwrap_or(0), 0);
    exchange.release();
    let (_token, page) = (&mut begun.login).await.unwrap().unwrap();
    page.saved().await;
    assert_eq!(browser.await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_long_is_not_read_to_its_end() {
    let (server, mut begun) = begin_login().await;
    let endless = "a".repeat(4 * 1024 * 1024);
    assert!(matches!(
        begun.respond(&endless).await.status,
        0 | 414 | 431
    ));
    let address = begun.address();
    let header = format!("GET /callback HTTP/1.1\r\nHost: {address}\r\nX: {endless}\r\n\r\n");
    assert!(matches!(
        http::send(&address, &header).await.status,
        0 | 431
    ));
    log_in(&server, &mut begun).await;
}

#[tokio::test]
async fn the_issuer_of_a_response_is_checked() {
    let mut errors = Vec::new();
    for (promised, named, ends_well) in [
        (false, "", true),
        (false, "&iss={issuer}", true),
        (false, "&iss=https://evil.example.com", false),
        (true, "", false),
        (true, "&iss={issuer}", true),
        (true, "&iss={issuer}&iss={issuer}", false),
    ] {
        let server = DevServer::start().await;
        server.set_discovery_member("authorization_response_iss_parameter_supported", promised);
        let client = client(&server, server.public_client()).await;
        let mut begun = begin(&server, &client, &["profile"]).await;
        let (login, browser) = begun
            .approved(&server, &named.replace("{issuer}", server.url()))
            .await;
        assert_eq!(
            login.is_ok(),
            ends_well,
            "promised: {promised}, named: {named}"
        );
        assert_eq!(server.count(Endpoint::Token), usize::from(ends_well));
        if let Err(error) = login {
            errors.push(described(&error));
            assert_eq!(browser.await.unwrap().status, 400);
        }
    }
    assert_snapshot!(errors.join("\n"), @"
    Callback: the browser came back with the response of another server, https://evil.example.com, in a possible mix-up attack (RFC 9207). Log in again
    Callback: the browser came back with no iss parameter, although this server says that it sends one (RFC 9207). Log in again
    Callback: the browser came back with more than one iss parameter. Log in again
    ");
}
