//! Token sources whose server fails, refuses, or asks them to wait.

use std::time::Duration;

use authgate_core::TokenSource;
use authgate_dev_server::{Endpoint, Fault, Times};
use tokio::time::advance;

use crate::support::service::{HOUR, MINUTE, Service, one, settle};

fn unavailable() -> Fault {
    Fault::status(503)
}

fn invalid_client() -> Fault {
    Fault::oauth_error(401, "invalid_client")
}

/// case 57
#[tokio::test]
async fn callers_share_one_request_that_fails_for_good() {
    let service = Service::with_lifetime(HOUR).await;
    service.inject(invalid_client(), Times::Always);
    for outcome in service.ask(64).await {
        assert!(outcome.unwrap_err().to_string().contains("invalid_client"));
    }
    service.server.assert_requests([Endpoint::Token]);
}

/// case 57
#[tokio::test]
async fn callers_share_one_request_and_its_retries() {
    let service = Service::with_lifetime(HOUR).await;
    service.inject(unavailable(), Times::Always);
    assert!(service.ask(64).await.iter().all(|outcome| outcome.as_ref().unwrap_err().is_transient()));
    service.server.assert_requests([Endpoint::Token; 3]);
}

/// case 60
#[tokio::test]
async fn a_failed_refresh_is_no_callers_error_and_is_spaced() {
    let service = Service::with_lifetime(HOUR).await;
    let old = service.header().await.unwrap();
    service.server.forget_requests();
    advance(HOUR - Duration::from_secs(12)).await;
    service.inject(unavailable(), Times::Always);
    assert_eq!(one(service.ask_every(Duration::from_millis(10), 450).await), old);
    assert!((2..=3).contains(&service.token_requests()), "{} refreshes", service.token_requests());
}

/// case 61
#[tokio::test]
async fn after_expiry_an_outage_is_an_error_until_it_ends() {
    let service = Service::with_lifetime(MINUTE).await;
    service.header().await.unwrap();
    advance(MINUTE).await;
    service.inject(unavailable(), Times::Always);
    assert!(service.header().await.unwrap_err().is_transient());
    service.server.clear_faults();
    advance(Duration::from_secs(1)).await;
    service.header().await.unwrap();
}

/// case 61
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

/// case 62
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

/// cases 32, 63
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

/// case 63
#[tokio::test]
async fn sources_that_start_together_do_not_refresh_together() {
    let service = Service::with_lifetime(HOUR).await;
    let source = || TokenSource::builder(service.client.clone()).expiry_delta(Duration::from_secs(1000)).build();
    let sources: Vec<_> = std::iter::repeat_with(source).take(40).collect();
    for source in &sources {
        source.header().await.unwrap();
    }
    service.server.forget_requests();
    advance(HOUR - Duration::from_secs(750)).await;
    for source in &sources {
        source.header().await.unwrap();
    }
    settle().await;
    let refreshed = service.token_requests();
    assert!((5..=35).contains(&refreshed), "{refreshed} of 40 refreshed by the middle of the window");
}
