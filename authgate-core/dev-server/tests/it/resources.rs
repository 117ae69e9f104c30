use authgate_dev_server::DevServer;
use authgate_test_support::http;
use serde_json::json;

use crate::support::{
    SECRET, SERVICE, advance, at, get, get_with_bearer, post, post_with_basic, refresh, token,
};

const MACHINE: [(&str, &str); 3] = [("grant_type", "client_credentials"), SERVICE, SECRET];

#[tokio::test]
async fn userinfo_has_the_claims_of_the_scopes() {
    let server = DevServer::start().await;
    let user = server.user();
    let claims = async |scope: &str| {
        let access_token = server
            .issue_tokens(server.public_client(), scope)
            .access_token;
        get_with_bearer(&server, "/oauth/userinfo", &access_token)
            .await
            .json()
    };
    assert_eq!(
        claims("read").await,
        json!({ "sub": user.subject, "iss": server.url() })
    );
    let with_email = claims("email").await;
    assert_eq!(
        (&with_email["email"], &with_email["email_verified"]),
        (&"jane@example.com".into(), &false.into())
    );
    assert!(with_email.get("name").is_none());
    let with_profile = claims("openid profile").await;
    assert_eq!(
        (&with_profile["name"], &with_profile["preferred_username"]),
        (&"Jane Doe".into(), &"jane".into())
    );
    assert!(with_profile["updated_at"].is_u64());
    assert!(with_profile.get("picture").is_none() && with_profile.get("email").is_none());
}

#[tokio::test]
async fn userinfo_of_a_machine_is_two_members_or_user_not_found() {
    let server = DevServer::start().await;
    let access_token = token(&server, &MACHINE).await.text("access_token");
    let answer = get_with_bearer(&server, "/oauth/userinfo", &access_token).await;
    assert_eq!(
        answer.json(),
        json!({ "sub": "client:dev-service", "client_id": "dev-service" })
    );

    server.change(|settings| settings.user_not_found_for_machines = true);
    let answer = get_with_bearer(&server, "/oauth/userinfo", &access_token).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.json(),
        json!({ "error": "invalid_token", "error_description": "User not found" })
    );
    assert_eq!(
        get_with_bearer(&server, "/oauth/tokeninfo", &access_token)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_unknown_revoked_or_expired_token_is_challenged() {
    let server = DevServer::start().await;
    let issue = || server.issue_tokens(server.public_client(), "email");
    let (revoked, expired) = (issue().access_token, issue().access_token);
    let refresh_token = issue().refresh_token.unwrap();
    server.revoke(&revoked);
    for path in ["/oauth/userinfo", "/oauth/tokeninfo", "/api/things"] {
        for bad in ["malformed", &revoked, &refresh_token] {
            let answer = get_with_bearer(&server, path, bad).await;
            assert_eq!(
                answer.refusal(),
                (401, "invalid_token".to_owned()),
                "{path}"
            );
            assert_eq!(
                answer.header("www-authenticate"),
                Some(r#"Bearer error="invalid_token""#)
            );
        }
        assert_eq!(get_with_bearer(&server, path, &expired).await.status, 200);
    }
    advance(3601).await;
    assert_eq!(
        get_with_bearer(&server, "/oauth/userinfo", &expired)
            .await
            .status,
        401
    );
    assert_eq!(
        get(&server, "/oauth/userinfo").await.refusal(),
        (401, "invalid_token".to_owned())
    );
    assert_eq!(
        get(&server, "/oauth/tokeninfo").await.refusal(),
        (401, "missing_token".to_owned())
    );
}

#[tokio::test]
async fn tokeninfo_tells_a_machine_from_a_person() {
    let server = DevServer::start().await;
    let machine = token(&server, &MACHINE).await.text("access_token");
    let info = get_with_bearer(&server, "/oauth/tokeninfo", &machine)
        .await
        .json();
    let exp = info["exp"].as_u64().unwrap();
    assert_eq!(
        info,
        json!({
            "active": true, "user_id": "client:dev-service", "client_id": "dev-service",
            "scope": "profile email read write", "exp": exp, "iss": server.url(), "subject_type": "client",
        })
    );
    let person = server
        .issue_tokens(server.public_client(), "email")
        .access_token;
    let info = get_with_bearer(&server, "/oauth/tokeninfo", &person)
        .await
        .json();
    assert_eq!(
        (&info["subject_type"], &info["user_id"]),
        (&"user".into(), &server.user().subject.as_str().into())
    );
}

#[tokio::test]
async fn revocation_revokes_one_token_and_answers_200_to_any() {
    let server = DevServer::start().await;
    let revoke = async |token: &str| {
        let answer = post(&server, "/oauth/revoke", &[("token", token)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    };
    let works = async |access_token: &str| {
        get_with_bearer(&server, "/oauth/userinfo", access_token)
            .await
            .status
            == 200
    };
    revoke("unknown").await;

    let login = server.issue_tokens(server.public_client(), "email");
    revoke(&login.access_token).await;
    assert!(!works(&login.access_token).await);
    assert_eq!(
        refresh(&server, &login.refresh_token.unwrap()).await.status,
        200
    );

    let login = server.issue_tokens(server.public_client(), "email");
    let refresh_token = login.refresh_token.unwrap();
    revoke(&refresh_token).await;
    assert!(works(&login.access_token).await);
    assert_ne!(refresh(&server, &refresh_token).await.status, 200);

    server.revoke_everything();
    assert!(!works(&login.access_token).await);
}

#[tokio::test]
async fn introspection_needs_client_authentication() {
    let server = DevServer::start().await;
    let access_token = server
        .issue_tokens(server.public_client(), "email")
        .access_token;
    let introspect = async |secret: &str, token: &str| {
        post_with_basic(
            &server,
            "/oauth/introspect",
            (SERVICE.1, secret),
            &[("token", token)],
        )
        .await
    };
    assert_eq!(
        introspect("wrong", &access_token).await.refusal(),
        (401, "invalid_client".to_owned())
    );
    assert_eq!(
        introspect(SECRET.1, "unknown").await.json(),
        json!({ "active": false })
    );
    let answer = introspect(SECRET.1, &access_token).await.json();
    let shown = ["active", "scope", "client_id", "username"].map(|member| answer[member].clone());
    assert_eq!(json!(shown), json!([true, "email", "dev-cli", "jane"]));
    server.revoke(&access_token);
    assert_eq!(
        introspect(SECRET.1, &access_token).await.json(),
        json!({ "active": false })
    );
}

#[tokio::test]
async fn the_api_echoes_a_request_with_an_active_token() {
    let server = DevServer::start().await;
    let access_token = server
        .issue_tokens(server.public_client(), "read")
        .access_token;
    let authorization = format!("Bearer {access_token}");
    let answer = http::post(
        &at(&server, "/api/a/b"),
        &[("authorization", &authorization)],
        &[("x", "1")],
    )
    .await;
    assert_eq!(
        answer.json(),
        json!({ "method": "POST", "path": "/api/a/b", "body": "x=1" })
    );
}
