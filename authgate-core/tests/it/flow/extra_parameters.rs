//! Parameters that a program adds, such as Auth0's `audience` and the `resource` of RFC 8707.

use authgate_core::{OAuthClient, TokenSource};
use authgate_dev_server::{DevServer, Endpoint};
use insta::assert_snapshot;

use crate::support::flow::{begin, client, described, log_in};

const ADDED: [(&str, &str); 3] = [
    ("audience", "https://api.example.com"),
    ("resource", "https://a.example.com"),
    ("resource", "https://b.example.com"),
];

/// Adds the parameters to a client.
fn with_parameters(client: OAuthClient) -> OAuthClient {
    ADDED.iter().fold(client, |client, (name, value)| {
        client.with_parameter(*name, *value)
    })
}

/// Checks that a request has each of the parameters once.
#[track_caller]
fn assert_added<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) {
    let added: Vec<_> = parameters
        .filter(|(name, _)| ["audience", "resource"].contains(name))
        .collect();
    assert_eq!(added, ADDED);
}

#[track_caller]
fn assert_in_each_form(server: &DevServer, endpoint: Endpoint, count: usize) {
    let requests = server.requests_at(endpoint);
    assert_eq!(requests.len(), count);
    for request in requests {
        let form = request.form.iter();
        assert_added(form.map(|(name, value)| (name.as_str(), value.as_str())));
    }
}

#[tokio::test]
async fn a_browser_login_sends_them_in_its_url_and_its_exchange() {
    let server = DevServer::start().await;
    server.set_discovery_member(
        "authorization_endpoint",
        format!("{}/oauth/authorize?audience=theirs&tenant=a", server.url()),
    );
    let client = with_parameters(client(&server, server.public_client()).await);
    let mut begun = begin(&server, &client, &["profile"]).await;
    let pairs: Vec<_> = begun.url.query_pairs().collect();
    assert_added(pairs.iter().map(|(name, value)| (&**name, &**value)));
    assert!(begun.url.as_str().contains("?tenant=a&"), "{}", begun.url);
    log_in(&server, &mut begun).await;
    assert_in_each_form(&server, Endpoint::Token, 1);
}

#[tokio::test]
async fn a_device_login_sends_them_in_each_request_and_each_refresh() {
    let server = DevServer::start_with(|settings| settings.slow_down = false).await;
    let client = with_parameters(client(&server, server.public_client()).await);
    let device = client
        .request_device_code(&["profile".to_owned()])
        .await
        .unwrap();
    client.exchange_device_code(&device).await.unwrap_err();
    assert!(server.approve_device(&device.user_code));
    let token = client.exchange_device_code(&device).await.unwrap();
    client.refresh_token(&token).await.unwrap();
    assert_in_each_form(&server, Endpoint::DeviceAuthorization, 1);
    assert_in_each_form(&server, Endpoint::Token, 3);

    // Nothing else carries them.
    client.revoke(&token.access_token).await.unwrap();
    let revocation = &server.requests_at(Endpoint::Revocation)[0];
    assert_eq!(revocation.parameter("audience"), None);
}

#[tokio::test]
async fn a_service_sends_them_in_each_request() {
    let server = DevServer::start().await;
    let client = client(&server, server.confidential_client()).await;
    let mut builder = TokenSource::builder(client);
    for (name, value) in ADDED {
        builder = builder.parameter(name, value);
    }
    builder.build().token().await.unwrap();
    assert_in_each_form(&server, Endpoint::Token, 1);
}

#[tokio::test]
async fn a_name_that_a_request_sets_itself_is_refused_unsent() {
    let server = DevServer::start().await;
    let device = client(&server, server.public_client())
        .await
        .request_device_code(&[])
        .await
        .unwrap();
    let client = client(&server, server.confidential_client()).await;
    server.forget_requests();
    let mut errors = Vec::new();
    for name in ["", "client_id", "redirect_uri", "refresh_token", "scope"] {
        let client = client.clone().with_parameter(name, "canary");
        let all = [
            client
                .authorize_url("http://127.0.0.1:8088/callback", &[])
                .map(drop),
            client.request_device_code(&[]).await.map(drop),
            client.exchange_device_code(&device).await.map(drop),
            client.client_credentials(&[]).await.map(drop),
        ];
        let mut all: Vec<_> = all
            .into_iter()
            .map(|outcome| described(&outcome.unwrap_err()))
            .collect();
        all.dedup();
        errors.extend(all);
    }
    assert_eq!(server.requests().len(), 0);
    assert_snapshot!(errors.join("\n"), @"
    Other: a parameter has no name
    Other: the parameter client_id is set by the request itself, so it cannot be added
    Other: the parameter redirect_uri is set by the request itself, so it cannot be added
    Other: the parameter refresh_token is set by the request itself, so it cannot be added
    Other: the parameter scope is set by the request itself, so it cannot be added
    ");
}
