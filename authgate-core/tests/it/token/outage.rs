//! A server that is away for longer than a token lives, and 64 callers who ask all the time.

use std::time::Duration;

use crate::support::{TokioClock, confidential_client};
use authgate_core::{BearerAuth, DiscoveryClient, Error, HttpClient, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::time::{Instant, advance, pause, sleep};
use url::Url;

const CALLERS: usize = 64;
const BETWEEN_CALLS: Duration = Duration::from_millis(500);

/// The server says a second less: its tokens live for 59 s here, and are renewed 10 to 20 s before
/// they expire.
const LIFETIME: Duration = Duration::from_secs(60);
const WHILE_IT_LIVES: Duration = Duration::from_secs(58);
const AND_THEN_EXPIRES: Duration = Duration::from_secs(2);

/// What a failing server meets, by the policy: one attempt each 1, 2, 4, 8 and 16 s while the token
/// lives; afterwards 3 attempts for all callers together, and as many again each half minute.
const RENEWALS: usize = 5;
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_secs(30);

/// Longer than the longest pause and the request that may be under way.
const UNTIL_IT_HEALS: Duration = Duration::from_secs(65);

/// What callers saw who asked all the time.
#[derive(Debug, Default)]
struct Seen {
    answers: usize,
    errors: Vec<Error>,
    longest_wait: Duration,
    /// Whether there was an error after an answer.
    relapsed: bool,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.errors.extend(other.errors);
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.relapsed |= other.relapsed;
    }
}

/// Asks from all callers' tasks for this long.
async fn ask_for<T, F>(duration: Duration, ask: impl Fn() -> F + Clone + Send + 'static) -> Seen
where
    F: Future<Output = Result<T, Error>> + Send,
{
    let end = Instant::now() + duration;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let ask = ask.clone();
            tokio::spawn(async move {
                let mut seen = Seen::default();
                while Instant::now() < end {
                    let begun = Instant::now();
                    match ask().await {
                        Ok(_) => seen.answers += 1,
                        Err(error) => {
                            seen.relapsed |= seen.answers > 0;
                            seen.errors.push(error);
                        }
                    }
                    seen.longest_wait = seen.longest_wait.max(begun.elapsed());
                    sleep(BETWEEN_CALLS).await;
                }
                seen
            })
        })
        .collect();
    let mut seen = Seen::default();
    for caller in callers {
        seen.add(caller.await.unwrap());
    }
    seen
}

/// A server of short-lived tokens, and a source that has one, on paused time.
async fn service() -> (DevServer, TokenSource) {
    let server = DevServer::start_with(|settings| settings.access_token_lifetime = LIFETIME).await;
    let client = confidential_client(&server).await.unwrap();
    pause();
    let tokens = TokenSource::builder(client).build();
    tokens.header().await.unwrap();
    (server, tokens)
}

/// The token endpoint fails in this way for five minutes longer than the token lives. An attempt
/// takes as long as `attempt`.
async fn survive(fault: Fault, attempt: Duration) {
    const BEYOND_EXPIRY: Duration = Duration::from_secs(300);
    let (server, tokens) = service().await;
    let ask = move || {
        let tokens = tokens.clone();
        async move { tokens.header().await }
    };
    server.inject(Endpoint::Token, fault, Times::Always);

    let living = ask_for(WHILE_IT_LIVES, ask.clone()).await;
    assert!(living.errors.is_empty() && living.longest_wait.is_zero(), "{living:?}");
    let renewals = server.count(Endpoint::Token) - 1;
    assert!((1..=RENEWALS).contains(&renewals), "{renewals} renewals");

    let after_expiry = ask_for(BEYOND_EXPIRY, ask.clone()).await;
    // Who is there when the token expires may wait for the renewal that is under way, too.
    let longest = 2 * attempt.max(Duration::from_secs(10));
    assert!(after_expiry.longest_wait <= longest, "{:?}", after_expiry.longest_wait);
    // What is left of the token's life is all that anybody gets.
    assert!(after_expiry.answers <= 5 * CALLERS, "{}", after_expiry.answers);
    assert!(after_expiry.errors.iter().all(Error::is_transient));
    let requests = server.count(Endpoint::Token) - 1 - renewals;
    // The pauses may not have grown to half a minute yet: four flights more.
    let flights = usize::try_from(BEYOND_EXPIRY.as_secs() / PAUSE.as_secs()).unwrap() + 4;
    assert!((ATTEMPTS..=ATTEMPTS * flights).contains(&requests), "{requests} requests");

    server.clear_faults();
    let before = server.count(Endpoint::Token);
    let healed = ask_for(UNTIL_IT_HEALS.min(PAUSE + attempt + BETWEEN_CALLS * 2), ask).await;
    assert!(healed.answers > 0 && !healed.relapsed);
    assert_eq!(server.count(Endpoint::Token) - before, 1);
}

