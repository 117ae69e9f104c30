//! The loopback server that the browser comes back to, seen from its socket.

use std::time::Duration;

use crate::support::flow::{
    Answer, address, begin, begin_login, client, free_redirect_uri, get, log_in, options, send,
};
use authgate_core::Error;
use authgate_dev_server::{DevServer, Endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use url::Url;

/// cases 75, 76
#[tokio::test]
async fn who_comes_without_the_state_is_turned_away_and_the_wait_goes_on() {
    let (server, begun) = begin_login().await;
    let state = begun.state();
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
        let answer = begun.come_back(&query).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains("not part of a login"), "{query}: {}", answer.body);
    }
    assert_eq!(begun.prompt.count("turned away"), 1, "the person is told, once");
    assert_eq!(server.count(Endpoint::Token), 0);
    log_in(&server, begun).await;
}

/// case 80
#[tokio::test]
async fn an_answer_with_the_state_that_cannot_be_used_ends_the_login() {
    let long = format!("code={}", "c".repeat(60_000));
    for query in [
        "",
        "code=",
        "error=",
        "code=a&error=access_denied",
        "code=a&code=a",
        "code=a&code=b",
        "code=&code=a",
        "error=access_denied&error=server_error",
        "code=%zz",
        "code=%ff%fe",
        "code=a%0d%0ab",
        "code=a&other=%4",
        long.as_str(),
    ] {
        let (server, begun) = begin_login().await;
        let answer = begun.come_back_with_state(query).await;
        let shown = query.get(..40).unwrap_or(query);
        assert_eq!(answer.status, 400, "{shown}");
        assert!(answer.body.contains("Login failed"), "{shown}: {}", answer.body);
        let error = begun.failure().await;
        assert!(matches!(error, Error::Callback { .. }), "{shown}: {error}");
        assert_eq!(server.count(Endpoint::Token), 0, "{shown}");
    }
}

/// case 78
#[tokio::test]
async fn what_the_server_says_in_an_error_acts_neither_on_the_page_nor_on_the_terminal() {
    let (_server, begun) = begin_login().await;
    let answer = begun
        .come_back_with_state("error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%1b[2J%22%3E%3Cimg%20src=x%3E")
        .await;
    assert!(!answer.body.contains("<script") && !answer.body.contains("<img"), "{}", answer.body);
    assert!(answer.body.contains("&lt;script&gt;"), "{}", answer.body);
    let error = begun.failure().await;
    assert!(matches!(error, Error::LoginRefused { .. }), "{error}");
    assert!(!error.to_string().contains('\u{1b}') && error.to_string().contains(r"\u{1b}[2J"), "{error}");
}

/// case 78
#[tokio::test]
async fn every_page_keeps_itself_to_itself() {
    let (_server, begun) = begin_login().await;
    let mut answers = vec![begun.come_back("state=wrong").await];
    answers.push(get(&begun.redirect_uri.replace("/callback", "/elsewhere")).await);
    answers.push(begun.come_back_with_state("error=access_denied").await);
    for answer in answers {
        for header in [
            "content-security-policy: default-src 'none'; style-src 'sha256-",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "content-type: text/html; charset=utf-8",
            "connection: close",
        ] {
            assert!(answer.head.contains(header), "{header}: {}", answer.head);
        }
        assert!(!answer.body.contains("<script"));
    }
}

#[tokio::test]
async fn the_policy_lets_the_pages_own_style_in() {
    use base64::Engine;

    let (_server, begun) = begin_login().await;
    let address = address(&begun);
    let answer = send(&address, &format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
    let style = answer.body.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::prelude::BASE64_STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, style.as_bytes()));
    assert!(answer.head.contains(&format!("'sha256-{}'", hash.to_lowercase())), "{hash}");
}

