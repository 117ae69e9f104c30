use std::panic::{AssertUnwindSafe, catch_unwind};

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::http;
use insta::assert_snapshot;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{PUBLIC, at, get, post, token};

#[tokio::test]
async fn requests_are_recorded_as_they_arrived() {
    let server = DevServer::start().await;
    let form = [("grant_type", "none"), ("scope", "a b")];
    http::post(
        &at(&server, "/oauth/token?a=b+c"),
        &[("x-test", "yes")],
        &form,
    )
    .await;
    get(&server, "/nowhere").await;
    let requests = server.requests();
    assert_eq!(requests[0].endpoint, Some(Endpoint::Token));
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].path, "/oauth/token");
    assert_eq!(requests[0].query, [("a".to_owned(), "b c".to_owned())]);
    assert_eq!(requests[0].header("X-Test"), Some("yes"));
    assert_eq!(requests[0].parameter("scope"), Some("a b"));
    assert_eq!(&requests[0].body[..], b"grant_type=none&scope=a+b");
    assert_eq!(requests[0].status, Some(400));
    assert_eq!(
        (requests[1].endpoint, requests[1].status),
        (None, Some(404))
    );
    assert_eq!(
        (
            server.count(Endpoint::Any),
            server.requests_at(Endpoint::Token).len()
        ),
        (2, 1)
    );
}

