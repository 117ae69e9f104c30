use std::time::Duration;

use authgate_dev_server::{DevServer, IssuedTokens};

use crate::client::{Answer, basic, post, token, with_bearer};

const GRANT: (&str, &str) = ("grant_type", "refresh_token");
const PUBLIC: (&str, &str) = ("client_id", "dev-cli");

fn log_in(server: &DevServer) -> IssuedTokens {
    server.issue_tokens(server.public_client(), "email read")
}

async fn refresh(server: &DevServer, refresh_token: &str) -> Answer {
    token(server, &[GRANT, PUBLIC, ("refresh_token", refresh_token)]).await
}

async fn userinfo_status(server: &DevServer, access_token: &str) -> u16 {
    with_bearer(server, "/oauth/userinfo", access_token).await.status
}

fn refused(error: &str) -> (u16, String) {
    (400, error.to_owned())
}

#[tokio::test]
async fn without_rotation_the_refresh_token_stays() {
    let server = DevServer::start().await;
    let login = log_in(&server);
    let refresh_token = login.refresh_token.unwrap();
    for _ in 0..2 {
        let answer = refresh(&server, &refresh_token).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text("refresh_token"), refresh_token);
        assert_eq!(answer.text("scope"), "email read");
        assert_ne!(answer.text("access_token"), login.access_token);
        assert_eq!(userinfo_status(&server, &answer.text("access_token")).await, 200);
    }
}

#[tokio::test]
async fn with_rotation_the_use_of_an_old_refresh_token_kills_the_whole_family() {
    let server = DevServer::start_with(|settings| settings.rotate_refresh_tokens = true).await;
    let other_login = log_in(&server);
    let old = log_in(&server).refresh_token.unwrap();
    let renewed = refresh(&server, &old).await;
    let new = renewed.text("refresh_token");
    assert_ne!(new, old);
    assert_eq!(userinfo_status(&server, &renewed.text("access_token")).await, 200);

    assert_eq!(refresh(&server, &old).await.refusal(), refused("invalid_grant"));
    assert_eq!(refresh(&server, &new).await.refusal(), refused("invalid_grant"));
    assert_eq!(userinfo_status(&server, &renewed.text("access_token")).await, 401);
    assert_eq!(userinfo_status(&server, &other_login.access_token).await, 200);
}

#[tokio::test]
async fn a_token_that_does_not_count_is_an_invalid_grant() {
    let server = DevServer::start().await;
    let login = log_in(&server);
    let refresh_token = login.refresh_token.unwrap();
    assert_eq!(refresh(&server, "unknown").await.refusal(), refused("invalid_grant"));
    assert_eq!(refresh(&server, &login.access_token).await.refusal(), refused("invalid_grant"));
    server.revoke(&refresh_token);
    assert_eq!(refresh(&server, &refresh_token).await.refusal(), refused("invalid_grant"));

    let refresh_token = log_in(&server).refresh_token.unwrap();
    server.advance_clock(Duration::from_secs(31 * 24 * 60 * 60));
    assert_eq!(refresh(&server, &refresh_token).await.refusal(), refused("invalid_grant"));
}

#[tokio::test]
async fn a_scope_can_shrink_but_not_grow() {
    let server = DevServer::start_with(|settings| settings.rotate_refresh_tokens = true).await;
    let refresh_token = log_in(&server).refresh_token.unwrap();
    let form = [GRANT, PUBLIC, ("refresh_token", &refresh_token)];
    let wider: Vec<_> = form.into_iter().chain([("scope", "email write")]).collect();
    assert_eq!(token(&server, &wider).await.refusal(), refused("invalid_scope"));
    let narrower: Vec<_> = form.into_iter().chain([("scope", "email")]).collect();
    let answer = token(&server, &narrower).await;
    assert_eq!(answer.text("scope"), "email");
    assert_eq!(refresh(&server, &answer.text("refresh_token")).await.text("scope"), "email read");
}

#[tokio::test]
async fn another_clients_token_and_a_missing_secret_are_an_invalid_client() {
    let server = DevServer::start().await;
    let of_service = server.issue_tokens(server.confidential_client(), "email").refresh_token.unwrap();
    let refusal = (401, "invalid_client".to_owned());
    assert_eq!(refresh(&server, &of_service).await.refusal(), refusal);
    let form = [GRANT, ("client_id", "dev-service"), ("refresh_token", &of_service)];
    assert_eq!(token(&server, &form).await.refusal(), refusal);
    let header = basic("dev-service", "dev-service-secret");
    assert_eq!(post(&server, "/oauth/token", &[("authorization", &header)], &form).await.status, 200);
}

#[tokio::test]
async fn a_missing_parameter_is_an_invalid_request() {
    let server = DevServer::start().await;
    assert_eq!(token(&server, &[GRANT, PUBLIC]).await.refusal(), refused("invalid_request"));
    assert_eq!(token(&server, &[GRANT, ("refresh_token", "x")]).await.refusal(), refused("invalid_request"));
}
