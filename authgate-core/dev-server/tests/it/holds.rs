use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::http::{self, Answer};
use tokio::task::JoinHandle;

use crate::support::{at, get, refresh};

/// Sends a request that a hold may keep waiting.
fn send(server: &DevServer) -> JoinHandle<Answer> {
    let url = at(server, "/health");
    tokio::spawn(async move { http::get(&url).await })
}

#[tokio::test]
async fn a_request_waits_for_the_release() {
    let server = DevServer::start().await;
    let hold = server.hold(Endpoint::Health);
    let request = send(&server);
    hold.arrived().await;
    // Other endpoints still answer.
    assert_eq!(get(&server, "/oauth/userinfo").await.status, 401);
    assert!(!request.is_finished());
    assert_eq!(server.requests_at(Endpoint::Health)[0].status, None);

    hold.release();
    assert_eq!(request.await.unwrap().status, 200);
    assert_eq!(server.requests_at(Endpoint::Health)[0].status, Some(200));
    assert_eq!(
        get(&server, "/health").await.status,
        200,
        "later requests do not wait"
    );
}

#[tokio::test]
async fn each_request_arrives_once() {
    let server = DevServer::start().await;
    let hold = server.hold(Endpoint::Any);
    let requests = [send(&server), send(&server)];
    hold.arrived().await;
    hold.arrived().await;
    tokio::select! {
        biased;
        () = hold.arrived() => panic!("a third request arrived"),
        () = std::future::ready(()) => (),
    }
    assert_eq!(server.count(Endpoint::Health), 2);
    hold.release();
    for request in requests {
        assert_eq!(request.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_dropped_hold_releases_its_requests() {
    let server = DevServer::start().await;
    let hold = server.hold(Endpoint::Health);
    let request = send(&server);
    hold.arrived().await;
    drop(hold);
    assert_eq!(request.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_request_is_processed_after_the_release() {
    let server = DevServer::start().await;
    let refresh_token = server
        .issue_tokens(server.public_client(), "email")
        .refresh_token
        .unwrap();
    let hold = server.hold(Endpoint::Token);
    let (answer, ()) = tokio::join!(refresh(&server, &refresh_token), async {
        hold.arrived().await;
        server.revoke(&refresh_token);
        hold.release();
    });
    assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_fault_happens_after_the_release() {
    let server = DevServer::start().await;
    server.inject(Endpoint::Health, Fault::status(503), Times::Once);
    let hold = server.hold(Endpoint::Health);
    let first = send(&server);
    hold.arrived().await;
    let second = send(&server);
    hold.arrived().await;
    assert_eq!(server.requests()[0].status, None);
    hold.release();
    assert_eq!(
        first.await.unwrap().status,
        503,
        "the first request got the fault when it arrived"
    );
    assert_eq!(second.await.unwrap().status, 200);
}
