//! Calls to an API with a token attached.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use authgate_core::{BearerAuth, Body, BodyEnd, Error, PlainHttp, TokenSource, read_body};
use authgate_dev_server::{DevServer, Endpoint, Fault, RecordedRequest, Times};
use authgate_test_support::Port;
use reqwest::{Method, Request};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, pause};
use url::Url;

use crate::support::lines;
use crate::support::service::Service;

struct Api {
    server: DevServer,
    tokens: TokenSource,
    bearer: BearerAuth,
    url: Url,
}

impl Api {
    async fn start() -> Self {
        let Service { server, tokens, .. } = Service::start().await;
        let url = format!("{}/api/things?page=1", server.url())
            .parse()
            .unwrap();
        Self {
            server,
            bearer: BearerAuth::new(tokens.clone()),
            tokens,
            url,
        }
    }

    /// Starts an API whose caller already has a token.
    async fn with_token() -> Self {
        let api = Self::start().await;
        assert_eq!(api.status().await, 200);
        api.server.forget_requests();
        api
    }

    async fn status(&self) -> u16 {
        status(self.bearer.clone(), self.url.clone()).await
    }

    /// Reads the body of an answer with this fault.
    async fn body(&self, fault: Fault, limit: usize) -> Body {
        self.server.inject(Endpoint::Api, fault, Times::Once);
        read_body(self.bearer.get(&self.url).send().await.unwrap(), limit).await
    }

    fn last(&self) -> RecordedRequest {
        self.server.requests_at(Endpoint::Api).pop().unwrap()
    }

    fn refuse(&self, times: Times) {
        self.server.inject(
            Endpoint::Api,
            Fault::oauth_error(401, "invalid_token"),
            times,
        );
    }
}