/// case 79
#[tokio::test]
async fn a_second_visit_with_the_same_code_is_told_that_it_comes_too_late() {
    let (server, begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let first = tokio::spawn({
        let back = back.clone();
        async move { get(&back).await }
    });
    let login = begun.login.await.unwrap().unwrap();
    let second = get(&back).await;
    assert_eq!(second.status, 409);
    assert!(second.body.contains("already been handled"), "{}", second.body);
    login.page.saved().await;

    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(server.count(Endpoint::Token), 1);
}

/// case 83
#[tokio::test]
async fn only_our_own_host_is_answered() {
    let (server, begun) = begin_login().await;
    let (address, state) = (address(&begun), begun.state());
    for head in [
        format!("GET /callback?code=a&state={state} HTTP/1.1\r\nHost: evil.com"),
        format!("GET /callback?code=a&state={state} HTTP/1.1\r\nHost: 127.0.0.1:1"),
        format!("GET /callback?code=a&state={state} HTTP/1.1\r\nHost: 127.0.0.1"),
        format!("GET /callback?code=a&state={state} HTTP/1.1\r\nHost: {address}.evil.com"),
        format!("GET /callback?code=a&state={state} HTTP/1.0"),
        format!("GET http://evil.com/callback?code=a&state={state} HTTP/1.1\r\nHost: {address}"),
    ] {
        assert_eq!(send(&address, &format!("{head}\r\n\r\n")).await.status, 400, "{head}");
    }
    assert_eq!(server.count(Endpoint::Token), 0);
    log_in(&server, begun).await;
}

#[tokio::test]
async fn only_a_get_of_the_right_path_is_answered() {
    let (server, begun) = begin_login().await;
    let (address, state) = (address(&begun), begun.state());
    for (request, status) in [
        (format!("HEAD /callback?code=a&state={state}"), 405),
        (format!("POST /callback?code=a&state={state}"), 405),
        (format!("OPTIONS /callback?code=a&state={state}"), 405),
        (format!("GET /?code=a&state={state}"), 404),
        (format!("GET /callback/?code=a&state={state}"), 404),
        (format!("GET /CALLBACK?code=a&state={state}"), 404),
        ("GET /favicon.ico".to_owned(), 404),
    ] {
        let answer = send(&address, &format!("{request} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{request}");
        assert_eq!(answer.head.contains("allow: get"), status == 405, "{request}");
    }
    log_in(&server, begun).await;
}

/// case 82
#[tokio::test(start_paused = true)]
async fn connections_that_send_nothing_or_too_slowly_do_not_keep_the_browser_out() {
    let (server, begun) = begin_login().await;
    let address = address(&begun);
    let mut strangers = Vec::new();
    // As many as every system keeps in the queue of a listener that does not get round to them.
    for number in 0..100 {
        // Not by the runtime: while it waits, the paused time runs on.
        let stream = std::net::TcpStream::connect(&address).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream).unwrap();
        strangers.push(tokio::spawn(async move {
            if number % 2 == 0 {
                // One byte a second of a request that never ends.
                for byte in b"GET /callback?code=".iter().chain(std::iter::repeat(&b'a')) {
                    if stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            String::from_utf8_lossy(&rest).into_owned()
        }));
    }
    let started = Instant::now();
    log_in(&server, begun).await;
    // They are served 32 at a time, and have 5 s each.
    assert!(started.elapsed() <= Duration::from_secs(35), "{:?}", started.elapsed());
    for stranger in strangers {
        let answer = stranger.await.unwrap();
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// case 82
#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_long_is_not_read_to_its_end() {
    let (server, begun) = begin_login().await;
    let address = address(&begun);
    let endless = format!("GET /callback?{} HTTP/1.1\r\nHost: {address}\r\n\r\n", "a".repeat(1024 * 1024));
    assert!(matches!(send(&address, &endless).await.status, 0 | 414 | 431));
    let header = format!("GET /callback HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n", "a".repeat(1024 * 1024));
    assert!(matches!(send(&address, &header).await.status, 0 | 431));
    log_in(&server, begun).await;
}

/// case 27: a server that has promised to name itself, and one that has not.
#[tokio::test]
async fn the_issuer_of_an_answer_is_compared_where_there_is_one() {
    for (promised, named, ends_well) in [
        (false, None, true),
        (false, Some(Named::Right), true),
        (false, Some(Named::Wrong), false),
        (true, None, false),
        (true, Some(Named::Right), true),
        (true, Some(Named::Twice), false),
    ] {
        let server = DevServer::start().await;
        server.set_discovery_member("authorization_response_iss_parameter_supported", promised);
        let redirect_uri = free_redirect_uri("127.0.0.1");
        server.register_redirect_uri(&redirect_uri);
        let client = client(&server, server.public_client()).await;
        let begun = begin(&client, &["profile"], options(&redirect_uri)).await;
        let mut back = Url::parse(&server.approve_authorization(begun.url.as_str()).unwrap()).unwrap();
        let issuers: &[&str] = match named {
            None => &[],
            Some(Named::Right) => &[server.url()],
            Some(Named::Wrong) => &["https://evil.example.com"],
            Some(Named::Twice) => &[server.url(), server.url()],
        };
        back.query_pairs_mut().extend_pairs(issuers.iter().map(|issuer| ("iss", issuer)));
        let browser = tokio::spawn(async move { get(back.as_str()).await });
        let outcome = begun.login.await.unwrap();
        assert_eq!(outcome.is_ok(), ends_well, "promised: {promised}, named: {issuers:?}");
        assert_eq!(server.count(Endpoint::Token), usize::from(ends_well));
        if let Err(error) = outcome {
            assert!(matches!(error, Error::Callback { .. }), "{error}");
            let Answer { status, .. } = browser.await.unwrap();
            assert_eq!(status, 400);
        }
    }
}

enum Named {
    Right,
    Wrong,
    Twice,
}
