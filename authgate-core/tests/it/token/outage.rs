//! A server that is down for longer than a token's lifetime, and callers that ask all the time.

use std::time::Duration;

use authgate_core::{BearerAuth, DiscoveryClient, Error, HttpClient, Result, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::Port;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, pause, resume, sleep};
use url::Url;

use crate::support::TokioClock;
use crate::support::service::{MINUTE, Service, header};

const CALLERS: usize = 64;
/// Each call is a request, so there are fewer callers.
const API_CALLERS: usize = 8;
const BETWEEN_CALLS: Duration = Duration::from_millis(500);

/// The server reports a second less, so the tokens have a lifetime of 59 s here, and are refreshed
/// 10 to 20 s before they expire.
const LIFETIME: Duration = MINUTE;
const WHILE_VALID: Duration = Duration::from_secs(58);
const PAST_EXPIRY: Duration = Duration::from_secs(2);

/// The requests that a failing server gets. While the token is valid, one attempt after pauses of
/// 1, 2, 4, 8 and 16 s; afterwards, 3 attempts for all callers together, repeated every half
/// minute.
const REFRESHES: usize = 5;
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_secs(30);

/// The duration of an attempt: it fails at once, or is abandoned at the limit.
const AT_ONCE: Duration = Duration::ZERO;
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// The outcomes of callers that asked all the time.
#[derive(Debug, Default)]
struct Outcomes {
    answers: usize,
    errors: Vec<Error>,
    longest_wait: Duration,
    /// Whether there was an error after an answer.
    failed_after_answer: bool,
}

impl Outcomes {
    fn add(mut self, other: Self) -> Self {
        self.answers += other.answers;
        self.errors.extend(other.errors);
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.failed_after_answer |= other.failed_after_answer;
        self
    }

    /// Checks that every caller got an answer without a wait.
    #[track_caller]
    fn assert_undisturbed(&self) {
        assert!(
            self.errors.is_empty() && self.longest_wait.is_zero(),
            "{self:?}"
        );
    }

    /// Checks that the server answered again, and that no later call failed.
    #[track_caller]
    fn assert_healed(&self) {
        assert!(self.answers > 0 && !self.failed_after_answer, "{self:?}");
    }
}

/// Asks this source for this long, from the tasks of this many callers.
async fn ask_for<S, T, F>(
    callers: usize,
    duration: Duration,
    source: &S,
    ask: fn(S) -> F,
) -> Outcomes
where
    S: Clone + Send + 'static,
    T: 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let end = Instant::now() + duration;
    let callers = (0..callers).map(|_| {
        let source = source.clone();
        async move {
            let mut outcomes = Outcomes::default();
            while Instant::now() < end {
                let begun = Instant::now();
                match ask(source.clone()).await {
                    Ok(_) => outcomes.answers += 1,
                    Err(error) => {
                        outcomes.failed_after_answer |= outcomes.answers > 0;
                        outcomes.errors.push(error);
                    }
                }
                outcomes.longest_wait = outcomes.longest_wait.max(begun.elapsed());
                sleep(BETWEEN_CALLS).await;
            }
            outcomes
        }
    });
    callers
        .collect::<JoinSet<_>>()
        .join_all()
        .await
        .into_iter()
        .fold(Outcomes::default(), Outcomes::add)
}

/// Calls an API and returns the status.
async fn call((bearer, url): (BearerAuth, Url)) -> Result<u16> {
    let call = bearer.get(url).timeout(REQUEST_LIMIT);
    Ok(call.send().await?.status().as_u16())
}

/// Starts a server of short-lived tokens at this port, and a source that has one, on paused time.
async fn service_at(port: u16) -> (DevServer, TokenSource) {
    let server = DevServer::builder()
        .port(port)
        .settings(|settings| settings.access_token_lifetime = LIFETIME);
    let Service { server, tokens, .. } = Service::at(server.start().await.unwrap()).await;
    pause();
    tokens.header().await.unwrap();
    server.forget_requests();
    (server, tokens)
}

