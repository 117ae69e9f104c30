//! Clocks that are wrong, that jump, or that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use authgate_core::test_util::{Clock, Freshness, Moment};
use authgate_core::{DiscoveryClient, HttpClient, TokenSource};
use authgate_dev_server::{Endpoint, Fault, Times};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::service::{HOUR, Service, one};

/// A clock that only the test moves.
#[derive(Debug)]
struct HandClock {
    seconds: AtomicU64,
    /// How often the clock can be read before it panics once. Below 0, it has panicked or never
    /// will.
    reads_until_panic: AtomicI64,
}

impl HandClock {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            seconds: AtomicU64::new(0),
            reads_until_panic: AtomicI64::new(-1),
        })
    }

    fn advance(&self, duration: Duration) {
        self.seconds.fetch_add(duration.as_secs(), Ordering::SeqCst);
    }

    fn panic_after(&self, reads: i64) {
        self.reads_until_panic.store(reads, Ordering::SeqCst);
    }

    fn has_panicked(&self) -> bool {
        self.reads_until_panic.load(Ordering::SeqCst) < 0
    }
}

impl Clock for HandClock {
    fn now(&self) -> Moment {
        assert!(
            self.reads_until_panic.fetch_sub(1, Ordering::SeqCst) != 0,
            "the clock fails, as the test wants"
        );
        Moment::after_start(Duration::from_secs(self.seconds.load(Ordering::SeqCst)))
    }
}

/// Starts a service whose tokens have this lifetime by the clock of the test. The runtime's timers
/// do not follow that clock, as in a suspend.
async fn service(lifetime: Duration) -> (Service, Arc<HandClock>) {
    let mut service =
        Service::start_with(|settings| settings.access_token_lifetime = lifetime).await;
    let clock = HandClock::new();
    service.tokens = TokenSource::builder(service.client.clone().with_clock(clock.clone())).build();
    (service, clock)
}

#[tokio::test]
async fn after_a_suspend_callers_wait_for_one_new_token() {
    let (service, clock) = service(HOUR).await;
    let old = service.header().await.unwrap();
    clock.advance(2 * HOUR);
    assert_ne!(service.shared_header(64).await, old);
    service.server.assert_requests([Endpoint::Token; 2]);
}

#[tokio::test]
async fn a_token_that_arrives_expired_serves_only_who_waited() {
    for (lifetime, late) in [
        (HOUR, 2 * HOUR),
        (Duration::from_secs(10), Duration::from_secs(15)),
    ] {
        let (service, clock) = service(lifetime).await;
        let mut previous = String::new();
        for requests in 1..=3 {
            let hold = service.server.hold(Endpoint::Token);
            let waiting = service.callers(64);
            hold.arrived().await;
            clock.advance(late);
            hold.release();
            let expired = one(waiting.join_all().await);
            assert_ne!(expired, previous);
            previous = expired;
            assert_eq!(service.token_requests(), requests);
        }
        assert_ne!(service.shared_header(64).await, previous);
        assert_eq!(service.token_requests(), 4);
    }
}

#[tokio::test]
async fn the_pause_after_a_failure_is_over_after_a_suspend() {
    let (service, clock) = service(HOUR).await;
    let limited = Fault::oauth_error(429, "rate_limit_exceeded").with_header("Retry-After", "500");
    service.inject(limited, Times::Once);
    assert!(service.header().await.is_err());
    assert!(service.header().await.is_err());
    clock.advance(2 * HOUR);
    service.shared_header(64).await;
    service.server.assert_requests([Endpoint::Token; 2]);
}

/// Builds an answer of the token endpoint with these claims, sent at this time by the server's
/// clock.
fn granted(claims: &Value, date: &str) -> Fault {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let token = format!(
        "{}.{}.c2lnbmF0dXJl",
        part(&json!({"alg": "HS256"})),
        part(claims)
    );
    let answer =
        json!({"access_token": token, "token_type": "Bearer", "expires_in": HOUR.as_secs()});
    Fault::json(200, &answer).with_header("Date", date)
}

