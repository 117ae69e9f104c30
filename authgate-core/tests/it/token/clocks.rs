//! Clocks that are wrong, that jump, or that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::{TokioClock, confidential_client};
use authgate_core::clock::{Clock, Moment};
use authgate_core::{DiscoveryClient, Freshness, HttpClient, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::time::pause;

const HOUR: u64 = 3600;

/// A clock that the test moves; nothing else does.
#[derive(Debug)]
struct HandClock {
    seconds: AtomicU64,
    /// How often it can be read before it panics, once; below 0 it has, or never will.
    reads_until_panic: AtomicI64,
}

impl HandClock {
    fn new() -> Arc<Self> {
        Arc::new(Self { seconds: AtomicU64::new(0), reads_until_panic: AtomicI64::new(-1) })
    }

    fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
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
        assert!(self.reads_until_panic.fetch_sub(1, Ordering::SeqCst) != 0, "the clock fails, as the test wants");
        Moment::after_start(Duration::from_secs(self.seconds.load(Ordering::SeqCst)))
    }
}

/// A server whose tokens live for an hour, and a source of them by the clock of the test.
async fn service() -> (DevServer, TokenSource, Arc<HandClock>) {
    let server = DevServer::start_with(|settings| settings.access_token_lifetime = Duration::from_secs(HOUR)).await;
    let clock = HandClock::new();
    let client = confidential_client(&server).await.unwrap().with_clock(clock.clone());
    (server, TokenSource::builder(client).build(), clock)
}

/// What this many callers get who ask at once.
async fn headers(callers: usize, tokens: &TokenSource) -> Vec<String> {
    let asking = (0..callers).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.header().await.unwrap().to_str().unwrap().to_owned() })
    });
    let mut headers = Vec::new();
    for caller in asking.collect::<Vec<_>>() {
        headers.push(caller.await.unwrap());
    }
    headers
}

/// case 68
#[tokio::test]
async fn who_asks_after_a_suspend_of_two_hours_waits_for_one_new_token() {
    let (server, tokens, clock) = service().await;
    let old = tokens.header().await.unwrap();
    // No timer of the runtime has moved: it stood still with the machine.
    clock.advance(2 * HOUR);
    let new = headers(64, &tokens).await;
    assert!(new.iter().all(|header| *header == new[0] && *header != old.to_str().unwrap()));
    assert_eq!(server.count(Endpoint::Token), 2);
}

/// case 68
#[tokio::test]
async fn a_token_that_came_before_the_suspend_and_arrived_after_it_serves_who_waited_and_nobody_else() {
    let (server, tokens, clock) = service().await;
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(100)), Times::Once);
    let waiting = tokio::spawn({
        let tokens = tokens.clone();
        async move { headers(64, &tokens).await }
    });
    while server.count(Endpoint::Token) == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(2 * HOUR);
    let expired = waiting.await.unwrap();
    assert!(expired.iter().all(|header| *header == expired[0]));

    let new = headers(64, &tokens).await;
    assert!(new.iter().all(|header| *header == new[0] && *header != expired[0]));
    assert_eq!(server.count(Endpoint::Token), 2);
}

/// case 68
#[tokio::test]
async fn the_pause_after_a_failure_is_over_after_a_suspend() {
    let (server, tokens, clock) = service().await;
    let busy = Fault::oauth_error(429, "rate_limit_exceeded").with_header("Retry-After", "500");
    server.inject(Endpoint::Token, busy, Times::Once);
    assert!(tokens.header().await.is_err());
    assert!(tokens.header().await.is_err());
    clock.advance(2 * HOUR);
    headers(64, &tokens).await;
    assert_eq!(server.count(Endpoint::Token), 2);
}

/// An answer of the token endpoint with these claims, sent at this moment by the server's clock.
fn granted(claims: &serde_json::Value, date: &str) -> Fault {
    let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let token = format!("{}.{}.c2lnbmF0dXJl", part(&json!({"alg": "HS256"})), part(claims));
    Fault::json(200, &json!({"access_token": token, "token_type": "Bearer", "expires_in": HOUR}))
        .with_header("Date", date)
}

