//! What the client makes of the token endpoint's answers.

use std::time::Duration;

use crate::support::confidential_client;
use authgate_core::reqwest::header::HeaderName;
use authgate_core::{ClientAuthentication, Endpoints, Error, HttpClient, OAuthClient, Secret, Token};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// All that a request may carry; no cookie is among them, nor who runs the program where.
const KNOWN_HEADERS: [&str; 5] = ["accept", "content-length", "content-type", "host", "user-agent"];

/// The outcome of a grant whose answer has this member in place of the server's own.
async fn granted_with(member: &str, value: Value) -> Result<Token, Error> {
    granted_after(Fault::set_member(member, value)).await
}

async fn granted_without(member: &str) -> Result<Token, Error> {
    granted_after(Fault::remove_member(member)).await
}

async fn granted_after(fault: Fault) -> Result<Token, Error> {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    server.inject(Endpoint::Token, fault, Times::Once);
    client.client_credentials(&[], &[]).await
}

#[tokio::test]
async fn a_service_is_granted_a_token_for_the_scopes_it_asks_for() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let scopes = ["profile".to_owned(), "email".to_owned()];
    let token =
        client.client_credentials(&scopes, &[("audience".to_owned(), "https://api.example".to_owned())]).await.unwrap();
    assert_eq!(token.token_type, "Bearer");
    assert_eq!(token.scope.as_deref(), Some("profile email"));
    assert!(token.lifetime.unwrap() > Duration::from_secs(3000) && token.refresh_token.is_none());

    let request = &server.requests_at(Endpoint::Token)[0];
    assert_eq!(request.parameter("grant_type"), Some("client_credentials"));
    assert_eq!(request.parameter("scope"), Some("profile email"));
    assert_eq!(request.parameter("audience"), Some("https://api.example"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert!(request.header("user-agent").unwrap().starts_with("authgate-rust/"));
}

/// cases 39 and 165
#[tokio::test]
async fn a_request_tells_the_programs_name_and_nothing_that_an_answer_left() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let answer = json!({"access_token": "token", "token_type": "Bearer", "expires_in": 60});
    let answer = Fault::json(200, &answer).with_header("Set-Cookie", "session=1; Path=/");
    server.inject(Endpoint::Token, answer, Times::Once);
    for _ in 0..2 {
        client.client_credentials(&[], &[]).await.unwrap();
    }
    for request in server.requests() {
        let headers: Vec<_> = request.headers.keys().map(HeaderName::as_str).collect();
        assert!(headers.iter().all(|name| KNOWN_HEADERS.contains(name)), "{headers:?}");
        assert_eq!(request.header("user-agent"), Some(concat!("authgate-rust/", env!("CARGO_PKG_VERSION"))));
    }
}

/// case 11
#[tokio::test]
async fn any_secret_arrives_to_the_letter_in_the_body() {
    for secret in ["a+b/c%d:e", "päss wörd", "&=;#?", "\"'\\"] {
        let server = DevServer::builder().confidential_client("some:service+1", secret).start().await.unwrap();
        confidential_client(&server).await.unwrap().client_credentials(&[], &[]).await.unwrap();
    }
}

/// case 11
#[tokio::test]
async fn by_basic_any_secret_arrives_in_the_form_encoding() {
    for (secret, encoded) in [("a%b", "a%25b"), ("pä ss", "p%C3%A4+ss"), ("&=;'", "%26%3D%3B%27")] {
        let server = DevServer::builder().confidential_client("some:service", secret).start().await.unwrap();
        let client = confidential_client(&server).await.unwrap();
        let client = client.with_client_authentication(ClientAuthentication::Basic);
        // AuthGate does not decode what it compares.
        let _ = client.client_credentials(&[], &[]).await;
        let _ = client.introspect(&Secret::from("token")).await;
        for endpoint in [Endpoint::Token, Endpoint::Introspection] {
            let request = &server.requests_at(endpoint)[0];
            let credentials = request.header("authorization").unwrap().strip_prefix("Basic ").unwrap();
            let credentials = String::from_utf8(BASE64_STANDARD.decode(credentials).unwrap()).unwrap();
            assert_eq!(credentials, format!("some%3Aservice:{encoded}"), "{endpoint:?}");
        }
    }
}

