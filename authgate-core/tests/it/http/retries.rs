//! When a request is sent again, and how long the server is left alone before.

use std::time::Duration;

use crate::support::confidential_client;
use authgate_core::{Error, OAuthClient};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};

/// The time that the answers below were made.
const DATE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

async fn failed_with(fault: Fault) -> (Error, usize) {
    let (server, client) = server_and_client().await;
    server.inject(Endpoint::Token, fault, Times::Always);
    let error = client.client_credentials(&[], &[]).await.unwrap_err();
    (error, server.count(Endpoint::Token))
}

async fn server_and_client() -> (DevServer, OAuthClient) {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    (server, client)
}

/// cases 31, 33
#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_up_to_three_times() {
    for status in [502, 503, 504] {
        let (error, requests) = failed_with(Fault::body(status, "text/html", "<h1>oops</h1>")).await;
        assert_eq!((error.is_transient(), requests), (true, 3), "{error}");
    }
    let (error, requests) = failed_with(Fault::oauth_error(429, "rate_limit_exceeded")).await;
    assert!(error.is_transient() && (2..=3).contains(&requests), "{requests}: {error}");
    let (error, requests) = failed_with(Fault::body(500, "text/html", "<h1>oops</h1>")).await;
    assert_eq!((error.is_transient(), requests), (true, 1), "{error}");
}

/// case 32
#[tokio::test(start_paused = true)]
async fn the_server_is_left_alone_as_long_as_it_asks() {
    // A date means the time from the server's own date to it, whatever the clock here says.
    for wait in ["5", "Wed, 21 Oct 2015 07:28:05 GMT"] {
        let (server, client) = server_and_client().await;
        server.inject(Endpoint::Token, unavailable(wait), Times::Once);
        client.client_credentials(&[], &[]).await.unwrap();
        let pause = pause(&server);
        assert!((Duration::from_secs(5)..Duration::from_secs(7)).contains(&pause), "{wait}: {pause:?}");
    }
}

/// case 32
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_for_the_caller_is_an_error_at_once_that_tells_it() {
    for (wait, seconds) in [("60", 60), ("Wed, 21 Oct 2015 07:29:00 GMT", 60), ("999999", 24 * 60 * 60)] {
        let (server, client) = server_and_client().await;
        server.inject(Endpoint::Token, unavailable(wait), Times::Once);
        let error = client.client_credentials(&[], &[]).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{wait}");
        assert!(error.to_string().contains(&format!("asks to wait {seconds} s")), "{wait}: {error}");
        assert_eq!(server.count(Endpoint::Token), 1, "{wait}: nobody waits that long");
    }
}

/// case 32
#[tokio::test(start_paused = true)]
async fn a_wait_that_says_nothing_is_none() {
    for garbage in ["-1", "soon", "", "1e9", "Wed, 21 Oct 2015 07:27:00 GMT", "Wed, 32 Oct 2015 07:29:00 GMT"] {
        let (server, client) = server_and_client().await;
        server.inject(Endpoint::Token, unavailable(garbage), Times::Once);
        client.client_credentials(&[], &[]).await.unwrap();
        assert!(pause(&server) < Duration::from_secs(1), "{garbage}: {:?}", pause(&server));
    }
}

/// cases 32, 33: AuthGate's rate limit names the moment when it ends.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_rate_limit_is_waited_for_or_told() {
    let limited = |until: &str| {
        Fault::oauth_error(429, "rate_limit_exceeded").with_header("Date", DATE).with_header("X-RateLimit-Reset", until)
    };
    let (server, client) = server_and_client().await;
    server.inject(Endpoint::Token, limited("1445412488"), Times::Once);
    client.client_credentials(&[], &[]).await.unwrap();
    assert!(pause(&server) >= Duration::from_secs(8), "{:?}", pause(&server));

    server.inject(Endpoint::Token, limited("1445412520"), Times::Once);
    let error = client.client_credentials(&[], &[]).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(40)));
    assert_eq!(server.count(Endpoint::Token), 3);
}

fn unavailable(wait: &str) -> Fault {
    Fault::status(503).with_header("Date", DATE).with_header("Retry-After", wait)
}

/// The time between the first request for a token and the second.
fn pause(server: &DevServer) -> Duration {
    let requests = server.requests_at(Endpoint::Token);
    requests[1].arrived_at - requests[0].arrived_at
}

/// case 33
#[tokio::test(start_paused = true)]
async fn too_many_requests_are_never_followed_by_another_within_five_seconds() {
    let epoch = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let limited = || Fault::oauth_error(429, "rate_limit_exceeded");
    let faults = [
        limited(),
        limited().with_header("Retry-After", "0"),
        limited().with_header("X-RateLimit-Reset", &epoch.to_string()),
    ];
    for fault in faults {
        let (server, client) = server_and_client().await;
        server.inject(Endpoint::Token, fault, Times::Once);
        client.client_credentials(&[], &[]).await.unwrap();
        assert!(pause(&server) >= Duration::from_secs(5), "{:?}", pause(&server));
    }
}

/// case 32
#[tokio::test]
async fn a_rate_limit_that_is_not_reached_asks_nobody_to_wait() {
    let (error, _) =
        failed_with(Fault::oauth_error(401, "invalid_client").with_header("X-RateLimit-Reset", "9999999999")).await;
    assert_eq!(error.retry_after(), None);
}
