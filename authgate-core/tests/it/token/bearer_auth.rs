//! Calls to an API with a token attached.

use std::error::Error as _;
use std::time::Duration;

use crate::support::confidential_client;
use authgate_core::http::{BodyEnd, read_body};
use authgate_core::{BearerAuth, Error, PlainHttp, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use reqwest::{Body, Method, Request};
use tokio::time::Instant;
use url::Url;

struct Api {
    server: DevServer,
    bearer: BearerAuth,
}

impl Api {
    async fn start() -> Self {
        let server = DevServer::start().await;
        let client = confidential_client(&server).await.unwrap();
        let bearer = BearerAuth::new(TokenSource::builder(client).build());
        Self { server, bearer }
    }

    fn url(&self) -> Url {
        format!("{}/api/things?page=1", self.server.url()).parse().unwrap()
    }

    async fn status(&self) -> u16 {
        self.bearer.get(self.url()).await.unwrap().status().as_u16()
    }
}

/// case 164
#[tokio::test]
async fn the_token_goes_into_the_header_and_nowhere_else() {
    let api = Api::start().await;
    assert_eq!(api.status().await, 200);
    let request = &api.server.requests_at(Endpoint::Api)[0];
    assert!(request.header("authorization").unwrap().starts_with("Bearer ey"));
    assert_eq!(request.query, [("page".to_owned(), "1".to_owned())]);
}

#[tokio::test]
async fn everything_happens_on_one_connection() {
    let api = Api::start().await;
    api.status().await;
    api.status().await;
    assert_eq!((api.server.requests().len(), api.server.connections()), (4, 1));
}

/// case 64
#[tokio::test]
async fn a_token_that_the_api_refuses_is_renewed_and_the_call_sent_once_more() {
    let api = Api::start().await;
    api.status().await;
    api.server.revoke_everything();
    assert_eq!(api.status().await, 200);
    assert_eq!((api.server.count(Endpoint::Token), api.server.count(Endpoint::Api)), (2, 3));
}

/// case 64
#[tokio::test]
async fn a_second_refusal_is_the_callers() {
    let api = Api::start().await;
    api.status().await;
    api.server.inject(Endpoint::Api, Fault::oauth_error(401, "invalid_token"), Times::Always);
    assert_eq!(api.status().await, 401);
    assert_eq!((api.server.count(Endpoint::Token), api.server.count(Endpoint::Api)), (2, 3));
}

/// case 64
#[tokio::test]
async fn a_refusal_of_a_token_that_was_fetched_for_this_call_is_the_callers() {
    let api = Api::start().await;
    api.server.inject(Endpoint::Api, Fault::oauth_error(401, "invalid_token"), Times::Always);
    assert_eq!(api.status().await, 401);
    assert_eq!((api.server.count(Endpoint::Token), api.server.count(Endpoint::Api)), (1, 1));
}

/// cases 62, 64
#[tokio::test]
async fn an_api_that_refuses_every_token_does_not_use_up_the_token_endpoint() {
    let api = Api::start().await;
    api.server.inject(Endpoint::Api, Fault::oauth_error(401, "invalid_token"), Times::Always);
    for _ in 0..50 {
        assert_eq!(api.status().await, 401);
    }
    assert_eq!((api.server.count(Endpoint::Token), api.server.count(Endpoint::Api)), (1, 50));
}

/// case 64
#[tokio::test]
async fn without_a_new_token_the_refusal_is_the_callers_and_the_old_token_stays() {
    let api = Api::start().await;
    api.status().await;
    api.server.inject(Endpoint::Token, Fault::status(500), Times::Always);
    api.server.inject(Endpoint::Api, Fault::oauth_error(401, "invalid_token"), Times::Once);
    assert_eq!(api.status().await, 401);
    assert_eq!(api.status().await, 200, "another API, or another moment, may accept it");
}

/// case 64
#[tokio::test]
async fn many_refusals_at_once_cause_one_renewal() {
    let api = Api::start().await;
    api.status().await;
    api.server.revoke_everything();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (bearer, url) = (api.bearer.clone(), api.url());
            tokio::spawn(async move { bearer.get(url).await.unwrap().status().as_u16() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(api.server.count(Endpoint::Token), 2);
}

/// case 65
#[tokio::test]
async fn a_body_that_can_be_sent_only_once_is_not_replayed_but_the_token_is_given_up() {
    let api = Api::start().await;
    api.status().await;
    api.server.revoke_everything();
    let mut request = Request::new(Method::POST, api.url());
    *request.body_mut() = Some(once_only());
    assert_eq!(api.bearer.execute(request).await.unwrap().status().as_u16(), 401);
    assert_eq!(api.server.count(Endpoint::Token), 1);
    assert_eq!(api.status().await, 200);
    assert_eq!(api.server.count(Endpoint::Token), 2);
}

/// A body that, like a stream, cannot be cloned.
fn once_only() -> Body {
    Body::wrap(http_body_util::Full::new(bytes::Bytes::from_static(b"once")))
}

/// case 56
#[tokio::test]
async fn a_missing_scope_and_a_failing_api_are_the_callers_without_a_replay() {
    let api = Api::start().await;
    for status in [403, 429, 500, 503] {
        api.server.inject(Endpoint::Api, Fault::status(status), Times::Once);
        assert_eq!(api.status().await, status);
    }
    assert_eq!((api.server.count(Endpoint::Token), api.server.count(Endpoint::Api)), (1, 4));
}

/// case 29
#[tokio::test]
async fn a_redirect_does_not_take_the_token_along() {
    let api = Api::start().await;
    let other = DevServer::start().await;
    let location = format!("{}/api/things", other.url());
    api.server.inject(Endpoint::Api, Fault::Redirect { status: 307, location }, Times::Once);
    assert_eq!(api.status().await, 307);
    assert_eq!(other.connections(), 0);
}

/// case 4
#[tokio::test]
async fn a_url_that_no_token_may_go_to_is_refused_before_a_token_is_fetched() {
    let api = Api::start().await;
    for url in ["http://api.example/", "https://user:canary@api.example/", "ftp://api.example/"] {
        let error = api.bearer.get(url.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::Config(_)) && !error.to_string().contains("canary"), "{error}");
    }
    assert_eq!(api.server.count(Endpoint::Token), 0);

    let allowing = api.bearer.clone().with_plain_http(PlainHttp::Anywhere);
    let error = allowing.get("http://api.invalid/".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
    assert!(error.is_transient() && error.to_string().contains("cannot reach http://api.invalid/"), "{error}");
}

/// cases 35, 156
#[tokio::test]
async fn an_error_of_the_connection_shows_no_query() {
    let api = Api::start().await;
    let mut url = api.url();
    url.set_query(Some("access_token=canary"));
    api.server.inject(Endpoint::Api, Fault::Truncated, Times::Once);
    let body = read_body(api.bearer.get(url.clone()).await.unwrap(), 1024).await;
    let BodyEnd::Lost(lost) = body.end else { panic!("{body:?}") };

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    url.set_port(Some(closed)).unwrap();
    let refused = api.bearer.get(url).await.unwrap_err();
    for error in [lost, refused] {
        let cause = error.source().unwrap();
        let shown = format!("{error} {error:?} {cause} {cause:?}");
        assert!(shown.contains("/api/things") && !shown.contains("canary"), "{shown}");
        assert!(error.is_transient() && cause.source().is_none(), "{error:?}");
    }
}

/// case 74
#[tokio::test]
async fn a_long_body_is_cut_and_not_read_to_its_end() {
    const LIMIT: usize = 1024 * 1024;
    let api = Api::start().await;
    api.server.inject(Endpoint::Api, Fault::Endless, Times::Once);
    let body = read_body(api.bearer.get(api.url()).await.unwrap(), LIMIT).await;
    assert!(matches!(body.end, BodyEnd::Truncated));
    assert_eq!(body.bytes.len(), LIMIT);

    for (length, is_complete) in [(LIMIT, true), (LIMIT + 1, false)] {
        api.server.inject(Endpoint::Api, Fault::Oversized(length), Times::Once);
        let body = read_body(api.bearer.get(api.url()).await.unwrap(), LIMIT).await;
        assert_eq!((body.bytes.len(), matches!(body.end, BodyEnd::Complete)), (LIMIT, is_complete));
    }
}

/// case 74
#[tokio::test]
async fn of_a_body_that_breaks_off_what_came_is_kept() {
    let api = Api::start().await;
    api.server.inject(Endpoint::Api, Fault::Truncated, Times::Once);
    let body = read_body(api.bearer.get(api.url()).await.unwrap(), 1024).await;
    assert!(matches!(body.end, BodyEnd::Lost(_)) && !body.bytes.is_empty());
}

/// case 74
#[tokio::test(start_paused = true)]
async fn of_a_body_that_is_too_slow_what_came_in_time_is_kept() {
    let api = Api::start().await;
    api.status().await;
    api.server.inject(Endpoint::Api, Fault::Drip { every: Duration::from_secs(4), bytes: 1 }, Times::Once);
    let started = Instant::now();
    let body = read_body(api.bearer.get(api.url()).await.unwrap(), 1024).await;
    assert!(matches!(&body.end, BodyEnd::Lost(error) if error.to_string().contains("no answer in time")), "{body:?}");
    assert!((7..=9).contains(&body.bytes.len()), "{body:?}");
    assert!(started.elapsed() <= Duration::from_secs(31), "{:?}", started.elapsed());
}
