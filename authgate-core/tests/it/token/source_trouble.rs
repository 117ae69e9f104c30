//! Token sources whose server fails, refuses, or asks them to wait.

use std::time::Duration;

use crate::support::confidential_client;
use crate::support::service::{HOUR, MINUTE, Service, settle};
use authgate_core::TokenSource;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::time::{advance, pause};

/// case 57
#[tokio::test]
async fn a_failure_for_good_is_one_request_and_everybodys_error() {
    let service = Service::with_lifetime(HOUR).await;
    service.server.inject(Endpoint::Token, Fault::oauth_error(401, "invalid_client"), Times::Always);
    for outcome in service.ask(64).await {
        assert!(outcome.unwrap_err().to_string().contains("invalid_client"));
    }
    assert_eq!(service.token_requests(), 1);
}

/// case 57
#[tokio::test]
async fn a_failure_that_may_pass_is_one_retried_flight_for_everybody() {
    let service = Service::with_lifetime(HOUR).await;
    service.fail(Times::Always);
    assert!(service.ask(64).await.iter().all(|outcome| outcome.as_ref().unwrap_err().is_transient()));
    assert_eq!(service.token_requests(), 3);
}

/// case 60
#[tokio::test]
async fn a_failed_renewal_is_nobodys_error_and_is_spaced() {
    let service = Service::with_lifetime(HOUR).await;
    let old = service.header().await.unwrap();
    advance(Duration::from_secs(3600 - 12)).await;
    service.fail(Times::Always);
    for _ in 0..450 {
        assert_eq!(service.header().await.unwrap(), old);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!((2..=3).contains(&(service.token_requests() - 1)), "{} renewals", service.token_requests() - 1);
}

/// case 61
#[tokio::test]
async fn past_expiry_an_outage_is_an_error_and_the_first_success_heals() {
    let service = Service::with_lifetime(MINUTE).await;
    service.header().await.unwrap();
    advance(MINUTE).await;
    service.fail(Times::Always);
    assert!(service.header().await.unwrap_err().is_transient());
    service.server.clear_faults();
    advance(Duration::from_secs(1)).await;
    service.header().await.unwrap();
}

/// case 61
#[tokio::test]
async fn who_waits_past_expiry_does_not_inherit_the_failure_of_a_renewal_in_the_background() {
    let service = Service::with_lifetime(MINUTE).await;
    service.header().await.unwrap();
    advance(Duration::from_secs(51)).await;
    service.server.inject(Endpoint::Token, Fault::HeadersThenSilence, Times::Once);
    service.header().await.unwrap();
    settle().await;
    advance(Duration::from_secs(10)).await;
    service.header().await.unwrap();
    assert_eq!(service.token_requests(), 3);
}

/// case 62
#[tokio::test]
async fn a_refused_client_is_asked_again_only_after_a_pause_that_grows() {
    let service = Service::with_lifetime(HOUR).await;
    service.server.inject(Endpoint::Token, Fault::oauth_error(401, "invalid_client"), Times::Always);
    // Attempts at 0, 1, 3, 7, 15 seconds and so on.
    for _ in 0..1000 {
        assert!(service.header().await.is_err());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(service.token_requests(), 4);
    service.server.clear_faults();
    advance(Duration::from_secs(8)).await;
    service.header().await.unwrap();
}

/// case 63
#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let service = Service::with_lifetime(HOUR).await;
    let limited = Fault::oauth_error(429, "rate_limit_exceeded").with_header("Retry-After", "40");
    service.server.inject(Endpoint::Token, limited, Times::Once);
    assert!(service.header().await.is_err());
    advance(Duration::from_secs(39)).await;
    assert!(service.header().await.is_err());
    assert_eq!(service.token_requests(), 1);
    advance(Duration::from_secs(1)).await;
    service.header().await.unwrap();
}

/// case 32
#[tokio::test]
async fn a_server_that_asks_for_days_is_asked_again_after_ten_minutes() {
    let service = Service::with_lifetime(HOUR).await;
    let unavailable = Fault::status(503).with_header("Retry-After", "999999");
    service.server.inject(Endpoint::Token, unavailable, Times::Once);
    assert!(service.header().await.is_err());
    advance(Duration::from_secs(599)).await;
    assert!(service.header().await.is_err());
    assert_eq!(service.token_requests(), 1);
    advance(Duration::from_secs(1)).await;
    service.header().await.unwrap();
}

/// case 63
#[tokio::test]
async fn sources_that_start_together_do_not_renew_together() {
    let server = DevServer::start_with(|settings| settings.access_token_lifetime = HOUR).await;
    let client = confidential_client(&server).await.unwrap();
    pause();
    let sources: Vec<_> =
        (0..40).map(|_| TokenSource::builder(client.clone()).expiry_delta(Duration::from_secs(1000)).build()).collect();
    for source in &sources {
        source.header().await.unwrap();
    }
    advance(Duration::from_secs(3600 - 750)).await;
    for source in &sources {
        source.header().await.unwrap();
    }
    settle().await;
    let renewed = server.count(Endpoint::Token) - sources.len();
    assert!((5..=35).contains(&renewed), "{renewed} of 40 renewed by the middle of the window");
}
