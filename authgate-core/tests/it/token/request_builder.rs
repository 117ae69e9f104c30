//! Requests to an API, built step by step.

use std::time::Duration;

use authgate_core::{BearerAuth, Error, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, RecordedRequest, Times};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use crate::support::{confidential_client, lines};

async fn api() -> (DevServer, BearerAuth, String) {
    let server = DevServer::start().await;
    let api = BearerAuth::new(TokenSource::builder(confidential_client(&server).await).build());
    let url = format!("{}/api/users?page=1", server.url());
    (server, api, url)
}

fn last(server: &DevServer) -> RecordedRequest {
    server.requests_at(Endpoint::Api).pop().unwrap()
}

#[tokio::test]
async fn a_request_carries_what_it_was_given() {
    let (server, api, url) = api().await;
    api.request(Method::PUT, &url)
        .query([("sort", "by name")])
        .header("Accept", "text/csv")
        .header("Authorization", "Bearer canary")
        .body("a,b")
        .send()
        .await
        .unwrap();
    let request = last(&server);
    assert_eq!((request.method.as_str(), &*request.body), ("PUT", b"a,b".as_slice()));
    assert_eq!(request.query, [("page", "1"), ("sort", "by name")].map(|(name, value)| (name.into(), value.into())));
    assert_eq!(request.header("accept"), Some("text/csv"));
    assert!(request.header("authorization").unwrap().starts_with("Bearer ey"), "the token's place is its own");

    api.post(&url).form([("name", "Ada & Co")]).send().await.unwrap();
    assert_eq!(last(&server).parameter("name"), Some("Ada & Co"));
}

#[tokio::test]
async fn a_json_body_is_sent_again_after_a_401() {
    let (server, api, url) = api().await;
    api.get(&url).send().await.unwrap();
    server.revoke_everything();
    assert_eq!(api.post(&url).json(&json!({ "name": "Ada" })).send().await.unwrap().status(), 200);
    for request in &server.requests_at(Endpoint::Api)[1..] {
        assert_eq!(
            (request.header("content-type"), &*request.body),
            (Some("application/json"), br#"{"name":"Ada"}"#.as_slice())
        );
    }
    assert_eq!((server.count(Endpoint::Token), server.count(Endpoint::Api)), (2, 3));
}

#[tokio::test]
async fn a_time_limit_ends_a_call() {
    let (server, api, url) = api().await;
    api.get(&url).send().await.unwrap();
    server.inject(Endpoint::Api, Fault::Hang, Times::Once);
    let error = api.get(&url).timeout(Duration::from_millis(50)).send().await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
}

#[tokio::test]
async fn a_request_that_cannot_be_built_sends_nothing() {
    let (server, api, url) = api().await;
    let unserializable = std::collections::BTreeMap::from([((1, 2), 3)]);
    let errors = [
        api.get("users").send().await,
        api.get(&url).header("a name", "x").send().await,
        api.get(&url).header("X-Canary", "canary\n").json(&1).send().await,
        api.post(&url).json(&unserializable).send().await,
    ]
    .map(Result::unwrap_err);
    assert_snapshot!(lines(&errors), @"
    the API's URL is refused: relative URL without a base
    the API's request has a header whose name is not valid
    the API's request has a header x-canary whose value is not valid
    the API's request has no JSON body: key must be a string
    ");
    server.assert_requests([Endpoint::Discovery]);
}
