//! Requests to the token endpoint, and answers that contain tokens.

use std::sync::Arc;
use std::time::Duration;

use authgate_core::reqwest::header::HeaderName;
use authgate_core::test_util::SystemClock;
use authgate_core::{
    ClientAuthentication, Endpoints, Error, HttpClient, OAuthClient, Secret, Token,
};
use authgate_dev_server::{Endpoint, Fault, Times};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::service::Service;
use crate::support::{discover, lines};

/// All headers that a request may carry. None is a cookie, or names the user or the machine.
const KNOWN_HEADERS: [&str; 6] = [
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "host",
    "user-agent",
];

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

/// Returns answers with each of these values for the member, and one without the member.
fn changed<const N: usize>(member: &str, values: [Value; N]) -> impl Iterator<Item = Fault> {
    let changed = values.map(|value| Fault::set_member(member, value));
    changed.into_iter().chain([Fault::remove_member(member)])
}

#[tokio::test]
async fn a_service_is_granted_a_token_for_the_scopes_it_asks_for() {
    let service = Service::start().await;
    let token = service
        .client
        .with_parameter("audience", "https://api.example")
        .client_credentials(&strings(&["profile", "email"]))
        .await
        .unwrap();
    assert_eq!(token.token_type, "Bearer");
    assert_eq!(token.scope.as_deref(), Some("profile email"));
    assert!(token.lifetime.unwrap() > Duration::from_secs(3000) && token.refresh_token.is_none());

    let request = &service.server.requests_at(Endpoint::Token)[0];
    assert_eq!(request.parameter("grant_type"), Some("client_credentials"));
    assert_eq!(request.parameter("scope"), Some("profile email"));
    assert_eq!(request.parameter("audience"), Some("https://api.example"));
    assert_eq!(request.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn a_request_names_the_program_and_carries_no_cookie() {
    let service = Service::start().await;
    let answer = json!({"access_token": "token", "token_type": "Bearer", "expires_in": 60});
    service
        .grant_after(Fault::json(200, &answer).with_header("Set-Cookie", "session=1; Path=/"))
        .await
        .unwrap();
    service.grant().await.unwrap();
    discover(&service.server).await.unwrap();
    for request in service.server.requests() {
        let headers: Vec<_> = request.headers.keys().map(HeaderName::as_str).collect();
        assert!(
            headers.iter().all(|name| KNOWN_HEADERS.contains(name)),
            "{headers:?}"
        );
        assert_eq!(
            request.header("user-agent"),
            Some(concat!("authgate-rust/", env!("CARGO_PKG_VERSION")))
        );
    }
}

#[tokio::test]
async fn any_secret_arrives_unchanged_in_the_body() {
    for secret in ["a+b/c%d:e", "päss wörd", "&=;#?", "\"'\\"] {
        Service::with_secret(secret).await.grant().await.unwrap();
    }
}

#[tokio::test]
async fn any_secret_is_form_encoded_by_basic_and_only_there() {
    for (secret, encoded) in [
        ("a+b:c", "a%2Bb%3Ac"),
        ("a%b", "a%25b"),
        ("pä ss", "p%C3%A4+ss"),
        ("&=;'", "%26%3D%3B%27"),
    ] {
        let service = Service::with_secret(secret).await;
        let client = service
            .client
            .with_client_authentication(ClientAuthentication::Basic);
        // AuthGate compares the bytes as they were sent, so it refuses this secret when it is
        // encoded as RFC 6749 section 2.3.1 requires.
        client.client_credentials(&[]).await.unwrap_err();
        client.introspect(&Secret::from("token")).await.unwrap_err();
        service
            .server
            .assert_requests([Endpoint::Token, Endpoint::Introspection]);
        for request in service.server.requests() {
            let credentials = BASE64_STANDARD.encode(format!("some%3Aservice:{encoded}"));
            assert_eq!(
                request.header("authorization"),
                Some(format!("Basic {credentials}").as_str())
            );
            assert_eq!(request.parameter("client_secret"), None);
        }
    }
}

#[tokio::test]
async fn a_token_url_alone_is_enough() {
    let server = Service::start().await.server;
    let endpoints =
        Endpoints::from_token_url(format!("{}/oauth/token", server.url()).parse().unwrap());
    let registered = server.confidential_client();
    let client = OAuthClient::new(&registered.id, endpoints, HttpClient::default())
        .with_secret(registered.secret.as_deref().map(Secret::from));
    client.client_credentials(&[]).await.unwrap();
    server.assert_requests([Endpoint::Token]);
    assert_eq!(server.requests()[0].parameter("scope"), None);
}

#[tokio::test]
async fn without_a_secret_nothing_is_sent() {
    let service = Service::start().await;
    let error = service
        .client
        .with_secret(None)
        .client_credentials(&[])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Other { .. }));
    insta::assert_snapshot!(error, @"client credentials need a client secret");
    service.server.assert_requests([]);
}

