//! When a request is sent again, and how long the pause before it is.

use std::time::{Duration, SystemTime};

use authgate_dev_server::{DevServer, Endpoint, Fault, Times};

use crate::support::service::Service;

/// The date of the answers below.
const DATE: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

fn unavailable(wait: &str) -> Fault {
    Fault::status(503)
        .with_header("Date", DATE)
        .with_header("Retry-After", wait)
}

fn limited() -> Fault {
    Fault::oauth_error(429, "rate_limit_exceeded")
}

/// Returns the pause after this answer, before the next attempt, which succeeds.
async fn pause_after(fault: Fault) -> Duration {
    let service = Service::start().await;
    service.inject(fault, Times::Once);
    service.grant().await.unwrap();
    pause(&service.server)
}

/// Returns the time between the two requests.
fn pause(server: &DevServer) -> Duration {
    server.assert_requests([Endpoint::Token; 2]);
    let requests = server.requests();
    requests[1].arrived_at - requests[0].arrived_at
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_up_to_three_times() {
    let service = Service::start().await;
    for (status, requests) in [(408, 3), (502, 3), (503, 3), (504, 3), (500, 1)] {
        let error = service
            .failure(Fault::body(status, "text/html", "<h1>oops</h1>"))
            .await;
        assert_eq!(
            (error.is_transient(), service.token_requests()),
            (true, requests),
            "{error}"
        );
    }
    let error = service.failure(limited()).await;
    assert!(
        error.is_transient() && (2..=3).contains(&service.token_requests()),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_server_is_left_alone_as_long_as_it_asks() {
    // A date counts from the server's own date, so our clock does not matter.
    for wait in ["5", "Wed, 21 Oct 2015 07:28:05 GMT"] {
        let pause = pause_after(unavailable(wait)).await;
        assert!(
            (Duration::from_secs(5)..Duration::from_secs(7)).contains(&pause),
            "{wait}: {pause:?}"
        );
    }
    for garbage in [
        "-1",
        "soon",
        "",
        "1e9",
        "Wed, 21 Oct 2015 07:27:00 GMT",
        "Wed, 32 Oct 2015 07:29:00 GMT",
    ] {
        let pause = pause_after(unavailable(garbage)).await;
        assert!(pause < Duration::from_secs(1), "{garbage}: {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_an_error_at_once_that_tells_it() {
    let service = Service::start().await;
    // AuthGate's rate limit names the moment when it ends.
    let reset = limited()
        .with_header("Date", DATE)
        .with_header("X-RateLimit-Reset", "1445412520");
    for (fault, seconds) in [
        (unavailable("60"), 60),
        (unavailable("Wed, 21 Oct 2015 07:29:00 GMT"), 60),
        (unavailable("999999"), 24 * 60 * 60),
        (reset, 40),
        // More than any number of seconds that we can read.
        (unavailable("99999999999999999999"), 24 * 60 * 60),
    ] {
        let error = service.failure(fault).await;
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
        assert!(
            error
                .to_string()
                .ends_with(&format!("Try again in {seconds} s")),
            "{error}"
        );
        service.server.assert_requests([Endpoint::Token]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_rate_limit_is_waited_for() {
    let epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for (fault, seconds) in [
        (
            limited()
                .with_header("Date", DATE)
                .with_header("X-RateLimit-Reset", "1445412488"),
            8,
        ),
        // No other request within five seconds.
        (limited(), 5),
        (limited().with_header("Retry-After", "0"), 5),
        (
            limited().with_header("X-RateLimit-Reset", &epoch.to_string()),
            5,
        ),
    ] {
        let pause = pause_after(fault).await;
        assert!(pause >= Duration::from_secs(seconds), "{pause:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_that_is_not_reached_asks_nobody_to_wait() {
    let refusal =
        Fault::oauth_error(401, "invalid_client").with_header("X-RateLimit-Reset", "9999999999");
    assert_eq!(
        Service::start().await.failure(refusal).await.retry_after(),
        None
    );
}
