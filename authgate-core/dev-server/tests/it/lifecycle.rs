use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use authgate_dev_server::{DevServer, Endpoint, StartError};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::{get, post, request};

#[tokio::test]
async fn it_listens_on_loopback_only() {
    for host in [IpAddr::from(Ipv4Addr::UNSPECIFIED), "192.0.2.1".parse().unwrap(), "::".parse().unwrap()] {
        let refused = DevServer::builder().host(host).start().await;
        assert!(matches!(refused, Err(StartError::NotLoopback(address)) if address == host), "{host}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let server = DevServer::start().await;
    let second = DevServer::builder().port(server.address().port()).start().await.unwrap_err();
    assert!(second.to_string().contains(&server.address().to_string()));
}

#[tokio::test]
async fn an_issuer_path_is_segments() {
    for path in ["a//b", "a b", "{a}", "a?b"] {
        let refused = DevServer::builder().issuer_path(path).start().await;
        assert!(matches!(refused, Err(StartError::IssuerPath(_))), "{path}");
    }
}

#[tokio::test]
async fn a_dropped_server_refuses_connections_at_once_and_closes_the_open_ones() {
    let server = DevServer::start().await;
    let address = server.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    get(&server, "/health", &[]).await;
    drop(server);
    assert!(TcpStream::connect(address).await.is_err());
    assert!(matches!(open.read(&mut [0; 1]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_stopped_servers_port_can_be_taken_again() {
    let server = DevServer::start().await;
    let port = server.address().port();
    get(&server, "/health", &[]).await;
    server.stop().await;
    let server = DevServer::builder().port(port).start().await.unwrap();
    assert_eq!(get(&server, "/health", &[]).await.status, 200);
}

#[tokio::test]
async fn connections_are_kept_alive_and_counted() {
    let server = DevServer::start().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    for _ in 0..3 {
        let request = request(&server, "GET", "/health", &[], "").replace("connection: close\r\n", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!((server.connections(), server.count(Endpoint::Health)), (1, 3));
    get(&server, "/health", &[]).await;
    assert_eq!(server.connections(), 2);
    let numbers: Vec<usize> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(numbers, [1, 1, 1, 2]);
}

#[tokio::test]
async fn requests_are_recorded_as_they_came() {
    let server = DevServer::start().await;
    post(&server, "/oauth/token?a=b+c", &[("x-test", "yes")], &[("grant_type", "none"), ("scope", "a b")]).await;
    get(&server, "/nowhere", &[]).await;
    let requests = server.requests();
    assert_eq!(requests[0].endpoint, Some(Endpoint::Token));
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].path, "/oauth/token");
    assert_eq!(requests[0].query_parameter("a"), Some("b c"));
    assert_eq!(requests[0].header("X-Test"), Some("yes"));
    assert_eq!(requests[0].parameter("scope"), Some("a b"));
    assert_eq!(requests[0].status, Some(400));
    assert_eq!((requests[1].endpoint, requests[1].status), (None, Some(404)));
    assert_eq!((server.count(Endpoint::Any), server.requests_at(Endpoint::Token).len()), (2, 1));
}

#[tokio::test]
async fn what_was_asked_can_be_read_from_outside() {
    let server = DevServer::start().await;
    get(&server, "/health", &[]).await;
    post(&server, "/oauth/token?a=b", &[], &[]).await;
    post(&server, "/oauth/token", &[], &[]).await;
    let requests = json!({ "/dev/requests": 1, "/health": 1, "/oauth/token": 2 });
    let counts = json!({ "connections": 4, "requests": requests });
    assert_eq!(get(&server, "/dev/requests", &[]).await.json(), counts);
}

#[tokio::test]
async fn lifetimes_can_be_set_and_changed() {
    let server = DevServer::start_with(|settings| settings.access_token_lifetime = Duration::from_secs(30)).await;
    assert_eq!(server.issue_tokens(server.public_client(), "email").expires_in, 29);
    server.change(|settings| settings.access_token_lifetime = Duration::MAX);
    server.issue_tokens(server.public_client(), "email");
    server.advance_clock(Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn paused_time_ages_tokens() {
    let server = DevServer::start().await;
    let access_token = server.issue_tokens(server.public_client(), "email").access_token;
    let authorization = format!("Bearer {access_token}");
    let headers = [("authorization", authorization.as_str())];
    assert_eq!(get(&server, "/oauth/userinfo", &headers).await.status, 200);
    tokio::time::advance(Duration::from_secs(3601)).await;
    assert_eq!(get(&server, "/oauth/userinfo", &headers).await.status, 401);
}
