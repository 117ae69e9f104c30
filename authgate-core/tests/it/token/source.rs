//! Tokens that are refreshed before they expire.

use std::time::Duration;

use authgate_core::Secret;
use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::until;
use serde_json::json;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{advance, timeout};

use crate::support::service::{HOUR, MINUTE, Service, one, settle};

/// Inside the margin, which is a third of a minute here, and in its earlier half.
const INSIDE_THE_MARGIN: Duration = Duration::from_secs(51);

#[tokio::test]
async fn a_thousand_callers_at_start_share_one_request() {
    let service = Service::with_lifetime(HOUR).await;
    assert!(service.shared_header(1000).await.starts_with("Bearer ey"));
    service.server.assert_requests([Endpoint::Token]);
}

#[tokio::test]
async fn any_number_of_threads_get_the_same_header() {
    let service = Service::with_lifetime(HOUR).await;
    let header = service.tokens.header().await.unwrap();
    let runtime = Handle::current();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let own = runtime.block_on(service.tokens.header()).unwrap();
                assert_eq!(own, header);
            });
        }
    });
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_cancel_the_request() {
    let service = Service::with_lifetime(HOUR).await;
    let hold = service.server.hold(Endpoint::Token);
    let mut first = service.callers(1);
    hold.arrived().await;
    first.abort_all();
    assert!(first.join_next().await.unwrap().unwrap_err().is_cancelled());
    let others = service.callers(10);
    settle().await;
    hold.release();
    one(others.join_all().await);
    service.server.assert_requests([Endpoint::Token]);
}

#[tokio::test]
async fn a_request_whose_only_caller_left_still_brings_the_token() {
    let service = Service::with_lifetime(HOUR).await;
    let hold = service.server.hold(Endpoint::Token);
    assert!(
        timeout(Duration::from_secs(1), service.header())
            .await
            .is_err()
    );
    hold.release();
    settle().await;
    service.header().await.unwrap();
    service.server.assert_requests([Endpoint::Token]);
}

#[tokio::test]
async fn callers_get_the_old_token_while_it_is_refreshed() {
    let service = Service::with_lifetime(MINUTE).await;
    let old = service.header().await.unwrap();
    advance(INSIDE_THE_MARGIN).await;
    let hold = service.server.hold(Endpoint::Token);
    assert_eq!(service.shared_header(64).await, old);
    hold.arrived().await;
    assert_eq!(service.shared_header(64).await, old);
    hold.release();
    settle().await;
    assert_ne!(service.header().await.unwrap(), old);
    service.server.assert_requests([Endpoint::Token; 2]);
}

#[tokio::test]
async fn a_token_of_20_s_is_used_for_most_of_its_lifetime() {
    let service = Service::with_lifetime(Duration::from_secs(20)).await;
    one(service.ask_every(Duration::from_millis(100), 120).await);
    service.server.assert_requests([Endpoint::Token]);
}

#[tokio::test]
async fn a_token_that_expires_at_once_causes_no_storm() {
    let service = Service::with_lifetime(HOUR).await;
    service.inject(Fault::set_member("expires_in", 0), Times::Always);
    let outcomes = service.ask_every(Duration::from_millis(10), 300).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert!(
        service.token_requests() <= 6,
        "{}",
        service.token_requests()
    );
}

#[tokio::test]
async fn without_expires_in_a_token_is_used_for_five_minutes() {
    let service = Service::with_lifetime(HOUR).await;
    service.inject(Fault::set_member("expires_in", json!(null)), Times::Always);
    assert_eq!(
        service.tokens.token().await.unwrap().lifetime,
        Some(Duration::from_secs(300))
    );
    for (wait, requests) in [(269, 1), (31, 2)] {
        advance(Duration::from_secs(wait)).await;
        service.header().await.unwrap();
        settle().await;
        assert_eq!(service.token_requests(), requests);
    }
}

#[tokio::test]
async fn only_the_current_token_can_be_invalidated() {
    let service = Service::with_lifetime(HOUR).await;
    let refused = service.tokens.token().await.unwrap();
    service.tokens.invalidate(&Secret::from("another token"));
    service.header().await.unwrap();
    service.server.assert_requests([Endpoint::Token]);

    for _ in 0..10 {
        service.tokens.invalidate(&refused.access_token);
    }
    let refreshed = service.tokens.token().await.unwrap();
    service.tokens.invalidate(&refused.access_token);
    assert_eq!(
        service.tokens.token().await.unwrap().access_token,
        refreshed.access_token
    );
    service.server.assert_requests([Endpoint::Token; 2]);
}

#[tokio::test]
async fn dropping_the_source_ends_its_tasks() {
    let service = Service::with_lifetime(MINUTE).await;
    service.header().await.unwrap();
    advance(INSIDE_THE_MARGIN).await;
    service.inject(Fault::Hang, Times::Always);
    service.header().await.unwrap();
    settle().await;
    let alive = Handle::current().metrics().num_alive_tasks();
    drop(service.tokens);
    settle().await;
    assert!(Handle::current().metrics().num_alive_tasks() < alive);
}

#[test]
fn a_request_on_a_stalled_runtime_is_given_up() {
    let driven = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let stalled = Builder::new_current_thread().enable_all().build().unwrap();
    let service = driven.block_on(Service::start());
    let _caller = stalled.block_on(async {
        let caller = service.callers(1);
        tokio::task::yield_now().await;
        caller
    });
    driven.block_on(service.header()).unwrap();
}

#[test]
fn a_source_outlives_the_runtime_of_its_request() {
    let runtime = || {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let (servers, first): (Runtime, Runtime) = (runtime(), runtime());
    let service = servers.block_on(Service::start());
    service.inject(Fault::Hang, Times::Once);
    let _caller = first.block_on(async { service.callers(1) });
    servers.block_on(until("the first request", || service.token_requests() == 1));
    first.shutdown_background();
    runtime().block_on(service.header()).unwrap();
}