async fn status(bearer: BearerAuth, url: Url) -> u16 {
    bearer.get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_request_carries_the_token_and_what_it_was_given() {
    let api = Api::start().await;
    let request = api
        .bearer
        .request(Method::PUT, &api.url)
        .query([("sort", "by name")])
        .header("Accept", "text/csv");
    request
        .header("Authorization", "Bearer canary")
        .body("a,b")
        .send()
        .await
        .unwrap();
    let request = api.last();
    assert_eq!(
        (request.method.as_str(), &*request.body),
        ("PUT", b"a,b".as_slice())
    );
    assert_eq!(
        request.query,
        [("page", "1"), ("sort", "by name")].map(|(name, value)| (name.into(), value.into()))
    );
    assert_eq!(request.header("accept"), Some("text/csv"));
    assert!(
        request
            .header("authorization")
            .unwrap()
            .starts_with("Bearer ey"),
        "the token's place is its own"
    );

    api.bearer
        .post(&api.url)
        .form([("name", "Ada & Co")])
        .send()
        .await
        .unwrap();
    assert_eq!(api.last().parameter("name"), Some("Ada & Co"));
}

#[tokio::test]
async fn a_request_that_cannot_be_built_sends_nothing() {
    let Api {
        server,
        bearer,
        url,
        ..
    } = Api::start().await;
    let unserializable = BTreeMap::from([((1, 2), 3)]);
    let refusals = [
        bearer.get("users").send().await,
        bearer.get(&url).header("a name", "x").send().await,
        bearer
            .get(&url)
            .header("X-Canary", "canary\n")
            .json(&1)
            .send()
            .await,
        bearer.post(&url).json(&unserializable).send().await,
    ];
    insta::assert_snapshot!(lines(refusals.map(Result::unwrap_err)), @"
    the API's URL is refused: relative URL without a base
    the API's request has a header whose name is not valid
    the API's request has a header x-canary whose value is not valid
    the API's request has no JSON body: its value cannot be written as JSON
    ");
    server.assert_requests([]);
}

#[tokio::test]
async fn tokens_and_calls_share_one_connection() {
    let api = Api::start().await;
    api.status().await;
    api.status().await;
    api.server
        .assert_requests([Endpoint::Token, Endpoint::Api, Endpoint::Api]);
    assert_eq!(api.server.connections(), 1);
}

#[tokio::test]
async fn after_a_401_the_call_is_repeated_once_with_a_new_token() {
    let api = Api::with_token().await;
    api.server.revoke_everything();
    assert_eq!(
        api.bearer
            .post(&api.url)
            .json(&json!({"name": "Ada"}))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    api.server
        .assert_requests([Endpoint::Api, Endpoint::Token, Endpoint::Api]);
    for request in api.server.requests_at(Endpoint::Api) {
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(&*request.body, br#"{"name":"Ada"}"#);
    }

    api.server.forget_requests();
    api.refuse(Times::Always);
    assert_eq!(api.status().await, 401, "a second one is the caller's");
    api.server
        .assert_requests([Endpoint::Api, Endpoint::Token, Endpoint::Api]);
}

#[tokio::test]
async fn an_api_that_refuses_new_tokens_costs_one_token() {
    let api = Api::start().await;
    api.refuse(Times::Always);
    assert_eq!(api.status().await, 401);
    api.server.assert_requests([Endpoint::Token, Endpoint::Api]);
    api.server.forget_requests();
    for _ in 0..50 {
        assert_eq!(api.status().await, 401);
    }
    api.server.assert_requests([Endpoint::Api; 50]);
}

#[tokio::test]
async fn a_refused_token_stays_where_there_is_no_other() {
    let api = Api::with_token().await;
    api.server
        .inject(Endpoint::Token, Fault::status(500), Times::Always);
    api.refuse(Times::Once);
    assert_eq!(api.status().await, 401);
    assert_eq!(
        api.status().await,
        200,
        "another API, or another moment, may accept it"
    );
}

#[tokio::test]
async fn calls_that_are_refused_at_once_cause_one_refresh() {
    let api = Api::with_token().await;
    api.server.revoke_everything();
    let calls: JoinSet<_> = (0..20)
        .map(|_| status(api.bearer.clone(), api.url.clone()))
        .collect();
    assert_eq!(calls.join_all().await, [200; 20]);
    assert_eq!(api.server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_call_that_was_refused_late_is_not_repeated_with_a_token_that_is_over() {
    let api = Api::with_token().await;
    let held = api.server.hold(Endpoint::Api);
    let call = tokio::spawn(status(api.bearer.clone(), api.url.clone()));
    held.arrived().await;
    // Meanwhile, another call's token replaces this call's token, and is refused too.
    for _ in 0..2 {
        let token = api.tokens.token().await.unwrap();
        api.tokens.invalidate(&token.access_token);
    }
    api.server.revoke_everything();
    held.release();
    assert_eq!(call.await.unwrap(), 200);
}

#[tokio::test]
async fn the_callers_limit_includes_the_call_after_a_401() {
    let api = Api::with_token().await;
    api.server.revoke_everything();
    for fault in [Fault::Delay(Duration::from_secs(4)), Fault::Hang] {
        api.server.inject(Endpoint::Api, fault, Times::Once);
    }
    pause();
    let begun = Instant::now();
    let limited = api.bearer.get(&api.url).timeout(Duration::from_secs(5));
    assert!(limited.send().await.is_err());
    assert!(begun.elapsed() <= Duration::from_secs(6));
}

#[tokio::test]
async fn a_streamed_body_is_not_sent_twice_but_its_token_is_dropped() {
    let api = Api::with_token().await;
    api.server.revoke_everything();
    let mut request = Request::new(Method::POST, api.url.clone());
    // Like a stream, this body cannot be cloned.
    let once = http_body_util::Full::new(bytes::Bytes::from_static(b"once"));
    *request.body_mut() = Some(reqwest::Body::wrap(once));
    assert_eq!(api.bearer.execute(request).await.unwrap().status(), 401);
    api.server.assert_requests([Endpoint::Api]);
    assert_eq!(api.status().await, 200);
    api.server
        .assert_requests([Endpoint::Api, Endpoint::Token, Endpoint::Api]);
}

#[tokio::test]
async fn statuses_other_than_401_are_the_callers() {
    let api = Api::with_token().await;
    for status in [403, 429, 500, 503] {
        api.server
            .inject(Endpoint::Api, Fault::status(status), Times::Once);
        assert_eq!(api.status().await, status);
    }
    api.server.assert_requests([Endpoint::Api; 4]);
}

#[tokio::test]
async fn a_redirect_does_not_take_the_token_along() {
    let api = Api::start().await;
    let other = DevServer::start().await;
    let location = format!("{}/api/things", other.url());
    api.server.inject(
        Endpoint::Api,
        Fault::Redirect {
            status: 307,
            location,
        },
        Times::Once,
    );
    assert_eq!(api.status().await, 307);
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_refused_url_is_sent_no_token_and_costs_none() {
    let api = Api::start().await;
    for url in [
        "http://api.example/",
        "https://user:canary@api.example/",
        "ftp://api.example/",
    ] {
        let error = api.bearer.get(url).send().await.unwrap_err();
        assert!(
            matches!(error, Error::Other { .. }) && !error.to_string().contains("canary"),
            "{error}"
        );
    }
    api.server.assert_requests([]);

    let allowing = api.bearer.clone().with_plain_http(PlainHttp::Anywhere);
    let error = allowing
        .get("http://api.invalid/")
        .send()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
    assert!(
        error.is_transient()
            && error
                .to_string()
                .contains("cannot reach http://api.invalid/"),
        "{error}"
    );
}

#[tokio::test]
async fn a_lost_connection_keeps_the_body_so_far_and_shows_no_query() {
    let mut api = Api::with_token().await;
    api.url.set_query(Some("access_token=canary"));
    let body = api.body(Fault::Truncated, 1024).await;
    assert!(!body.bytes.is_empty());
    let BodyEnd::Lost(lost) = body.end else {
        panic!("{body:?}")
    };

    let nobody = Port::free();
    api.url.set_port(Some(nobody.number())).unwrap();
    let refused = api.bearer.get(api.url).send().await.unwrap_err();
    for error in [lost, refused] {
        let cause = error.source().unwrap();
        let shown = format!("{error} {error:?} {cause} {cause:?}");
        assert!(
            shown.contains("/api/things") && !shown.contains("canary"),
            "{shown}"
        );
        assert!(
            error.is_transient() && cause.source().is_none(),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    const LIMIT: usize = 1024 * 1024;
    let api = Api::start().await;
    for (fault, is_complete) in [
        (Fault::Endless, false),
        (Fault::Oversized(LIMIT), true),
        (Fault::Oversized(LIMIT + 1), false),
    ] {
        let body = api.body(fault, LIMIT).await;
        assert_eq!(body.bytes.len(), LIMIT);
        let ended = (
            matches!(body.end, BodyEnd::Complete),
            matches!(body.end, BodyEnd::Truncated),
        );
        assert_eq!(ended, (is_complete, !is_complete));
    }
}

#[tokio::test]
async fn nothing_past_the_limit_of_an_announced_length_is_waited_for() {
    let api = Api::with_token().await;
    let whole = api.body(Fault::Truncated, 1024).await.bytes;
    // The server announces more, but closes the connection after these bytes.
    let body = api.body(Fault::Truncated, whole.len()).await;
    assert_eq!(body.bytes, whole);
    assert!(matches!(body.end, BodyEnd::Truncated), "{body:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_take_as_long_as_the_caller_says() {
    const DRIP: Fault = Fault::Drip {
        every: Duration::from_secs(4),
        bytes: 1,
    };
    let api = Api::with_token().await;
    let started = Instant::now();
    let body = api.body(DRIP, 1024).await;
    assert!(matches!(body.end, BodyEnd::Complete), "{body:?}");
    assert!(started.elapsed() > Duration::from_secs(60), "{body:?}");

    let started = Instant::now();
    api.server.inject(Endpoint::Api, DRIP, Times::Once);
    let limited = api.bearer.get(&api.url).timeout(Duration::from_secs(30));
    let body = read_body(limited.send().await.unwrap(), 1024).await;
    assert!(
        matches!(&body.end, BodyEnd::Lost(error) if error.to_string().contains("timed out while waiting for an answer")),
        "{body:?}"
    );
    assert!((7..=9).contains(&body.bytes.len()), "{body:?}");
    assert!(
        started.elapsed() <= Duration::from_secs(31),
        "{:?}",
        started.elapsed()
    );

    api.server.inject(Endpoint::Api, Fault::Hang, Times::Once);
    let error = api
        .bearer
        .get(&api.url)
        .timeout(Duration::from_millis(50))
        .send()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
}