/// case 11
#[tokio::test]
async fn by_basic_the_credentials_are_form_encoded_and_stay_out_of_the_body() {
    let server = DevServer::builder().confidential_client("service", "a+b:c").start().await.unwrap();
    let client = confidential_client(&server).await.unwrap().with_client_authentication(ClientAuthentication::Basic);
    // AuthGate compares what is sent, and refuses what RFC 6749 section 2.3.1 makes of this secret.
    assert!(client.client_credentials(&[], &[]).await.is_err());
    let request = &server.requests_at(Endpoint::Token)[0];
    assert_eq!(request.header("authorization"), Some("Basic c2VydmljZTphJTJCYiUzQWM="));
    assert_eq!(request.parameter("client_secret"), None);
    assert!(client.introspect(&Secret::from("token")).await.is_err());
    let request = &server.requests_at(Endpoint::Introspection)[0];
    assert_eq!(request.header("authorization"), Some("Basic c2VydmljZTphJTJCYiUzQWM="));
    assert_eq!(request.parameter("client_secret"), None);
}

#[tokio::test]
async fn a_token_url_alone_is_enough() {
    let server = DevServer::start().await;
    let endpoints = Endpoints::from_token_url(format!("{}/oauth/token", server.url()).parse().unwrap());
    let registered = server.confidential_client();
    let client = OAuthClient::new(&registered.id, endpoints, HttpClient::default())
        .with_secret(registered.secret.as_deref().map(Secret::from));
    client.client_credentials(&[], &[]).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].parameter("scope"), None);
}

#[tokio::test]
async fn without_a_secret_nothing_is_sent() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap().with_secret(None);
    let error = client.client_credentials(&[], &[]).await.unwrap_err();
    assert!(matches!(&error, Error::Config(text) if text.contains("CLIENT_SECRET")), "{error}");
    assert_eq!(server.count(Endpoint::Token), 0);
}

/// case 42
#[tokio::test]
async fn an_access_token_that_cannot_be_sent_is_refused() {
    for value in [json!(null), json!(""), json!(7), json!("a\r\nX: b"), json!("a b"), json!("tökén"), json!({})] {
        let error = granted_with("access_token", value).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }) && error.to_string().contains("access_token"), "{error}");
    }
    let error = granted_without("access_token").await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { reason, .. } if reason.contains("no access_token")), "{error}");
}

/// case 44
#[tokio::test]
async fn only_bearer_tokens_are_taken_however_it_is_written() {
    for value in [json!("bearer"), json!("BEARER"), json!(null), json!("")] {
        assert_eq!(granted_with("token_type", value).await.unwrap().token_type, "Bearer");
    }
    assert_eq!(granted_without("token_type").await.unwrap().token_type, "Bearer");
    for value in ["MAC", "DPoP", "N_A"] {
        let error = granted_with("token_type", json!(value)).await.unwrap_err();
        assert!(error.to_string().contains(value), "{error}");
    }
}

/// cases 45, 46, 47, 48
#[tokio::test]
async fn any_expires_in_becomes_a_lifetime_that_can_be_counted_with() {
    let ten_years = Duration::from_secs(10 * 365 * 24 * 3600);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (value, lifetime) in [
        (json!(null), None),
        (json!("3600"), seconds(3600)),
        (json!(3600.7), seconds(3600)),
        (json!("3.6e3"), seconds(3600)),
        (json!(-1), seconds(0)),
        (json!(0), seconds(0)),
        (json!("abc"), seconds(0)),
        (json!(true), seconds(0)),
        (json!({}), seconds(0)),
        (json!(1e300), Some(ten_years)),
        (json!(u64::MAX), Some(ten_years)),
        (json!("inf"), seconds(0)),
        (json!("nan"), seconds(0)),
        (json!(9_999_999_999_999_u64), Some(ten_years)),
    ] {
        assert_eq!(granted_with("expires_in", value.clone()).await.unwrap().lifetime, lifetime, "{value}");
    }
}

