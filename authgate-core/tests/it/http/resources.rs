//! The two resources that describe a token.

use authgate_core::{Error, Secret};
use authgate_dev_server::{Endpoint, Fault, Times};
use serde_json::json;

use crate::support::lines;
use crate::support::service::Service;

/// Returns how userinfo fails after this answer.
async fn userinfo_error(service: &Service, token: &str, fault: Fault) -> Error {
    service
        .server
        .inject(Endpoint::UserInfo, fault, Times::Once);
    service
        .client
        .userinfo(&Secret::from(token))
        .await
        .unwrap_err()
}

fn challenged(status: u16, challenges: &[&str]) -> Fault {
    let fault = Fault::status(status);
    challenges.iter().fold(fault, |fault, challenge| {
        fault.with_header("WWW-Authenticate", challenge)
    })
}

#[tokio::test]
async fn a_persons_token_is_described() {
    let Service { server, client, .. } = Service::start().await;
    let issued = server.issue_tokens(server.confidential_client(), "openid profile email");
    let token = Secret::from(issued.access_token);
    let user = client.userinfo(&token).await.unwrap();
    assert_eq!(user.name.as_deref(), Some("Jane Doe"));
    assert_eq!(user.email.as_deref(), Some("jane@example.com"));
    let info = client.token_info(&token).await.unwrap();
    assert!(info.active);
    assert_eq!(info.subject_type.as_deref(), Some("user"));
    assert_eq!(info.iss.as_deref(), Some(server.url()));
}

#[tokio::test]
async fn members_that_userinfo_leaves_out_or_garbles_are_none() {
    let Service { server, client, .. } = Service::start().await;
    let token = Secret::from(
        server
            .issue_tokens(server.confidential_client(), "email")
            .access_token,
    );
    assert_eq!(client.userinfo(&token).await.unwrap().name, None);
    server.inject(
        Endpoint::UserInfo,
        Fault::json(200, &json!({"sub": 7, "name": ["x"]})),
        Times::Once,
    );
    assert_eq!(client.userinfo(&token).await.unwrap().sub, None);
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let service = Service::start_with(|settings| settings.user_not_found_for_machines = true).await;
    let token = service.grant().await.unwrap().access_token;
    let not_found = service.client.userinfo(&token).await.unwrap_err();
    assert!(
        service.client.token_info(&token).await.unwrap().active,
        "the token itself is fine"
    );

    let mut refusals = vec![not_found];
    for fault in [
        challenged(
            403,
            &["Bearer error=\"insufficient_scope\", scope=\"email\""],
        ),
        Fault::status(401),
        Fault::json(200, &json!([1])),
        Fault::body(200, "application/jwt", "eyJ.eyJ.sig"),
        Fault::body(400, "text/plain", "bad token canary-token"),
    ] {
        let error = userinfo_error(&service, "canary-token", fault).await;
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
        refusals.push(error);
    }
    assert!(matches!(&refusals[1], Error::OAuth { code, .. } if code == "insufficient_scope"));
    assert!(matches!(refusals[2], Error::Response { status: 401, .. }));
    assert!(matches!(refusals[3], Error::Response { .. }));
    insta::assert_snapshot!(lines(refusals), @"
    userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 401 invalid_token (User not found)
    userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 403 insufficient_scope. Get a token with the scope that this address requires
    userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 401, which is not a JSON object (no content type; an empty body)
    userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 200, which is not a JSON object (application/json; a body that is not shown)
    userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 200, which is not a JSON object (application/jwt; a body that is not shown)
    userinfo: http://127.0.0.1:[port]/oauth/userinfo answered 400, which is not a JSON object (the rest is not shown, because it may repeat a secret of the request)
    ");
}

#[tokio::test]
async fn the_bearer_challenge_is_found_among_others() {
    let service = Service::start().await;
    let (basic, bearer) = (
        "Basic realm=\"a, Bearer\"",
        "bearer realm=\"b\", error=\"invalid_token\"",
    );
    let both = format!("{basic}, {bearer}");
    for challenges in [
        &[basic, bearer] as &[&str],
        &[bearer, basic],
        &[&both],
        &["Bearer realm=\"c\"", bearer],
    ] {
        let error = userinfo_error(&service, "unknown", challenged(401, challenges)).await;
        assert!(
            matches!(&error, Error::OAuth { code, .. } if code == "invalid_token"),
            "{challenges:?}: {error}"
        );
    }
}