async fn service() -> (DevServer, TokenSource) {
    service_at(0).await
}

/// Starts a server of short-lived tokens, and returns a caller that has one and calls this path.
async fn api(path: &str) -> (DevServer, (BearerAuth, Url)) {
    let (server, tokens) = service().await;
    let url = format!("{}{path}", server.url()).parse().unwrap();
    (server, (BearerAuth::new(tokens), url))
}

/// The token endpoint fails in each of these ways until five minutes after the token has expired.
/// The table gives the duration of an attempt.
#[tokio::test]
async fn an_outage_of_any_kind_is_survived() {
    const BEYOND_EXPIRY: Duration = Duration::from_secs(300);
    for (fault, attempt) in [
        (Fault::status(503), AT_ONCE),
        (Fault::Drop, AT_ONCE),
        (Fault::Hang, REQUEST_LIMIT),
        (Fault::HeadersThenSilence, REQUEST_LIMIT),
        (
            Fault::Drip {
                every: Duration::from_secs(1),
                bytes: 1,
            },
            REQUEST_LIMIT,
        ),
    ] {
        let (server, tokens) = service().await;
        server.inject(Endpoint::Token, fault, Times::Always);

        ask_for(CALLERS, WHILE_VALID, &tokens, header)
            .await
            .assert_undisturbed();
        let refreshes = server.count(Endpoint::Token);
        let fewest = if attempt.is_zero() { 3 } else { 1 };
        assert!(
            (fewest..=REFRESHES).contains(&refreshes),
            "{refreshes} refreshes"
        );

        let after_expiry = ask_for(CALLERS, BEYOND_EXPIRY, &tokens, header).await;
        // Callers that ask when the token expires may also wait for the refresh in progress.
        let longest = 2 * attempt.max(Duration::from_secs(10));
        assert!(
            after_expiry.longest_wait <= longest,
            "{:?}",
            after_expiry.longest_wait
        );
        // Callers get answers only until the token expires.
        assert!(
            after_expiry.answers <= 5 * CALLERS,
            "{}",
            after_expiry.answers
        );
        assert!(after_expiry.errors.iter().all(Error::is_transient));
        let requests = server.count(Endpoint::Token) - refreshes;
        // The pauses may not have grown to half a minute yet, so allow four more flights.
        let flights = usize::try_from(BEYOND_EXPIRY.as_secs() / PAUSE.as_secs()).unwrap() + 4;
        assert!(
            (ATTEMPTS..=ATTEMPTS * flights).contains(&requests),
            "{requests} requests"
        );

        server.clear_faults();
        server.forget_requests();
        ask_for(
            CALLERS,
            PAUSE + attempt + BETWEEN_CALLS * 2,
            &tokens,
            header,
        )
        .await
        .assert_healed();
        server.assert_requests([Endpoint::Token]);
        resume();
    }
}

#[tokio::test]
async fn a_restart_of_the_server_is_survived() {
    let port = Port::free();
    let (server, tokens) = service_at(port.number()).await;
    server.stop().await;
    ask_for(CALLERS, WHILE_VALID, &tokens, header)
        .await
        .assert_undisturbed();
    advance(PAST_EXPIRY).await;
    let gone = ask_for(CALLERS, LIFETIME, &tokens, header).await;
    assert!(gone.answers == 0 && gone.errors.iter().all(Error::is_transient));
    // The second of two attempts follows within half a second.
    assert!(
        gone.longest_wait <= Duration::from_secs(1),
        "{:?}",
        gone.longest_wait
    );

    let server = DevServer::builder()
        .port(port.number())
        .start()
        .await
        .unwrap();
    ask_for(CALLERS, PAUSE + BETWEEN_CALLS, &tokens, header)
        .await
        .assert_healed();
    server.assert_requests([Endpoint::Token]);
}