#[tokio::test]
async fn dates_in_a_token_and_the_servers_date_do_not_matter() {
    // By this machine's clock, these tokens expired long ago or never will.
    for (exp, date) in [
        (1_000_000_000_u64, "Sun, 09 Sep 2001 00:46:40 GMT"),
        (9_000_000_000, "gone wrong"),
    ] {
        let (service, clock) = service(HOUR).await;
        let issued = exp - HOUR.as_secs();
        service.inject(
            granted(&json!({"iat": issued, "nbf": issued, "exp": exp}), date),
            Times::Always,
        );
        let token = service.tokens.token().await.unwrap();
        assert_eq!(token.lifetime, Some(HOUR));
        assert_eq!(
            Freshness::of(&token, clock.now(), Duration::ZERO),
            Freshness::Fresh
        );
        for (wait, requests) in [(3600 - 31, 1), (31, 2)] {
            clock.advance(Duration::from_secs(wait));
            service.shared_header(64).await;
            assert_eq!(service.token_requests(), requests);
        }
    }
}

#[tokio::test]
async fn the_lifetime_of_a_token_begins_with_its_request() {
    const ON_THE_WAY: Duration = Duration::from_secs(20);
    let (service, clock) = service(HOUR).await;
    let hold = service.server.hold(Endpoint::Token);
    let waiting = service.callers(1);
    hold.arrived().await;
    clock.advance(ON_THE_WAY);
    hold.release();
    one(waiting.join_all().await);
    let token = service.tokens.token().await.unwrap();
    let rest = token.lifetime.unwrap().saturating_sub(ON_THE_WAY);
    for (margin, expected) in [
        (Duration::ZERO, Freshness::Fresh),
        (rest, Freshness::Expiring),
    ] {
        assert_eq!(
            Freshness::of(&token, clock.now(), margin),
            expected,
            "{margin:?}"
        );
    }
}

#[tokio::test]
async fn after_a_panic_anywhere_the_next_caller_gets_a_token() {
    let (mut died, mut survived) = (0, 0);
    for reads in 0.. {
        let (service, clock) = service(HOUR).await;
        clock.panic_after(reads);
        match service.callers(1).join_next().await.unwrap() {
            Ok(outcome) => {
                outcome.unwrap();
                survived += 1;
            }
            // The panic happened in the caller's own task.
            Err(_) => died += 1,
        }
        if !clock.has_panicked() {
            break;
        }
        service.shared_header(8).await;
    }
    assert!(
        died > 0 && survived > 1,
        "{died} callers died, {survived} did not notice"
    );
}

#[tokio::test]
async fn after_a_panic_one_new_request_serves_all_callers() {
    let service = Service::start().await;
    let clock = HandClock::new();
    let discovery = DiscoveryClient::new(service.server.url(), HttpClient::default()).unwrap();
    let discovery = discovery.with_cache(HOUR, clock.clone());
    clock.panic_after(0);
    let fetch = || {
        let discovery = discovery.clone();
        async move { discovery.fetch().await }
    };
    let callers: JoinSet<_> = std::iter::repeat_with(fetch).take(8).collect();
    for fetched in callers.join_all().await {
        fetched.unwrap();
    }
    assert!(clock.has_panicked());
    // The first task panicked before it sent a request.
    service.server.assert_requests([Endpoint::Discovery]);
}

#[tokio::test]
async fn a_panic_in_a_refresh_leaves_the_old_token_until_the_next() {
    // The panic happens in the call, in the check whether a refresh is due, in the refresh, or in
    // the next call.
    for reads in 0..4 {
        let (service, clock) = service(HOUR).await;
        let old = service.header().await.unwrap();
        clock.advance(Duration::from_secs(3600 - 5));
        clock.panic_after(reads);
        let mut calls = 0;
        loop {
            match service.callers(1).join_next().await.unwrap() {
                Ok(header) if header.as_ref().unwrap() != &old => break,
                Ok(_) | Err(_) => calls += 1,
            }
            assert!(calls < 10_000, "it is never refreshed");
            // The refresh goes on in the background, and we cannot observe its end.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(clock.has_panicked(), "{reads}");
    }
}
