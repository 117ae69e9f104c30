use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::http::{self, Answer};
use authgate_test_support::until;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{at, get, refresh, send_paused, token};

/// Sends a request that gets this fault, and returns the answer.
async fn health_with(server: &DevServer, fault: Fault) -> Answer {
    server.inject(Endpoint::Health, fault, Times::Once);
    get(server, "/health").await
}

/// Opens a connection whose request gets this fault.
async fn connect_with(server: &DevServer, fault: Fault) -> TcpStream {
    server.inject(Endpoint::Health, fault, Times::Once);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = http::request("GET", &at(server, "/health"), &[], "");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn faults_happen_in_order_at_their_endpoint_only() {
    let server = DevServer::start().await;
    for _ in 0..2 {
        server.inject(Endpoint::Health, Fault::status(503), Times::Once);
    }
    server.inject(
        Endpoint::Health,
        Fault::oauth_error(400, "odd"),
        Times::Once,
    );
    server.inject(Endpoint::Token, Fault::status(500), Times::Always);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(get(&server, "/health").await.status);
    }
    assert_eq!(statuses, [503, 503, 400, 200]);
    for _ in 0..3 {
        assert_eq!(token(&server, &[]).await.status, 500);
    }
    server.clear_faults();
    assert_eq!(token(&server, &[]).await.status, 400);
    server.inject(Endpoint::Any, Fault::status(502), Times::Once);
    assert_eq!(get(&server, "/nowhere").await.status, 502);
    let recorded: Vec<_> = server
        .requests_at(Endpoint::Health)
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(recorded, [Some(503), Some(503), Some(400), Some(200)]);
}

#[tokio::test]
async fn an_answer_can_be_anything() {
    let server = DevServer::start().await;
    let answer = health_with(
        &server,
        Fault::body(200, "text/html", "<html>").with_header("retry-after", "7"),
    )
    .await;
    assert_eq!(
        (answer.header("content-type"), answer.header("retry-after")),
        (Some("text/html"), Some("7"))
    );
    assert_eq!(answer.body, "<html>");
    assert_eq!(
        health_with(&server, Fault::json(200, &json!([1])))
            .await
            .json(),
        json!([1])
    );
    let redirect = Fault::Redirect {
        status: 307,
        location: "http://example.com/".to_owned(),
    };
    let answer = health_with(&server, redirect).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (307, Some("http://example.com/"))
    );
}

#[tokio::test]
async fn members_can_be_set_and_removed() {
    let server = DevServer::start().await;
    let answer = health_with(&server, Fault::set_member("status", json!({ "deep": 1 }))).await;
    assert_eq!(answer.json()["status"], json!({ "deep": 1 }));
    let answer = health_with(&server, Fault::remove_member("status")).await;
    assert_eq!(answer.json(), json!({ "database": "connected" }));
}

#[tokio::test]
async fn a_request_without_an_answer_is_processed_or_not() {
    let server = DevServer::start_with(|settings| settings.rotate_refresh_tokens = true).await;
    let refresh_token = server
        .issue_tokens(server.public_client(), "email")
        .refresh_token
        .unwrap();
    for fault in [Fault::Drop, Fault::DropAfter] {
        server.inject(Endpoint::Token, fault, Times::Once);
        let answer = refresh(&server, &refresh_token).await;
        assert_eq!((answer.status, answer.body.as_str()), (0, ""));
    }
    let used = refresh(&server, &refresh_token).await;
    assert_eq!(
        used.text("error"),
        "invalid_grant",
        "the second request has used the token"
    );
    let statuses: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [None, None, Some(400)]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_passes_in_tokios_time() {
    let server = DevServer::start().await;
    server.inject(
        Endpoint::Health,
        Fault::Delay(Duration::from_secs(3600)),
        Times::Once,
    );
    let begun = Instant::now();
    assert_eq!(send_paused(&server, "GET", "/health", "").await.status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn an_answer_can_hang_before_or_after_its_headers() {
    let server = DevServer::start().await;
    let mut answer = [0; 1024];
    let mut silent = connect_with(&server, Fault::HeadersThenSilence).await;
    let length = silent.read(&mut answer).await.unwrap();
    assert!(
        answer[..length].starts_with(b"HTTP/1.1 200") && answer[..length].ends_with(b"\r\n\r\n")
    );
    let mut hanging = connect_with(&server, Fault::Hang).await;
    until("the second request", || server.count(Endpoint::Health) == 2).await;
    // Both connections close when the server ends, without another byte.
    drop(server);
    assert!(matches!(silent.read(&mut answer).await, Ok(0) | Err(_)));
    assert!(matches!(hanging.read(&mut answer).await, Ok(0) | Err(_)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_drip() {
    let server = DevServer::start().await;
    let drip = Fault::Drip {
        every: Duration::from_secs(10),
        bytes: 1,
    };
    server.inject(Endpoint::Health, drip, Times::Once);
    let begun = Instant::now();
    let answer = send_paused(&server, "GET", "/health", "").await;
    let length = u32::try_from(r#"{"database":"connected","status":"healthy"}"#.len()).unwrap();
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert!(answer.body.ends_with("\r\n0\r\n\r\n"));
    assert!(begun.elapsed() >= Duration::from_secs(10) * (length - 1));
}

#[tokio::test]
async fn an_answer_can_be_endless_or_oversized() {
    let server = DevServer::start().await;
    let mut stream = connect_with(&server, Fault::Endless).await;
    stream.read_exact(&mut vec![0; 4 << 20]).await.unwrap();

    let answer = health_with(&server, Fault::Oversized(2 << 20)).await;
    assert_eq!(answer.header("content-length"), Some("2097152"));
    assert_eq!(
        (answer.body.len(), &answer.json()["status"]),
        (2 << 20, &"healthy".into())
    );
}

#[tokio::test]
async fn a_truncated_answer_is_shorter_than_its_content_length() {
    let server = DevServer::start().await;
    let answer = health_with(&server, Fault::Truncated).await;
    let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(promised, answer.body.len() + 100);
}
