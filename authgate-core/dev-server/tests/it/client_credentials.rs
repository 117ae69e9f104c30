use authgate_dev_server::{DevServer, grant_type};
use authgate_test_support::http::Pairs;
use serde_json::json;

use crate::support::{PUBLIC, SECRET, SERVICE, jwt_part, post_with_basic, refused, token};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

#[tokio::test]
async fn a_secret_gets_a_token_without_a_refresh_token() {
    let server = DevServer::start().await;
    let answer = token(&server, &[GRANT, SERVICE, SECRET]).await;
    let body = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);
    assert_eq!(body["scope"], "profile email read write");
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
}

#[tokio::test]
async fn the_access_token_is_a_jwt() {
    let server = DevServer::start().await;
    let access_token = token(&server, &[GRANT, SERVICE, SECRET, ("scope", "read")])
        .await
        .text("access_token");
    let claims = jwt_part(&access_token, 1);
    assert_eq!(
        jwt_part(&access_token, 0),
        json!({ "alg": "HS256", "typ": "JWT" })
    );
    assert_eq!(claims["iss"], server.url());
    assert_eq!(claims["sub"], "client:dev-service");
    assert_eq!(claims["client_id"], "dev-service");
    assert_eq!(claims["scope"], "read");
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 3600);
}

#[tokio::test]
async fn basic_is_not_form_decoded() {
    let server = DevServer::builder()
        .confidential_client("dev-service", "a+b/c%d:e f")
        .start()
        .await
        .unwrap();
    let with_basic = async |secret| {
        post_with_basic(&server, "/oauth/token", ("dev-service", secret), &[GRANT])
            .await
            .status
    };
    assert_eq!(with_basic("a+b/c%d:e f").await, 200);
    assert_eq!(
        with_basic("a%2Bb%2Fc%25d%3Ae+f").await,
        401,
        "AuthGate does not decode it"
    );
    assert_eq!(
        token(&server, &[GRANT, SERVICE, ("client_secret", "a+b/c%d:e f")])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_client_without_its_secret_is_challenged() {
    let server = DevServer::start().await;
    let forms: [Pairs<'_>; 6] = [
        &[GRANT],
        &[GRANT, SERVICE],
        &[GRANT, SERVICE, ("client_secret", "wrong")],
        &[GRANT, ("client_id", "nobody"), SECRET],
        &[GRANT, PUBLIC],
        &[GRANT, PUBLIC, SECRET],
    ];
    for form in forms {
        let answer = token(&server, form).await;
        assert_eq!(
            answer.refusal(),
            (401, "invalid_client".to_owned()),
            "{form:?}"
        );
        assert_eq!(
            answer.header("www-authenticate"),
            Some(r#"Basic realm="authgate""#)
        );
    }
}

#[tokio::test]
async fn a_secret_in_two_places_is_refused() {
    let server = DevServer::start().await;
    let form = [GRANT, SERVICE, SECRET];
    let answer = post_with_basic(&server, "/oauth/token", (SERVICE.1, SECRET.1), &form).await;
    assert_eq!(answer.refusal(), refused("invalid_request"));
}

#[tokio::test]
async fn a_bad_scope_is_refused() {
    let server = DevServer::start().await;
    let cases: [(Pairs<'_>, &str); 4] = [
        (&[("scope", "read"), ("scope", "write")], "invalid_request"),
        (&[("scope", "nonsense")], "invalid_scope"),
        (&[("scope", "openid")], "invalid_scope"),
        (&[("scope", "read offline_access")], "invalid_scope"),
    ];
    for (scopes, error) in cases {
        let form = [&[GRANT, SERVICE, SECRET], scopes].concat();
        assert_eq!(
            token(&server, &form).await.refusal(),
            refused(error),
            "{scopes:?}"
        );
    }
}

#[tokio::test]
async fn a_disabled_grant_is_unauthorized_and_an_unknown_unsupported() {
    let disabled = grant_type::CLIENT_CREDENTIALS.to_owned();
    let server =
        DevServer::start_with(|settings| settings.disabled_grant_types.push(disabled)).await;
    assert_eq!(
        token(&server, &[GRANT, SERVICE, SECRET]).await.refusal(),
        refused("unauthorized_client")
    );
    assert_eq!(
        token(&server, &[("grant_type", "password")])
            .await
            .refusal(),
        refused("unsupported_grant_type")
    );
}