const AT_ONCE: Duration = Duration::ZERO;

/// When an answer is given up.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// cases 59, 60, 61
#[tokio::test]
async fn a_token_endpoint_that_is_unavailable() {
    survive(Fault::status(503), AT_ONCE).await;
}

/// cases 59, 60, 61
#[tokio::test]
async fn a_token_endpoint_that_drops_connections() {
    survive(Fault::Drop, AT_ONCE).await;
}

/// cases 59, 60, 61
#[tokio::test]
async fn a_token_endpoint_that_hangs() {
    survive(Fault::Hang, REQUEST_LIMIT).await;
}

/// cases 20, 59, 60, 61
#[tokio::test]
async fn a_token_endpoint_that_sends_headers_and_then_nothing() {
    survive(Fault::HeadersThenSilence, REQUEST_LIMIT).await;
}

/// cases 20, 59, 60, 61
#[tokio::test]
async fn a_token_endpoint_that_drips() {
    survive(Fault::Drip { every: Duration::from_secs(1), bytes: 1 }, REQUEST_LIMIT).await;
}

/// cases 35, 59, 60, 61
#[tokio::test]
async fn a_server_that_is_gone_for_a_minute_and_started_again() {
    let (server, tokens) = service().await;
    let port = server.address().port();
    let ask = move || {
        let tokens = tokens.clone();
        async move { tokens.header().await }
    };
    server.stop().await;
    let living = ask_for(WHILE_IT_LIVES, ask.clone()).await;
    assert!(living.errors.is_empty() && living.longest_wait.is_zero(), "{living:?}");
    advance(AND_THEN_EXPIRES).await;
    let gone = ask_for(LIFETIME, ask.clone()).await;
    assert!(gone.answers == 0 && gone.errors.iter().all(Error::is_transient));
    // The second of two attempts follows within half a second.
    assert!(gone.longest_wait <= Duration::from_secs(1), "{:?}", gone.longest_wait);

    let server = DevServer::builder().port(port).start().await.unwrap();
    let healed = ask_for(PAUSE + BETWEEN_CALLS, ask).await;
    assert!(healed.answers > 0 && !healed.relapsed);
    assert_eq!(server.count(Endpoint::Token), 1);
}

/// cases 59, 60, 61
#[tokio::test]
async fn calls_to_an_api_go_on_until_the_token_expires_and_again_when_there_is_another() {
    let (server, tokens) = service().await;
    let bearer = BearerAuth::new(tokens);
    let user_info: Url = format!("{}/oauth/userinfo", server.url()).parse().unwrap();
    let ask = move || {
        let (bearer, user_info) = (bearer.clone(), user_info.clone());
        async move { bearer.get(user_info).await.map(|response| assert_eq!(response.status(), 200)) }
    };
    server.inject(Endpoint::Token, Fault::status(503), Times::Always);
    assert!(ask_for(WHILE_IT_LIVES, ask.clone()).await.errors.is_empty());

    advance(AND_THEN_EXPIRES).await;
    let called = server.count(Endpoint::UserInfo);
    let without_token = ask_for(LIFETIME, ask.clone()).await;
    assert_eq!(without_token.answers, 0);
    assert!(without_token.errors.iter().all(|error| error.to_string().contains("client credentials grant")));
    assert_eq!(server.count(Endpoint::UserInfo), called, "no call is sent without a token");

    server.clear_faults();
    let healed = ask_for(PAUSE, ask).await;
    assert!(healed.answers > 0 && !healed.relapsed);
}

