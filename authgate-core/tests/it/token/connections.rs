//! Calls whose connection the server closes, or which another runtime has opened.

use std::time::Duration;

use authgate_core::{
    BearerAuth, DiscoveryClient, Error, HttpClient, OAuthClient, Secret, TokenSource,
};
use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::{ClosingServer, LIMIT};
use reqwest::{Body, Method, Request};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::support::service::Service;

struct Api {
    server: ClosingServer,
    url: String,
    bearer: BearerAuth,
    _service: Service,
}

impl Api {
    /// Starts an API that answers this many requests on each connection. Its caller has a token.
    async fn answering(requests: usize) -> Self {
        let (service, server) = (Service::start().await, ClosingServer::start(requests).await);
        service.header().await.unwrap();
        Self {
            url: format!("{}/things", server.url()),
            bearer: BearerAuth::new(service.tokens.clone()),
            server,
            _service: service,
        }
    }

    async fn call(&self, method: Method) -> Result<u16, Error> {
        let request = self.bearer.request(method, &self.url);
        Ok(request.send().await?.status().as_u16())
    }
}

#[tokio::test]
async fn an_idempotent_call_on_a_closed_connection_is_sent_again_on_a_new_one() {
    let api = Api::answering(1).await;
    assert_eq!(api.call(Method::GET).await.unwrap(), 200);
    api.server.take_requests();
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        assert_eq!(api.call(method.clone()).await.unwrap(), 200);
        assert_eq!(
            api.server.take_requests(),
            [format!("{method} /things"), format!("{method} /things")]
        );
        // The repetition has left no connection in the pool, so this call opens one.
        assert_eq!(api.call(Method::GET).await.unwrap(), 200);
        api.server.take_requests();
    }
}

#[tokio::test]
async fn a_call_that_must_not_be_sent_twice_is_sent_once() {
    let api = Api::answering(1).await;
    let mut streamed = Request::new(Method::PUT, api.url.parse().unwrap());
    let once = http_body_util::Full::new(bytes::Bytes::from_static(b"once"));
    *streamed.body_mut() = Some(Body::wrap(once));

    api.call(Method::GET).await.unwrap();
    let streamed = api.bearer.execute(streamed).await.map(|_| 200);
    api.call(Method::GET).await.unwrap();
    let posted = api.call(Method::POST).await;
    for outcome in [streamed, posted] {
        assert!(
            matches!(outcome, Err(Error::Transport { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(
        api.server.take_requests(),
        ["GET /things", "PUT /things", "GET /things", "POST /things"]
    );
}

#[tokio::test]
async fn a_call_that_fails_on_a_new_connection_is_sent_once() {
    let api = Api::answering(0).await;
    let outcome = api.call(Method::GET).await;
    assert!(
        matches!(outcome, Err(Error::Transport { .. })),
        "{outcome:?}"
    );
    assert_eq!(api.server.take_requests(), ["GET /things"]);
}

#[tokio::test]
async fn the_callers_limit_includes_the_repetition() {
    let service = Service::start().await;
    let url = format!("{}/api/things", service.server.url());
    let api = BearerAuth::new(service.tokens.clone());
    api.get(&url).send().await.unwrap();
    let inject = |fault| service.server.inject(Endpoint::Api, fault, Times::Once);
    inject(Fault::Drop);
    inject(Fault::Hang);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let limited = api.get(&url).timeout(Duration::from_secs(5));
    assert!(limited.send().await.is_err());
    assert!(begun.elapsed() <= Duration::from_secs(6));
}

#[tokio::test]
async fn a_refresh_token_is_not_risked_on_a_connection_that_may_be_closed() {
    let server = ClosingServer::start(2).await;
    let http = HttpClient::default();
    let discovery = DiscoveryClient::new(&server.url(), http.clone()).unwrap();
    let endpoints = discovery.fetch().await.unwrap().to_endpoints();
    let client = OAuthClient::new("app", endpoints, http).with_secret(Secret::from("secret"));
    let token = client.client_credentials(&[]).await.unwrap();
    client.refresh_token(&token).await.unwrap();
    assert_eq!(
        server.take_requests(),
        [
            "GET /.well-known/openid-configuration",
            "POST /token",
            "POST /token"
        ]
    );
}

#[tokio::test]
async fn an_answer_that_arrives_while_the_program_is_stopped_is_not_lost() {
    let service = Service::start().await;
    let held = service.server.hold(Endpoint::Token);
    let client = service.client.clone();
    let grant = tokio::spawn(async move { client.client_credentials(&[]).await });
    held.arrived().await;
    held.release();
    // The time passes while no task runs, as after Ctrl-Z or on a runtime that nobody drives.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    grant.await.unwrap().unwrap();
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn runtimes_in_turn_have_connections_of_their_own() {
    let servers = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let service = servers.block_on(Service::start());
    let url = format!("{}/api/things", service.server.url());
    let registered = service.server.confidential_client();
    let endpoints = service.client.endpoints().clone();
    let client = OAuthClient::new(&registered.id, endpoints, HttpClient::default())
        .with_secret(registered.secret.as_deref().map(Secret::from));
    let api = BearerAuth::new(TokenSource::builder(client).build());
    let connections = service.server.connections();
    let [first, second] = [runtime(), runtime()];
    for _ in 0..3 {
        for runtime in [&first, &second] {
            runtime.block_on(async {
                let answer = timeout(LIMIT / 2, api.get(&url).send()).await;
                assert_eq!(answer.unwrap().unwrap().status(), 200);
            });
        }
    }
    assert_eq!(service.server.connections(), connections + 2);

    // A runtime that ends does not take a call of another one along.
    let hold = service.server.hold(Endpoint::Api);
    second.block_on(async {
        let call = tokio::spawn(async move { api.get(&url).send().await });
        hold.arrived().await;
        first.shutdown_background();
        hold.release();
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    });
}
