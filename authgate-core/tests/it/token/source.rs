//! Tokens that renew themselves.

use std::time::Duration;

use crate::support::confidential_client;
use crate::support::service::{HOUR, MINUTE, Service, settle};
use authgate_core::{Secret, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;
use tokio::time::advance;

/// case 57
#[tokio::test]
async fn a_thousand_callers_at_start_cause_one_request() {
    let service = Service::with_lifetime(HOUR).await;
    let headers = service.ask(1000).await;
    let first = headers[0].as_ref().unwrap();
    assert!(first.starts_with("Bearer ey") && headers.iter().all(|header| header.as_ref().unwrap() == first));
    assert_eq!(service.token_requests(), 1);
}

/// case 58
#[tokio::test]
async fn the_first_caller_may_leave_without_taking_the_answer_along() {
    let service = Service::with_lifetime(HOUR).await;
    service.server.inject(Endpoint::Token, Fault::Delay(Duration::from_secs(2)), Times::Once);
    let tokens = service.tokens.clone();
    let first = tokio::spawn(async move { tokens.header().await });
    settle().await;
    first.abort();
    assert!(service.ask(10).await.iter().all(Result::is_ok));
    assert_eq!(service.token_requests(), 1);
}

/// case 117
#[tokio::test]
async fn a_request_whose_only_caller_has_gone_is_finished_and_its_token_kept() {
    let service = Service::with_lifetime(HOUR).await;
    service.server.inject(Endpoint::Token, Fault::Delay(Duration::from_secs(2)), Times::Once);
    let impatient = tokio::time::timeout(Duration::from_secs(1), service.tokens.header());
    assert!(impatient.await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    service.header().await.unwrap();
    assert_eq!(service.token_requests(), 1);
}

/// case 59
#[tokio::test]
async fn inside_the_margin_callers_get_the_old_token_while_one_task_renews_it() {
    let service = Service::with_lifetime(MINUTE).await;
    let old = service.header().await.unwrap();
    // The margin is a third of the life here, and the moment inside it is in its earlier half.
    advance(Duration::from_secs(51)).await;
    service.server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(50)), Times::Once);
    let headers = service.ask(64).await;
    assert!(headers.iter().all(|header| *header.as_ref().unwrap() == old));
    settle().await;
    assert_ne!(service.header().await.unwrap(), old);
    assert_eq!(service.token_requests(), 2);
}

/// case 71
#[test]
fn a_flight_on_a_runtime_that_nobody_drives_holds_nobody_up_for_ever() {
    let driven = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let idle = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_server, tokens) = driven.block_on(async {
        let server = DevServer::start().await;
        let client = confidential_client(&server).await.unwrap();
        (server, TokenSource::builder(client).build())
    });
    idle.block_on(async {
        let asking = tokens.clone();
        tokio::spawn(async move { asking.header().await });
        tokio::task::yield_now().await;
    });
    driven.block_on(tokens.header()).unwrap();
}

/// case 67
#[tokio::test]
async fn a_token_that_lives_shorter_than_the_margin_is_used_for_most_of_its_life() {
    let service = Service::with_lifetime(Duration::from_secs(20)).await;
    for _ in 0..120 {
        service.header().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(service.token_requests(), 1);
}

/// case 47
#[tokio::test]
async fn a_token_that_expires_at_once_serves_its_callers_without_a_storm() {
    let service = Service::with_lifetime(HOUR).await;
    service.server.inject(Endpoint::Token, Fault::set_member("expires_in", 0), Times::Always);
    for _ in 0..300 {
        service.header().await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(service.token_requests() <= 6, "{}", service.token_requests());
}

/// case 45
#[tokio::test]
async fn without_expires_in_a_machines_token_is_kept_for_five_minutes() {
    let service = Service::with_lifetime(HOUR).await;
    service.server.inject(Endpoint::Token, Fault::set_member("expires_in", json!(null)), Times::Always);
    assert_eq!(service.tokens.token().await.unwrap().lifetime, Some(Duration::from_secs(300)));
    advance(Duration::from_secs(269)).await;
    service.header().await.unwrap();
    settle().await;
    assert_eq!(service.token_requests(), 1);
    advance(Duration::from_secs(31)).await;
    service.header().await.unwrap();
    assert_eq!(service.token_requests(), 2);
}

/// case 68
#[tokio::test]
async fn after_a_suspend_nobody_gets_the_expired_token() {
    let service = Service::with_lifetime(HOUR).await;
    let old = service.header().await.unwrap();
    advance(2 * HOUR).await;
    let headers = service.ask(64).await;
    assert!(headers.iter().all(|header| *header.as_ref().unwrap() != old));
    assert_eq!(service.token_requests(), 2);
}

/// case 64
#[tokio::test]
async fn a_token_is_given_up_only_while_it_is_the_current_one() {
    let service = Service::with_lifetime(HOUR).await;
    let refused = service.tokens.token().await.unwrap();
    service.tokens.invalidate(&Secret::from("another token"));
    service.header().await.unwrap();
    assert_eq!(service.token_requests(), 1);

    for _ in 0..10 {
        service.tokens.invalidate(&refused.access_token);
    }
    let renewed = service.tokens.token().await.unwrap();
    service.tokens.invalidate(&refused.access_token);
    assert_eq!(service.tokens.token().await.unwrap().access_token, renewed.access_token);
    assert_eq!(service.token_requests(), 2);
}

/// case 73
#[tokio::test]
async fn dropping_the_source_ends_what_it_has_started() {
    let service = Service::with_lifetime(MINUTE).await;
    service.header().await.unwrap();
    advance(Duration::from_secs(51)).await;
    service.server.inject(Endpoint::Token, Fault::Hang, Times::Always);
    service.header().await.unwrap();
    settle().await;
    let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    drop(service.tokens);
    settle().await;
    assert!(tokio::runtime::Handle::current().metrics().num_alive_tasks() < alive);
}

/// case 71
#[test]
fn a_source_outlives_the_runtime_that_was_fetching_for_it() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let servers = runtime();
    let (server, tokens) = servers.block_on(async {
        let server = DevServer::start().await;
        let client = confidential_client(&server).await.unwrap();
        (server, TokenSource::builder(client).build())
    });
    server.inject(Endpoint::Token, Fault::Hang, Times::Once);
    let first = runtime();
    let cut_short = tokens.clone();
    first.spawn(async move { cut_short.header().await });
    while server.count(Endpoint::Token) == 0 {
        std::thread::yield_now();
    }
    first.shutdown_background();
    runtime().block_on(tokens.header()).unwrap();
}

/// case 155
#[tokio::test]
async fn a_source_shows_no_token_in_debug_output() {
    let service = Service::with_lifetime(HOUR).await;
    let token = service.tokens.token().await.unwrap();
    let header = service.tokens.header().await.unwrap();
    assert!(!format!("{:?} {header:?}", service.tokens).contains(token.access_token.expose()));
}
