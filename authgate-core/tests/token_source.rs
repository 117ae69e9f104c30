//! Tokens that renew themselves.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;

use std::time::Duration;

use authgate_core::{Error, Secret, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use common::confidential_client;
use serde_json::json;
use tokio::time::{advance, pause};

struct Service {
    server: DevServer,
    tokens: TokenSource,
}

impl Service {
    /// A token source whose tokens live this long, on paused time.
    async fn with_lifetime(lifetime: Duration) -> Self {
        let server = DevServer::builder().access_token_lifetime(lifetime).start().await.unwrap();
        let client = confidential_client(&server).await.unwrap();
        pause();
        let tokens = TokenSource::builder(client).scopes(["profile", "email"]).build();
        Self { server, tokens }
    }

    fn token_requests(&self) -> usize {
        self.server.count(Endpoint::Token)
    }

    fn fail(&self, times: Times) {
        self.server.inject(Endpoint::Token, Fault::status(503), times);
    }

    /// This many callers at once, and how each fared.
    async fn ask(&self, callers: usize) -> Vec<Result<String, Error>> {
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let tokens = self.tokens.clone();
                tokio::spawn(async move { tokens.header().await })
            })
            .collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap().map(|header| header.to_str().unwrap().to_owned()));
        }
        outcomes
    }

    async fn header(&self) -> Result<String, Error> {
        self.ask(1).await.remove(0)
    }
}

/// Lets tasks in the background come to an end, without moving the time by more than a little.
async fn settle() {
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// case 57
#[tokio::test]
async fn a_thousand_callers_at_start_cause_one_request() {
    let service = Service::with_lifetime(HOUR).await;
    let headers = service.ask(1000).await;
    let first = headers[0].as_ref().unwrap();
    assert!(first.starts_with("Bearer ey") && headers.iter().all(|header| header.as_ref().unwrap() == first));
    assert_eq!(service.token_requests(), 1);
}

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

/// case 71
#[test]
fn a_flight_on_a_runtime_that_nobody_drives_holds_nobody_up_for_ever() {
    let driven = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let idle = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_server, tokens) = driven.block_on(async {
        let server = DevServer::start().await.unwrap();
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

/// case 63
#[tokio::test]
async fn sources_that_start_together_do_not_renew_together() {
    let server = DevServer::builder().access_token_lifetime(HOUR).start().await.unwrap();
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
        let server = DevServer::start().await.unwrap();
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