/// case 49
#[tokio::test]
async fn scopes_that_were_not_granted_are_told() {
    let asked = ["profile".to_owned(), "email".to_owned()];
    let token = granted_with("scope", json!("profile")).await.unwrap();
    assert_eq!(token.missing_scopes(&asked), ["email"]);
    let token = granted_with("scope", json!("email profile  admin")).await.unwrap();
    assert!(token.missing_scopes(&asked).is_empty());
    assert_eq!(token.scope.as_deref(), Some("email profile admin"), "what was not asked for is shown too");

    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    server.inject(Endpoint::Token, Fault::remove_member("scope"), Times::Once);
    let token = client.client_credentials(&asked, &[]).await.unwrap();
    assert_eq!(token.scope.as_deref(), Some("profile email"), "a silent server has granted what was asked");
}

/// case 52
#[tokio::test]
async fn members_that_nobody_knows_do_no_harm() {
    assert!(granted_with("extra", json!({"deep": [1, 2, 3]})).await.is_ok());
    assert!(granted_with("id_token", json!(17)).await.unwrap().id_token.is_none());
}

/// case 50
#[tokio::test]
async fn a_refresh_that_names_no_new_refresh_token_keeps_the_old_one() {
    let silent = Fault::remove_member("refresh_token");
    for fault in
        [json!(null), json!("")].map(|value| Fault::set_member("refresh_token", value)).into_iter().chain([silent])
    {
        let server = DevServer::start().await;
        let client = confidential_client(&server).await.unwrap();
        let issued = server.issue_tokens(server.confidential_client(), "profile email");
        let mut previous = client.client_credentials(&[], &[]).await.unwrap();
        previous.refresh_token = issued.refresh_token.as_deref().map(Secret::from);
        server.inject(Endpoint::Token, fault, Times::Once);
        let next = client.refresh_token(&previous).await.unwrap();
        assert_eq!(next.refresh_token, previous.refresh_token);
        assert_ne!(next.access_token, previous.access_token);
    }
}

/// case 38
#[tokio::test]
async fn the_content_type_does_not_decide() {
    let grant = json!({"access_token": "abc", "token_type": "Bearer", "expires_in": 60}).to_string();
    for content_type in ["text/html", "APPLICATION/JSON;charset=UTF-8", "text/plain"] {
        granted_after(Fault::body(200, content_type, grant.clone())).await.unwrap();
    }
    granted_after(Fault::Answer { status: 200, headers: vec![], body: grant.into() }).await.unwrap();
}

/// case 155
#[tokio::test]
async fn tokens_and_clients_do_not_show_secrets_in_debug_output() {
    let server = DevServer::builder().confidential_client("service", "canary-secret").start().await.unwrap();
    let client = confidential_client(&server).await.unwrap();
    let mut token = client.client_credentials(&[], &[]).await.unwrap();
    token.refresh_token = Some(Secret::from("canary-refresh"));
    token.id_token = Some(Secret::from("canary-identity"));
    let shown = format!("{client:?} {token:?}");
    assert!(!shown.contains("canary") && !shown.contains(token.access_token.expose()), "{shown}");
}

#[tokio::test]
async fn introspection_and_revocation_tell_of_one_token() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let token = client.client_credentials(&["profile".to_owned()], &[]).await.unwrap();
    let known = client.introspect(&token.access_token).await.unwrap();
    assert!(known.active);
    assert_eq!(known.scope.as_deref(), Some("profile"));

    client.revoke(&token.access_token).await.unwrap();
    server.inject(Endpoint::Introspection, Fault::set_member("scope", "canary"), Times::Once);
    let gone = client.introspect(&token.access_token).await.unwrap();
    assert!(!gone.active);
    assert_eq!(gone.scope, None, "what is said of an inactive token is not trusted");
    client.revoke(&Secret::from("a token that nobody knows")).await.unwrap();
}