#[tokio::test]
async fn an_access_token_that_cannot_be_sent_is_refused() {
    let values = [
        json!(null),
        json!(""),
        json!(7),
        json!("a\r\nX: b"),
        json!("a b"),
        json!("tökén"),
        json!({}),
    ];
    let refusals = Service::start()
        .await
        .failures(changed("access_token", values))
        .await;
    assert!(
        refusals
            .iter()
            .all(|error| matches!(error, Error::Other { .. }) && !error.is_transient())
    );
    insta::assert_snapshot!(lines(refusals), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the answer has no access_token
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the answer has no access_token
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the answer has no access_token
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the access_token has characters that no token has
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the access_token has characters that no token has
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the access_token has characters that no token has
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the answer has no access_token
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the answer has no access_token
    ");
}

#[tokio::test]
async fn only_bearer_tokens_are_accepted_in_any_letter_case() {
    let service = Service::start().await;
    for fault in changed(
        "token_type",
        [json!("bearer"), json!("BEARER"), json!(null), json!("")],
    ) {
        assert_eq!(
            service.grant_after(fault).await.unwrap().token_type,
            "Bearer"
        );
    }
    let refusals = service
        .failures(["MAC", "DPoP", "N_A"].map(|value| Fault::set_member("token_type", value)))
        .await;
    insta::assert_snapshot!(lines(refusals), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the token's type is MAC, and this client can only use Bearer
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the token's type is DPoP, and this client can only use Bearer
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the token's type is N_A, and this client can only use Bearer
    ");
}

#[tokio::test]
async fn any_expires_in_becomes_a_valid_lifetime() {
    const TEN_YEARS: u64 = 10 * 365 * 24 * 3600;
    let service = Service::start().await;
    for (values, seconds) in [
        (vec![json!(null)], None),
        (
            vec![json!("3600"), json!(3600.7), json!("3.6e3")],
            Some(3600),
        ),
        (
            vec![
                json!(0),
                json!(-1),
                json!("abc"),
                json!("inf"),
                json!("nan"),
                json!(true),
                json!({}),
            ],
            Some(0),
        ),
        (
            vec![json!(1e300), json!(u64::MAX), json!(9_999_999_999_999_u64)],
            Some(TEN_YEARS),
        ),
    ] {
        for value in values {
            let token = service
                .grant_after(Fault::set_member("expires_in", value.clone()))
                .await
                .unwrap();
            assert_eq!(token.lifetime, seconds.map(Duration::from_secs), "{value}");
        }
    }
}

#[tokio::test]
async fn a_token_tells_how_much_of_its_lifetime_is_left() {
    let service = Service::start().await;
    let client = service.client.with_clock(Arc::new(SystemClock));
    let mut token = client.client_credentials(&[]).await.unwrap();
    token.lifetime = Some(Duration::from_secs(1000));
    let left = token.expires_in().unwrap();
    assert!(
        Duration::from_secs(900) < left && left < Duration::from_secs(1000),
        "{left:?}"
    );
    token.lifetime = Some(Duration::from_nanos(1));
    assert_eq!(token.expires_in(), Some(Duration::ZERO));
    token.lifetime = None;
    assert_eq!(token.expires_in(), None);
}

#[tokio::test]
async fn scopes_that_were_not_granted_are_missing_ones() {
    let service = Service::start().await;
    let asked = strings(&["profile", "email"]);
    // Scopes that we did not request are shown too. If the server names none, it has granted the
    // requested ones.
    for (fault, scope, missing) in [
        (
            Fault::set_member("scope", "profile"),
            "profile",
            &["email"] as &[&str],
        ),
        (
            Fault::set_member("scope", "email profile  admin"),
            "email profile admin",
            &[],
        ),
        (Fault::remove_member("scope"), "profile email", &[]),
    ] {
        service.inject(fault, Times::Once);
        let token = service.client.client_credentials(&asked).await.unwrap();
        assert_eq!(
            (token.scope.as_deref(), &*token.missing_scopes(&asked)),
            (Some(scope), missing)
        );
    }
}

#[tokio::test]
async fn unknown_members_and_any_content_type_do_no_harm() {
    let service = Service::start().await;
    let grant =
        json!({"access_token": "abc", "token_type": "Bearer", "expires_in": 60}).to_string();
    for fault in [
        Fault::set_member("extra", json!({"deep": [1, 2, 3]})),
        Fault::set_member("id_token", 17),
        Fault::body(200, "text/html", grant.clone()),
        Fault::body(200, "APPLICATION/JSON;charset=UTF-8", grant.clone()),
        Fault::body(200, "text/plain", grant.clone()),
        Fault::Answer {
            status: 200,
            headers: vec![],
            body: grant.into(),
        },
    ] {
        assert!(service.grant_after(fault).await.unwrap().id_token.is_none());
    }
}

/// Starts a service, and returns a token of it that can be refreshed.
async fn with_refresh_token() -> (Service, Token) {
    let service = Service::start().await;
    let issued = service
        .server
        .issue_tokens(service.server.confidential_client(), "profile email");
    let mut token = service.grant().await.unwrap();
    token.refresh_token = issued.refresh_token.as_deref().map(Secret::from);
    (service, token)
}

#[tokio::test]
async fn a_refresh_without_a_new_refresh_token_keeps_the_old_one() {
    let (service, previous) = with_refresh_token().await;
    for fault in changed("refresh_token", [json!(null), json!("")]) {
        service.inject(fault, Times::Once);
        let next = service.client.refresh_token(&previous).await.unwrap();
        assert_eq!(next.refresh_token, previous.refresh_token);
        assert_ne!(next.access_token, previous.access_token);
    }
}

#[tokio::test]
async fn a_refresh_keeps_the_scope_and_id_token_it_leaves_out() {
    let (service, mut previous) = with_refresh_token().await;
    previous.id_token = Some(Secret::from("id-token"));
    previous.scope = Some("openid profile".to_owned());
    for fault in changed("scope", [json!(null)]) {
        service.inject(fault, Times::Once);
        let next = service.client.refresh_token(&previous).await.unwrap();
        assert_eq!(
            (next.scope, next.id_token),
            (previous.scope.clone(), previous.id_token.clone())
        );
    }
}

#[tokio::test]
async fn credentials_with_a_line_break_or_an_invisible_character_are_not_sent() {
    let service = Service::start().await;
    let mut refusals = Vec::new();
    for (id, secret) in [
        ("dev-cli\r", "canary"),
        (" dev-cli", "canary"),
        ("dev-\u{200b}cli", "canary"),
        ("dev-cli", "canary\n"),
        ("dev-cli", "\u{a0}canary"),
        ("dev-cli", "can\u{1b}ary"),
        ("dev-cli", "\u{feff}canary"),
    ] {
        let endpoints = service.client.endpoints().clone();
        let client = OAuthClient::new(id, endpoints, HttpClient::default())
            .with_secret(Secret::from(secret));
        refusals.push(client.client_credentials(&[]).await.unwrap_err());
    }
    service.server.assert_requests([]);
    let refusals = lines(refusals);
    assert!(!refusals.contains("canary") && !refusals.contains("dev-cli"));
    insta::assert_snapshot!(refusals, @"
    the client ID begins or ends with a blank or a line break. Remove it
    the client ID begins or ends with a blank or a line break. Remove it
    the client ID contains a control character or an invisible character. Remove it
    the client secret begins or ends with a blank or a line break. Remove it
    the client secret begins or ends with a blank or a line break. Remove it
    the client secret contains a control character or an invisible character. Remove it
    the client secret contains a control character or an invisible character. Remove it
    ");
}

#[tokio::test]
async fn everything_that_a_server_says_of_a_token_is_returned() {
    let Service { server, client, .. } = Service::start().await;
    let answer = json!({
        "active": true,
        "scope": "read write",
        "client_id": "billing",
        "username": "jane",
        "token_type": "Bearer",
        "exp": 1_700_003_600,
        "iat": 1_700_000_000,
        "nbf": "soon",
        "sub": "42",
        "aud": ["https://api.example", "https://other.example"],
        "iss": "https://auth.example",
        "jti": "7",
        "tenant": {"id": 3},
    });
    server.inject(
        Endpoint::Introspection,
        Fault::json(200, &answer),
        Times::Once,
    );
    let known = client.introspect(&Secret::from("token")).await.unwrap();
    assert_eq!(known.scope.as_deref(), Some("read write"));
    assert_eq!(known.client_id.as_deref(), Some("billing"));
    assert_eq!(known.username.as_deref(), Some("jane"));
    assert_eq!(known.token_type.as_deref(), Some("Bearer"));
    assert_eq!(
        (known.exp, known.iat, known.nbf),
        (Some(1_700_003_600), Some(1_700_000_000), None)
    );
    assert_eq!(known.sub.as_deref(), Some("42"));
    assert_eq!(known.aud, ["https://api.example", "https://other.example"]);
    assert_eq!(known.iss.as_deref(), Some("https://auth.example"));
    assert_eq!(known.jti.as_deref(), Some("7"));
    assert_eq!(
        Value::from(known.other),
        json!({"nbf": "soon", "tenant": {"id": 3}})
    );

    let one_audience = json!({"active": true, "aud": "https://api.example", "scope": ["a", "b"]});
    server.inject(
        Endpoint::Introspection,
        Fault::json(200, &one_audience),
        Times::Once,
    );
    let known = client.introspect(&Secret::from("token")).await.unwrap();
    assert_eq!(known.aud, ["https://api.example"]);
    assert_eq!(known.scope.as_deref(), Some("a b"));
}

#[tokio::test]
async fn a_token_is_introspected_and_revoked() {
    let Service { server, client, .. } = Service::start().await;
    let token = client
        .client_credentials(&strings(&["profile"]))
        .await
        .unwrap();
    let known = client.introspect(&token.access_token).await.unwrap();
    assert!(known.active);
    assert_eq!(known.scope.as_deref(), Some("profile"));

    client.revoke(&token.access_token).await.unwrap();
    server.inject(
        Endpoint::Introspection,
        Fault::set_member("scope", "canary"),
        Times::Once,
    );
    let gone = client.introspect(&token.access_token).await.unwrap();
    assert!(!gone.active);
    assert_eq!(
        gone.scope, None,
        "what is said of an inactive token is not trusted"
    );
    client
        .revoke(&Secret::from("a token that nobody knows"))
        .await
        .unwrap();
    server.inject(Endpoint::Revocation, Fault::status(204), Times::Once);
    client.revoke(&token.access_token).await.unwrap();
}