#[tokio::test]
async fn assert_requests_shows_the_requests_that_arrived() {
    let server = DevServer::start().await;
    server.assert_requests([]);
    get(&server, "/health").await;
    token(&server, &[]).await;
    get(&server, "/nowhere").await;
    let check = || server.assert_requests([Endpoint::Health, Endpoint::Token]);
    let panic = catch_unwind(AssertUnwindSafe(check)).unwrap_err();
    assert_snapshot!(panic.downcast::<String>().unwrap(), @r#"
    expected [Health, Token], but these requests arrived: [
        "GET /health 200",
        "POST /oauth/token 400",
        "GET /nowhere 404",
    ]
    "#);

    server.forget_requests();
    token(&server, &[]).await;
    get(&server, "/health").await;
    server.assert_requests([Endpoint::Token, Endpoint::Health]);
    let wrong_order = || server.assert_requests([Endpoint::Health, Endpoint::Token]);
    assert!(catch_unwind(AssertUnwindSafe(wrong_order)).is_err());
}

#[tokio::test]
async fn a_forgotten_request_is_still_answered() {
    let server = DevServer::start().await;
    let hold = server.hold(Endpoint::Health);
    let (answer, ()) = tokio::join!(get(&server, "/health"), async {
        hold.arrived().await;
        server.forget_requests();
        token(&server, &[]).await;
        hold.release();
    });
    assert_eq!(answer.status, 200);
    server.assert_requests([Endpoint::Token]);
    assert_eq!(
        server.requests()[0].status,
        Some(400),
        "its own status, not that of the forgotten request"
    );
}

#[tokio::test]
async fn connections_are_kept_alive_and_counted() {
    let server = DevServer::start().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request =
        http::request("GET", &at(&server, "/health"), &[], "").replace("connection: close\r\n", "");
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(
        (server.connections(), server.count(Endpoint::Health)),
        (1, 3)
    );
    get(&server, "/health").await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn another_program_can_read_the_counts() {
    let server = DevServer::start().await;
    get(&server, "/health").await;
    post(&server, "/oauth/token?a=b", &[]).await;
    post(&server, "/oauth/token", &[]).await;
    let requests = json!({ "/dev/requests": 1, "/health": 1, "/oauth/token": 2 });
    assert_eq!(
        get(&server, "/dev/requests").await.json(),
        json!({ "connections": 4, "requests": requests })
    );
}

/// The status of a request with this target and these headers, which end with a line break each.
async fn status(server: &DevServer, target: &str, headers: &str) -> u16 {
    let request = format!("POST {target} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
    http::send(&server.address().to_string(), &request)
        .await
        .status
}

#[tokio::test]
async fn a_page_whose_name_resolves_to_loopback_cannot_approve_a_device() {
    let server = DevServer::start().await;
    let begun = post(&server, "/oauth/device/code", &[PUBLIC]).await;
    let form = format!("user_code={}", begun.text("user_code"));
    let approve = async |host: &str| {
        let headers = format!(
            "host: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            form.len()
        );
        let request = format!(
            "POST /dev/device/approve HTTP/1.1\r\nconnection: close\r\n{headers}\r\n{form}"
        );
        http::send(&server.address().to_string(), &request).await
    };
    let port = server.address().port();
    let refused = approve(&format!("rebound.example:{port}")).await;
    assert_eq!(refused.status, 421);
    assert_snapshot!(refused.body, @"This server answers only requests to the host in its URL, or to localhost.");
    let recorded = server.requests();
    assert_eq!(
        (
            recorded[1].path.as_str(),
            recorded[1].status,
            recorded[1].body.len()
        ),
        ("/dev/device/approve", Some(421), 0),
        "it is recorded, and not read"
    );
    assert_eq!(approve(&format!("localhost:{port}")).await.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_approve_a_device() {
    let server = DevServer::start().await;
    let ours = server.url().to_owned();
    let port = server.address().port();
    let neighbour = format!("http://127.0.0.1:{}", port ^ 1);
    for (name, value, expected) in [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403), // another port of this machine
        ("origin", "https://example.com", 403),
        ("origin", &neighbour, 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200), // a person typed the address
        ("origin", &ours, 200),
        ("user-agent", "curl/8.0", 200),
    ] {
        let mut statuses = Vec::new();
        for decision in ["approve", "deny"] {
            let begun = post(&server, "/oauth/device/code", &[PUBLIC]).await;
            let form = [("user_code", begun.text("user_code"))];
            let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
            let url = at(&server, &format!("/dev/device/{decision}"));
            statuses.push(http::post(&url, &[(name, value)], &form).await.status);
        }
        let url = at(&server, "/dev/requests");
        statuses.push(http::get_with(&url, &[(name, value)]).await.status);
        assert_eq!(statuses, [expected; 3], "{name}: {value}");
    }
}

#[tokio::test]
async fn only_loopback_and_the_host_of_the_issuer_may_be_named() {
    let named = DevServer::builder().issuer_host("auth.example.test");
    for (server, is_named) in [
        (DevServer::start().await, false),
        (named.start().await.unwrap(), true),
    ] {
        let port = server.address().port();
        let issuer = if is_named { 404 } else { 421 };
        for (host, expected) in [
            (format!("127.0.0.1:{port}"), 404),
            (format!("127.9.9.9:{port}"), 404),
            (format!("[::1]:{port}"), 404),
            (format!("LocalHost:{port}"), 404),
            ("auth.example.test".to_owned(), issuer),
            ("AUTH.example.test:80".to_owned(), issuer),
            (format!("auth.example.test:{port}"), 421),
            ("127.0.0.1".to_owned(), 421),
            (format!("127.0.0.1:{}", port ^ 1), 421),
            (format!("10.0.0.1:{port}"), 421),
            (format!("127.0.0.1.example:{port}"), 421),
            (format!("localhost.:{port}"), 404),
            (format!("[::2]:{port}"), 421),
            (String::new(), 421),
        ] {
            let header = format!("host: {host}\r\n");
            assert_eq!(
                status(&server, "/nowhere", &header).await,
                expected,
                "{host}"
            );
        }
        let ours = format!("host: 127.0.0.1:{port}\r\n");
        let foreign = format!("host: rebound.example:{port}\r\n");
        for (target, headers, expected) in [
            ("/nowhere", String::new(), 421),
            ("/nowhere", format!("{ours}{foreign}"), 421),
            ("http://rebound.example/nowhere", ours.clone(), 421),
            (&format!("{}/nowhere", server.url()), ours.clone(), 404),
        ] {
            assert_eq!(
                status(&server, target, &headers).await,
                expected,
                "{target} {headers}"
            );
        }
    }
}

#[tokio::test]
async fn the_last_10_000_requests_are_recorded_and_all_are_counted() {
    let server = DevServer::start().await;
    let address = server.address().to_string();
    let request = |path: &str, connection: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: {connection}\r\n\r\n")
    };
    let pipelined = request("/first", "keep-alive")
        + &request("/health", "keep-alive").repeat(9_999)
        + &request("/last", "close");
    http::send(&address, &pipelined).await;
    let recorded = server.requests();
    assert_eq!(
        (
            recorded.len(),
            recorded[0].path.as_str(),
            recorded[9_999].path.as_str()
        ),
        (10_000, "/health", "/last")
    );
    assert_eq!(recorded[9_999].status, Some(404), "its own status");
    assert_eq!(
        (server.count(Endpoint::Any), server.count(Endpoint::Health)),
        (10_001, 9_999)
    );
    server.forget_requests();
    assert_eq!(
        (server.requests().len(), server.count(Endpoint::Any)),
        (0, 0)
    );
}

#[tokio::test]
async fn requests_with_bodies_of_64_mib_together_are_recorded() {
    let server = DevServer::start().await;
    let url = at(&server, "/nowhere");
    let longest = http::request("POST", &url, &[], &"a".repeat(1 << 20));
    let address = server.address().to_string();
    get(&server, "/first").await;
    for _ in 0..64 {
        http::send(&address, &longest).await;
    }
    assert_eq!(server.requests()[0].path, "/first");
    http::send(&address, &http::request("POST", &url, &[], "a")).await;
    let recorded = server.requests();
    assert_eq!((recorded.len(), recorded[0].body.len()), (64, 1 << 20));
}

#[tokio::test]
async fn a_body_of_more_than_1_mib_is_refused_and_not_kept() {
    const LIMIT: usize = 1 << 20;
    let server = DevServer::start().await;
    let url = at(&server, "/nowhere");

    let longest = "a".repeat(LIMIT);
    let request = http::request("POST", &url, &[], &longest);
    let address = server.address().to_string();
    assert_eq!(http::send(&address, &request).await.status, 404);

    // A length of 300 MB is refused before the first byte of the body.
    let length = format!("host: {address}\r\ncontent-length: 300000000\r\n");
    assert_eq!(status(&server, "/nowhere", &length).await, 413);

    // Without a length, the body is refused as soon as it is too long. It has no end here.
    let head = format!("host: {address}\r\ntransfer-encoding: chunked\r\n");
    let chunk = format!("{LIMIT:x}\r\n{longest}\r\n1\r\na");
    let request = format!("POST /nowhere HTTP/1.1\r\n{head}\r\n{chunk}");
    assert_eq!(http::send(&address, &request).await.status, 413);

    let bodies: Vec<_> = server
        .requests()
        .iter()
        .map(|request| (request.status, request.body.len()))
        .collect();
    assert_eq!(bodies, [(Some(404), LIMIT), (Some(413), 0), (Some(413), 0)]);
}