/// case 69
#[tokio::test]
async fn neither_the_dates_in_a_token_nor_the_servers_own_date_change_how_long_it_is_used() {
    // By this machine's clock they expired long ago, or never will.
    for (exp, date) in [(1_000_000_000, "Sun, 09 Sep 2001 00:46:40 GMT"), (9_000_000_000_u64, "gone wrong")] {
        let (server, tokens, clock) = service().await;
        let claims = json!({"iat": exp - HOUR, "nbf": exp - HOUR, "exp": exp});
        server.inject(Endpoint::Token, granted(&claims, date), Times::Always);
        let token = tokens.token().await.unwrap();
        assert_eq!(token.freshness(clock.now(), Duration::ZERO), Freshness::Fresh(Duration::from_secs(HOUR)));
        clock.advance(HOUR - 31);
        headers(64, &tokens).await;
        assert_eq!(server.count(Endpoint::Token), 1);
        clock.advance(31);
        headers(64, &tokens).await;
        assert_eq!(server.count(Endpoint::Token), 2);
    }
}

/// case 69
#[tokio::test]
async fn the_life_of_a_token_begins_before_it_is_asked_for() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    pause();
    let clock = TokioClock::start();
    let tokens = TokenSource::builder(client.with_clock(clock.clone())).build();
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_secs(20)), Times::Once);
    let token = tokens.token().await.unwrap();
    let Freshness::Fresh(left) = token.freshness(clock.now(), Duration::ZERO) else { panic!("it is fresh") };
    assert!(left + Duration::from_secs(20) <= token.lifetime.unwrap(), "{left:?}");
}

/// case 69
#[tokio::test]
async fn tokens_that_are_old_when_they_arrive_serve_who_waited_one_request_at_a_time() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    pause();
    let tokens = TokenSource::builder(client).build();
    server.change(|settings| settings.access_token_lifetime = Duration::from_secs(10));
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_secs(15)), Times::Always);
    for round in 1..=3 {
        let got = headers(64, &tokens).await;
        assert!(got.iter().all(|header| *header == got[0]));
        assert_eq!(server.count(Endpoint::Token), round);
    }
}

/// case 72
#[tokio::test]
async fn wherever_a_panic_strikes_the_next_caller_gets_a_token() {
    let (mut died, mut survived) = (0, 0);
    for reads in 0.. {
        let (_server, tokens, clock) = service().await;
        clock.panic_after(reads);
        let struck = tokens.clone();
        match tokio::spawn(async move { struck.header().await }).await {
            Ok(outcome) => {
                outcome.unwrap();
                survived += 1;
            }
            // It struck in the caller's own task.
            Err(_) => died += 1,
        }
        if !clock.has_panicked() {
            break;
        }
        headers(8, &tokens).await;
    }
    assert!(died > 0 && survived > 1, "{died} callers died, {survived} did not notice");
}

/// case 72
#[tokio::test]
async fn a_panic_while_others_wait_for_one_answer_starts_another_request_for_all() {
    let (server, clock) = (DevServer::start().await, HandClock::new());
    let discovery = DiscoveryClient::new(server.url(), HttpClient::default()).unwrap();
    let discovery = discovery.with_cache(Duration::from_secs(HOUR), clock.clone());
    clock.panic_after(0);
    let asking = (0..8).map(|_| {
        let discovery = discovery.clone();
        tokio::spawn(async move { discovery.fetch().await })
    });
    for caller in asking.collect::<Vec<_>>() {
        caller.await.unwrap().unwrap();
    }
    assert!(clock.has_panicked());
    assert_eq!(server.count(Endpoint::Discovery), 1, "the first one died before it was sent");
}

/// case 72
#[tokio::test]
async fn a_panic_in_a_renewal_leaves_the_token_there_is_and_the_next_one_comes() {
    // In the call, in what decides whether a renewal is due, in the renewal, and in the next call.
    for reads in 0..5 {
        let (_server, tokens, clock) = service().await;
        let old = tokens.header().await.unwrap();
        clock.advance(HOUR - 5);
        clock.panic_after(reads);
        let mut calls = 0;
        loop {
            let tokens = tokens.clone();
            match tokio::spawn(async move { tokens.header().await }).await {
                Ok(header) if header.as_ref().unwrap() != old => break,
                Ok(_) | Err(_) => calls += 1,
            }
            assert!(calls < 10_000, "it is never renewed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(clock.has_panicked(), "{reads}");
    }
}
