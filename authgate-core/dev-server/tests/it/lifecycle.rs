use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use authgate_dev_server::{DevServer, StartError};
use authgate_test_support::until;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::authorization_code::{code, exchange};
use crate::support::{PUBLIC, advance, get, get_with_bearer, post, refresh, refused};

#[tokio::test]
async fn the_server_listens_on_loopback_only() {
    for host in [
        IpAddr::from(Ipv4Addr::UNSPECIFIED),
        "192.0.2.1".parse().unwrap(),
        "::".parse().unwrap(),
    ] {
        let refused = DevServer::builder().host(host).start().await;
        assert!(
            matches!(refused, Err(StartError::NotLoopback(address)) if address == host),
            "{host}"
        );
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let server = DevServer::start().await;
    let second = DevServer::builder()
        .port(server.address().port())
        .start()
        .await
        .unwrap_err();
    assert!(second.to_string().contains(&server.address().to_string()));
}

#[tokio::test]
async fn an_issuer_path_has_segments_of_plain_characters() {
    for path in ["a//b", "a b", "{a}", "a?b"] {
        let refused = DevServer::builder().issuer_path(path).start().await;
        assert!(matches!(refused, Err(StartError::IssuerPath(_))), "{path}");
    }
}

/// Waits until the port is closed, because a process that another test starts at this moment
/// inherits the listener until it runs its own program.
async fn until_closed(address: SocketAddr) {
    until("the port", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
}

#[tokio::test]
async fn a_dropped_server_closes_its_port_and_its_connections() {
    let server = DevServer::start().await;
    let address = server.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    get(&server, "/health").await;
    drop(server);
    until_closed(address).await;
    assert!(matches!(open.read(&mut [0; 1]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn the_port_of_a_stopped_server_is_free() {
    let server = DevServer::start().await;
    let address = server.address();
    get(&server, "/health").await;
    server.stop().await;
    until_closed(address).await;
    let server = DevServer::builder()
        .port(address.port())
        .start()
        .await
        .unwrap();
    assert_eq!(get(&server, "/health").await.status, 200);
}

#[tokio::test]
async fn every_lifetime_can_be_set() {
    let seconds = Duration::from_secs;
    let server = DevServer::start_with(|settings| {
        settings.access_token_lifetime = seconds(30);
        settings.refresh_token_lifetime = seconds(40);
        settings.authorization_code_lifetime = seconds(50);
        settings.device_code_lifetime = seconds(60);
        settings.device_code_interval = seconds(7);
    })
    .await;
    let device = post(&server, "/oauth/device/code", &[PUBLIC]).await.json();
    assert_eq!(
        (&device["expires_in"], &device["interval"]),
        (&60.into(), &7.into())
    );

    let login = server.issue_tokens(server.public_client(), "email");
    assert_eq!(login.expires_in, 29);
    let refresh_token = login.refresh_token.unwrap();
    let code = code(&server, &[]);
    advance(31).await;
    assert_eq!(
        get_with_bearer(&server, "/oauth/userinfo", &login.access_token)
            .await
            .status,
        401
    );
    assert_eq!(refresh(&server, &refresh_token).await.status, 200);
    advance(20).await;
    assert_eq!(
        refresh(&server, &refresh_token).await.refusal(),
        refused("invalid_grant")
    );
    assert_eq!(
        exchange(&server, &code, &[]).await.refusal(),
        refused("invalid_grant")
    );
}

#[tokio::test]
async fn a_lifetime_can_change_and_be_longer_than_any_clock() {
    let server = DevServer::start().await;
    server.change(|settings| settings.access_token_lifetime = Duration::MAX);
    let access_token = server
        .issue_tokens(server.public_client(), "email")
        .access_token;
    assert_eq!(
        get_with_bearer(&server, "/oauth/userinfo", &access_token)
            .await
            .status,
        200
    );
}
