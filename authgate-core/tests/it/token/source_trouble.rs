//! Token sources whose server fails, refuses, or asks us to wait.

use std::time::Duration;

use authgate_core::TokenSource;
use authgate_dev_server::{Endpoint, Fault, Times};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};

use crate::support::service::{HOUR, MINUTE, Service, settle};

fn unavailable() -> Fault {
    Fault::status(503)
}

fn invalid_client() -> Fault {
    Fault::oauth_error(401, "invalid_client")
}

#[tokio::test(start_paused = true)]
async fn callers_share_one_failure_and_its_retries() {
    for (fault, said, is_transient, requests) in [
        (invalid_client(), "401 invalid_client", false, 1),
        (unavailable(), "answered 503", true, 3),
    ] {
        let service = Service::start().await;
        service.inject(fault, Times::Always);
        let mut errors = service.ask(64).await.into_iter().map(Result::unwrap_err);
        assert!(
            errors
                .all(|error| error.is_transient() == is_transient
                    && error.to_string().contains(said))
        );
        assert_eq!(service.token_requests(), requests);
    }
}

#[tokio::test]
async fn a_failed_background_refresh_fails_no_later_caller() {
    let service = Service::with_lifetime(MINUTE).await;
    service.header().await.unwrap();
    advance(Duration::from_secs(51)).await;
    service.inject(Fault::HeadersThenSilence, Times::Once);
    service.header().await.unwrap();
    settle().await;
    advance(Duration::from_secs(10)).await;
    service.header().await.unwrap();
    service.server.assert_requests([Endpoint::Token; 3]);
}

#[tokio::test]
async fn a_refused_client_is_tried_again_after_growing_pauses() {
    let service = Service::with_lifetime(HOUR).await;
    service.inject(invalid_client(), Times::Always);
    // Attempts at 0, 1, 3, 7, 15 seconds and so on.
    let outcomes = service.ask_every(Duration::from_millis(10), 1000).await;
    assert!(outcomes.iter().all(Result::is_err));
    service.server.assert_requests([Endpoint::Token; 4]);
    service.server.clear_faults();
    advance(Duration::from_secs(8)).await;
    service.header().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_time_gets_ten_minutes_at_most() {
    let limited = Fault::oauth_error(429, "rate_limit_exceeded");
    for (fault, asked, seconds) in [(limited, "40", 40), (unavailable(), "999999", 600)] {
        let service = Service::start().await;
        service.inject(fault.with_header("Retry-After", asked), Times::Once);
        assert!(service.header().await.is_err());
        advance(Duration::from_secs(seconds - 1)).await;
        assert!(service.header().await.is_err());
        service.server.assert_requests([Endpoint::Token]);
        advance(Duration::from_secs(1)).await;
        service.header().await.unwrap();
    }
}

/// Every source of the fleet refreshes after this.
const LAST_MINUTE: Duration = Duration::from_secs(3600 - 60);
/// The server reports a second less than the lifetime that we set.
const BEFORE_EXPIRY: Duration = Duration::from_secs(3600 - 2);

/// Creates this many sources, and gets the first token of each.
async fn sources(service: &Service, count: usize, expiry_delta: Duration) -> Vec<TokenSource> {
    let source = || {
        TokenSource::builder(service.client.clone())
            .expiry_delta(expiry_delta)
            .build()
    };
    let sources: Vec<_> = std::iter::repeat_with(source).take(count).collect();
    for source in &sources {
        source.header().await.unwrap();
    }
    sources
}

#[tokio::test]
async fn sources_that_start_together_do_not_refresh_together() {
    let service = Service::with_lifetime(HOUR).await;
    let sources = sources(&service, 40, Duration::from_secs(1000)).await;
    service.server.forget_requests();
    advance(Duration::from_secs(3600 - 750)).await;
    for source in &sources {
        source.header().await.unwrap();
    }
    settle().await;
    let refreshed = service.token_requests();
    assert!(
        (5..=35).contains(&refreshed),
        "{refreshed} of 40 refreshed by the middle of the window"
    );
}

#[tokio::test]
async fn fifty_replicas_refresh_behind_a_rate_limit() {
    let service = Service::with_lifetime(HOUR).await;
    let started = Instant::now();
    let replicas = sources(&service, 50, Duration::from_secs(30)).await;
    service
        .server
        .change(|settings| settings.rate_limits = true);
    sleep(LAST_MINUTE).await;

    let asking = replicas.into_iter().map(|replica| async move {
        let mut last = false;
        // By then, all windows of the rate limit that a refresh may have to wait for are over: 20
        // tokens a minute for 50 replicas.
        while started.elapsed() < HOUR + 4 * MINUTE {
            let outcome = replica.header().await;
            let is_alive = started.elapsed() < BEFORE_EXPIRY;
            assert!(outcome.is_ok() || !is_alive, "{}", outcome.unwrap_err());
            last = outcome.is_ok();
            sleep(Duration::from_millis(250)).await;
        }
        last
    });
    let recovered = asking.collect::<JoinSet<_>>().join_all().await;
    assert!(recovered.iter().all(|recovered| *recovered));
    let requests = service.server.requests_at(Endpoint::Token);
    let refused = requests
        .iter()
        .filter(|request| request.status == Some(429))
        .count();
    // The server refuses 30 in the first minute and 10 in the second. Each may return a little
    // early, because the server gives the end of a window in whole seconds.
    assert!((1..=2 * (30 + 10)).contains(&refused), "{refused} refused");
}