#[tokio::test]
async fn calls_go_on_while_there_is_a_token() {
    let (server, api) = api("/oauth/userinfo").await;
    server.inject(Endpoint::Token, Fault::status(503), Times::Always);
    assert!(
        ask_for(API_CALLERS, WHILE_VALID, &api, call)
            .await
            .errors
            .is_empty()
    );
    let calls = server.count(Endpoint::UserInfo);

    advance(PAST_EXPIRY).await;
    let without_token = ask_for(API_CALLERS, LIFETIME, &api, call).await;
    assert_eq!(without_token.answers, 0);
    assert!(
        without_token
            .errors
            .iter()
            .all(|error| error.to_string().contains("client credentials grant"))
    );
    assert_eq!(
        server.count(Endpoint::UserInfo),
        calls,
        "no call is sent without a token"
    );

    server.clear_faults();
    ask_for(API_CALLERS, PAUSE, &api, call)
        .await
        .assert_healed();
    assert!(
        server
            .requests_at(Endpoint::UserInfo)
            .iter()
            .all(|call| call.status == Some(200))
    );
}

#[tokio::test]
async fn a_refusing_api_keeps_answering_while_there_is_no_other_token() {
    let (server, api) = api("/api/things").await;
    server.inject(Endpoint::Token, Fault::status(503), Times::Always);
    server.inject(
        Endpoint::Api,
        Fault::oauth_error(401, "invalid_token"),
        Times::Always,
    );
    let outcomes = ask_for(API_CALLERS, LIFETIME / 2, &api, call).await;
    assert!(
        outcomes.errors.is_empty() && outcomes.longest_wait < Duration::from_secs(10),
        "{outcomes:?}"
    );
    assert!(
        server
            .requests_at(Endpoint::Api)
            .iter()
            .all(|call| call.status == Some(401))
    );
    // Pauses of 1, 2, 4, 8 and 16 s between the flights.
    let requests = server.count(Endpoint::Token);
    assert!(
        (ATTEMPTS..=ATTEMPTS * REFRESHES).contains(&requests),
        "{requests} requests"
    );
}

#[tokio::test]
async fn a_hanging_api_costs_its_callers_half_a_minute_and_no_token() {
    let (server, api) = api("/api/things").await;
    server.inject(Endpoint::Api, Fault::Hang, Times::Always);
    let outcomes = ask_for(CALLERS, BETWEEN_CALLS, &api, call).await;
    assert!(
        outcomes.longest_wait <= REQUEST_LIMIT + BETWEEN_CALLS && outcomes.errors.len() == CALLERS,
        "{outcomes:?}"
    );
    server.assert_requests([Endpoint::Api; CALLERS]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_discovery_is_asked_for_once_for_all_callers() {
    for (fault, attempt) in [
        (Fault::status(503), AT_ONCE),
        (Fault::Drop, AT_ONCE),
        (Fault::Hang, REQUEST_LIMIT),
    ] {
        let server = DevServer::start().await;
        let discovery = DiscoveryClient::new(server.url(), HttpClient::default()).unwrap();
        let discovery = discovery.with_cache(LIFETIME, TokioClock::start());
        let ask_for = |duration| {
            ask_for(CALLERS, duration, &discovery, |discovery| async move {
                discovery.fetch().await
            })
        };
        discovery.fetch().await.unwrap();
        server.inject(Endpoint::Discovery, fault, Times::Always);
        ask_for(WHILE_VALID).await.assert_undisturbed();
        server.assert_requests([Endpoint::Discovery]);

        // A failure is not cached, so the next caller sends a request, which concurrent callers
        // share.
        advance(PAST_EXPIRY).await;
        server.forget_requests();
        let away = ask_for(BETWEEN_CALLS).await;
        assert_eq!((away.answers, away.errors.len()), (0, CALLERS));
        assert!(
            away.longest_wait <= attempt + Duration::from_secs(10),
            "{:?}",
            away.longest_wait
        );
        assert!(server.count(Endpoint::Discovery) <= ATTEMPTS);

        server.clear_faults();
        server.forget_requests();
        assert!(ask_for(LIFETIME / 2).await.errors.is_empty());
        server.assert_requests([Endpoint::Discovery]);
    }
}
