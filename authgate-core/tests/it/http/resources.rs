//! The two resources that describe a token.

use crate::support::confidential_client;
use authgate_core::{Error, Secret};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;

#[tokio::test]
async fn a_persons_token_is_described() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let issued = server.issue_tokens(server.confidential_client(), "openid profile email");
    let token = Secret::from(issued.access_token.as_str());
    let user = client.userinfo(&token).await.unwrap();
    assert_eq!(user.name.as_deref(), Some("Jane Doe"));
    assert_eq!(user.email.as_deref(), Some("jane@example.com"));
    let info = client.token_info(&token).await.unwrap();
    assert!(info.active);
    assert_eq!(info.subject_type.as_deref(), Some("user"));
    assert_eq!(info.iss.as_deref(), Some(server.url()));
}

/// case 55
#[tokio::test]
async fn what_userinfo_leaves_out_or_garbles_is_nothing() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let issued = server.issue_tokens(server.confidential_client(), "email");
    let token = Secret::from(issued.access_token.as_str());
    assert_eq!(client.userinfo(&token).await.unwrap().name, None);
    server.inject(Endpoint::UserInfo, Fault::json(200, &json!({"sub": 7, "name": ["x"]})), Times::Once);
    assert_eq!(client.userinfo(&token).await.unwrap().sub, None);
    server.inject(Endpoint::UserInfo, Fault::json(200, &json!([1])), Times::Once);
    assert!(matches!(client.userinfo(&token).await.unwrap_err(), Error::Response { .. }));
    server.inject(Endpoint::UserInfo, Fault::body(200, "application/jwt", "eyJ.eyJ.sig"), Times::Once);
    assert!(client.userinfo(&token).await.unwrap_err().to_string().contains("application/jwt"));
}

/// cases 55, 56
#[tokio::test]
async fn refusals_are_told_apart() {
    let server = DevServer::start_with(|settings| settings.user_not_found_for_machines = true).await;
    let client = confidential_client(&server).await.unwrap();
    let token = client.client_credentials(&[], &[]).await.unwrap().access_token;
    let error = client.userinfo(&token).await.unwrap_err();
    assert!(error.to_string().contains("User not found"), "{error}");
    assert!(client.token_info(&token).await.unwrap().active, "the token itself is fine");

    let challenge = |status, value: &str| Fault::status(status).with_header("WWW-Authenticate", value);
    server.inject(
        Endpoint::UserInfo,
        challenge(403, "Bearer error=\"insufficient_scope\", scope=\"email\""),
        Times::Once,
    );
    let error = client.userinfo(&token).await.unwrap_err();
    assert!(matches!(&error, Error::OAuth { code, .. } if code == "insufficient_scope"), "{error}");
    assert!(error.to_string().contains("lacks a scope"), "{error}");
    server.inject(Endpoint::UserInfo, Fault::status(401), Times::Once);
    assert!(matches!(client.userinfo(&token).await.unwrap_err(), Error::Response { status: 401, .. }));
}

/// case 56
#[tokio::test]
async fn the_bearer_challenge_is_found_among_others() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let (basic, bearer) = ("Basic realm=\"a, Bearer\"", "bearer realm=\"b\", error=\"invalid_token\"");
    let both = format!("{basic}, {bearer}");
    for challenges in [&[basic, bearer] as &[&str], &[bearer, basic], &[&both], &["Bearer realm=\"c\"", bearer]] {
        let fault = challenges
            .iter()
            .fold(Fault::status(401), |fault, challenge| fault.with_header("WWW-Authenticate", challenge));
        server.inject(Endpoint::UserInfo, fault, Times::Once);
        let error = client.userinfo(&Secret::from("unknown")).await.unwrap_err();
        assert!(matches!(&error, Error::OAuth { code, .. } if code == "invalid_token"), "{challenges:?}: {error}");
    }
}

/// case 54
#[tokio::test]
async fn an_answer_that_echoes_the_token_is_redacted() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let echo = Fault::body(400, "text/plain", "bad token canary-token");
    server.inject(Endpoint::UserInfo, echo, Times::Once);
    let error = client.userinfo(&Secret::from("canary-token")).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
}
