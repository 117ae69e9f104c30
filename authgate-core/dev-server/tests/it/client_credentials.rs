use authgate_dev_server::{DevServer, grant_type};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::client::{basic, post, token};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const ID: (&str, &str) = ("client_id", "dev-service");
const SECRET: (&str, &str) = ("client_secret", "dev-service-secret");

#[tokio::test]
async fn a_secret_in_the_body_gets_a_token_without_a_refresh_token() {
    let server = DevServer::start().await;
    let answer = token(&server, &[GRANT, ID, SECRET]).await;
    let body = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);
    assert_eq!(body["scope"], "profile email read write");
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
}

#[tokio::test]
async fn the_access_token_is_a_jwt_that_says_who_and_until_when() {
    let server = DevServer::start().await;
    let access_token = token(&server, &[GRANT, ID, SECRET, ("scope", "read")]).await.text("access_token");
    let parts: Vec<&str> = access_token.split('.').collect();
    let decoded = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let claims = decoded(parts[1]);
    assert_eq!(decoded(parts[0]), json!({ "alg": "HS256", "typ": "JWT" }));
    assert_eq!(claims["iss"], server.url());
    assert_eq!(claims["sub"], "client:dev-service");
    assert_eq!(claims["client_id"], "dev-service");
    assert_eq!(claims["scope"], "read");
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 3600);
}

#[tokio::test]
async fn a_secret_by_basic_is_accepted_as_it_was_sent() {
    let server = DevServer::builder().confidential_client("dev-service", "a+b/c%d:e f").start().await.unwrap();
    let ask = async |secret: &str| {
        let header = basic("dev-service", secret);
        post(&server, "/oauth/token", &[("authorization", &header)], &[GRANT]).await.status
    };
    assert_eq!(ask("a+b/c%d:e f").await, 200);
    assert_eq!(ask("a%2Bb%2Fc%25d%3Ae+f").await, 401, "form-encoded, which AuthGate does not decode");
    assert_eq!(token(&server, &[GRANT, ID, ("client_secret", "a+b/c%d:e f")]).await.status, 200);
}

#[tokio::test]
async fn whoever_cannot_show_the_secret_is_challenged() {
    let server = DevServer::start().await;
    let forms: [&[(&str, &str)]; 6] = [
        &[GRANT],
        &[GRANT, ID],
        &[GRANT, ID, ("client_secret", "wrong")],
        &[GRANT, ("client_id", "nobody"), SECRET],
        &[GRANT, ("client_id", "dev-cli")],
        &[GRANT, ("client_id", "dev-cli"), SECRET],
    ];
    for form in forms {
        let answer = token(&server, form).await;
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()), "{form:?}");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Basic realm="authgate""#));
    }
}

#[tokio::test]
async fn two_ways_of_authentication_at_once_are_refused() {
    let server = DevServer::start().await;
    let header = basic("dev-service", "dev-service-secret");
    let answer = post(&server, "/oauth/token", &[("authorization", &header)], &[GRANT, ID, SECRET]).await;
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_parameter_that_comes_twice_is_refused() {
    let server = DevServer::start().await;
    let answer = token(&server, &[GRANT, ID, SECRET, ("scope", "read"), ("scope", "write")]).await;
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn unknown_scopes_and_those_of_a_person_are_refused() {
    let server = DevServer::start().await;
    for scope in ["nonsense", "openid", "read offline_access"] {
        let answer = token(&server, &[GRANT, ID, SECRET, ("scope", scope)]).await;
        assert_eq!(answer.refusal(), (400, "invalid_scope".to_owned()), "{scope}");
    }
}

#[tokio::test]
async fn a_grant_that_is_switched_off_is_unauthorized() {
    let server =
        DevServer::start_with(|settings| settings.disabled_grant_types.push(grant_type::CLIENT_CREDENTIALS.to_owned()))
            .await;
    let answer = token(&server, &[GRANT, ID, SECRET]).await;
    assert_eq!(answer.refusal(), (400, "unauthorized_client".to_owned()));
}
