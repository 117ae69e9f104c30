use std::panic::{AssertUnwindSafe, catch_unwind};

use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::http;
use insta::assert_snapshot;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{at, get, post, token};

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