/// cases 61, 64
#[tokio::test]
async fn an_api_that_refuses_the_token_while_there_is_no_other_keeps_answering() {
    let (server, tokens) = service().await;
    let bearer = BearerAuth::new(tokens);
    let api: Url = format!("{}/api/things", server.url()).parse().unwrap();
    server.inject(Endpoint::Token, Fault::status(503), Times::Always);
    server.inject(Endpoint::Api, Fault::oauth_error(401, "invalid_token"), Times::Always);
    let seen = ask_for(LIFETIME / 2, move || {
        let (bearer, api) = (bearer.clone(), api.clone());
        async move { bearer.get(api).await.map(|response| assert_eq!(response.status(), 401)) }
    })
    .await;
    assert!(seen.errors.is_empty() && seen.longest_wait < Duration::from_secs(10), "{seen:?}");
    // Pauses of 1, 2, 4, 8 and 16 s between the flights.
    let requests = server.count(Endpoint::Token) - 1;
    assert!((ATTEMPTS..=ATTEMPTS * RENEWALS).contains(&requests), "{requests} requests");
}

/// case 61
#[tokio::test]
async fn an_api_that_hangs_costs_its_callers_half_a_minute_and_no_token() {
    let (server, tokens) = service().await;
    let bearer = BearerAuth::new(tokens);
    server.inject(Endpoint::Api, Fault::Hang, Times::Always);
    let api: Url = format!("{}/api/things", server.url()).parse().unwrap();
    let seen = ask_for(BETWEEN_CALLS, move || {
        let (bearer, api) = (bearer.clone(), api.clone());
        async move { bearer.get(api).await }
    })
    .await;
    assert!(seen.longest_wait <= REQUEST_LIMIT + BETWEEN_CALLS && seen.errors.len() == CALLERS, "{seen:?}");
    assert_eq!((server.count(Endpoint::Token), server.count(Endpoint::Api)), (1, CALLERS));
}

/// cases 57, 61
#[tokio::test(start_paused = true)]
async fn discovery_is_known_for_its_time_and_afterwards_asked_for_once_for_all_callers() {
    for (fault, attempt) in [(Fault::status(503), AT_ONCE), (Fault::Drop, AT_ONCE), (Fault::Hang, REQUEST_LIMIT)] {
        let server = DevServer::start().await;
        let discovery = DiscoveryClient::new(server.url(), HttpClient::default()).unwrap();
        let discovery = discovery.with_cache(LIFETIME, TokioClock::start());
        let ask = move || {
            let discovery = discovery.clone();
            async move { discovery.fetch().await }
        };
        ask().await.unwrap();
        server.inject(Endpoint::Discovery, fault, Times::Always);
        let living = ask_for(WHILE_IT_LIVES, ask.clone()).await;
        assert!(living.errors.is_empty() && living.longest_wait.is_zero(), "{living:?}");
        assert_eq!(server.count(Endpoint::Discovery), 1);

        // A failure is not kept, so whoever asks next asks the server; those who ask meanwhile share.
        advance(AND_THEN_EXPIRES).await;
        let away = ask_for(BETWEEN_CALLS, ask.clone()).await;
        assert_eq!((away.answers, away.errors.len()), (0, CALLERS));
        assert!(away.longest_wait <= attempt + Duration::from_secs(10), "{:?}", away.longest_wait);
        assert!(server.count(Endpoint::Discovery) - 1 <= ATTEMPTS);

        server.clear_faults();
        let before = server.count(Endpoint::Discovery);
        let healed = ask_for(LIFETIME / 2, ask).await;
        assert!(healed.errors.is_empty());
        assert_eq!(server.count(Endpoint::Discovery) - before, 1);
    }
}
