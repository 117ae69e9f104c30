use std::time::Duration;

use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use crate::client::{exchange, get, request, token};

async fn raw_health(server: &DevServer) -> String {
    exchange(server, "GET", "/health", &[], "").await
}

/// A connection on which the answer has begun, or not, and then stalls.
async fn begin_health(server: &DevServer) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request(server, "GET", "/health", &[], "").as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn faults_happen_in_order_as_often_as_asked_at_their_endpoint_only() {
    let server = DevServer::start().await;
    for _ in 0..2 {
        server.inject(Endpoint::Health, Fault::status(503), Times::Once);
    }
    server.inject(Endpoint::Health, Fault::oauth_error(400, "odd"), Times::Once);
    server.inject(Endpoint::Token, Fault::status(500), Times::Always);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(get(&server, "/health", &[]).await.status);
    }
    assert_eq!(statuses, [503, 503, 400, 200]);
    for _ in 0..3 {
        assert_eq!(token(&server, &[]).await.status, 500);
    }
    server.clear_faults();
    assert_eq!(token(&server, &[]).await.status, 400);
    let recorded: Vec<_> = server.requests_at(Endpoint::Health).iter().map(|request| request.status).collect();
    assert_eq!(recorded, [Some(503), Some(503), Some(400), Some(200)]);
}

#[tokio::test]
async fn any_covers_every_path() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Any, Fault::status(502), Times::Always);
    assert_eq!(get(&server, "/nowhere", &[]).await.status, 502);
}

#[tokio::test]
async fn an_answer_can_be_anything() {
    let server = DevServer::start().await;
    let fault = Fault::body(200, "text/html", "<html>").with_header("retry-after", "7");
    server.inject(Endpoint::Health, fault, Times::Once);
    let answer = get(&server, "/health", &[]).await;
    assert_eq!((answer.header("content-type"), answer.header("retry-after")), (Some("text/html"), Some("7")));
    assert_eq!(answer.body, "<html>");
    server.inject(Endpoint::Health, Fault::json(200, &json!([1])), Times::Once);
    assert_eq!(get(&server, "/health", &[]).await.json(), json!([1]));
    let elsewhere = Fault::Redirect { status: 307, location: "http://example.com/".to_owned() };
    server.inject(Endpoint::Health, elsewhere, Times::Once);
    let answer = get(&server, "/health", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://example.com/")));
}

#[tokio::test]
async fn members_of_the_usual_answer_can_be_set_and_removed() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Health, Fault::set_member("status", json!({ "deep": 1 })), Times::Once);
    assert_eq!(get(&server, "/health", &[]).await.json()["status"], json!({ "deep": 1 }));
    server.inject(Endpoint::Health, Fault::remove_member("status"), Times::Once);
    assert_eq!(get(&server, "/health", &[]).await.json(), json!({ "database": "connected" }));
}

#[tokio::test]
async fn a_lost_answer_has_or_has_not_had_its_effect() {
    let server = DevServer::start_with(|settings| settings.rotate_refresh_tokens = true).await;
    let refresh_token = server.issue_tokens(server.public_client(), "email").refresh_token.unwrap();
    let body = format!("grant_type=refresh_token&client_id=dev-cli&refresh_token={refresh_token}");
    let refresh = async || {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        exchange(&server, "POST", "/oauth/token", &headers, &body).await
    };
    server.inject(Endpoint::Token, Fault::Drop, Times::Once);
    assert_eq!(refresh().await, "");
    server.inject(Endpoint::Token, Fault::DropAfter, Times::Once);
    assert_eq!(refresh().await, "");
    assert!(refresh().await.contains("invalid_grant"), "the second one was used up by the lost answer");
    let statuses: Vec<_> = server.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, None, Some(400)]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_passes_in_tokios_time() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Health, Fault::Delay(Duration::from_secs(3600)), Times::Once);
    let begun = Instant::now();
    assert_eq!(get(&server, "/health", &[]).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn a_hanging_answer_never_begins_and_a_silent_one_never_ends() {
    let server = DevServer::start().await;
    let mut answer = [0; 1024];
    server.inject(Endpoint::Health, Fault::HeadersThenSilence, Times::Once);
    let mut silent = begin_health(&server).await;
    let length = silent.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200") && answer[..length].ends_with(b"\r\n\r\n"));

    server.inject(Endpoint::Health, Fault::Hang, Times::Once);
    let mut hanging = begin_health(&server).await;
    while server.count(Endpoint::Health) < 2 {
        tokio::task::yield_now().await;
    }
    // Both end with the server and not before, without another byte.
    drop(server);
    assert!(matches!(silent.read(&mut answer).await, Ok(0) | Err(_)));
    assert!(matches!(hanging.read(&mut answer).await, Ok(0) | Err(_)));
}

#[tokio::test(start_paused = true)]
async fn a_dripping_answer_takes_its_time() {
    let server = DevServer::start().await;
    let drip = Fault::Drip { every: Duration::from_secs(10), bytes: 1 };
    server.inject(Endpoint::Health, drip, Times::Once);
    let begun = Instant::now();
    let answer = raw_health(&server).await;
    let length = u32::try_from(r#"{"database":"connected","status":"healthy"}"#.len()).unwrap();
    assert!(answer.contains("transfer-encoding: chunked") && answer.ends_with("\r\n0\r\n\r\n"));
    assert!(begun.elapsed() >= Duration::from_secs(10) * (length - 1));
}

#[tokio::test]
async fn an_endless_answer_goes_on_and_an_oversized_one_is_valid_and_long() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Health, Fault::Endless, Times::Once);
    let mut stream = begin_health(&server).await;
    stream.read_exact(&mut vec![0; 4 << 20]).await.unwrap();

    server.inject(Endpoint::Health, Fault::Oversized(2 << 20), Times::Once);
    let answer = get(&server, "/health", &[]).await;
    assert_eq!(answer.header("content-length"), Some("2097152"));
    assert_eq!((answer.body.len(), &answer.json()["status"]), (2 << 20, &"healthy".into()));
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_keeps() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Health, Fault::Truncated, Times::Once);
    let answer = get(&server, "/health", &[]).await;
    let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(promised, answer.body.len() + 100);
}
