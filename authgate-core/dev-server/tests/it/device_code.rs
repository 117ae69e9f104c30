use std::time::Duration;

use authgate_dev_server::{DevServer, grant_type};
use tokio::time::advance;

use crate::client::{Answer, post, token};

const PUBLIC: (&str, &str) = ("client_id", "dev-cli");

async fn begin(server: &DevServer, form: &[(&str, &str)]) -> Answer {
    post(server, "/oauth/device/code", &[], form).await
}

async fn poll(server: &DevServer, device_code: &str) -> Answer {
    token(server, &[("grant_type", grant_type::DEVICE_CODE), PUBLIC, ("device_code", device_code)]).await
}

fn refused(error: &str) -> (u16, String) {
    (400, error.to_owned())
}

#[tokio::test]
async fn the_codes_come_with_the_place_to_go_and_the_times_to_keep() {
    let server = DevServer::start().await;
    let answer = begin(&server, &[PUBLIC, ("scope", "email")]).await;
    let body = answer.json();
    let user_code = answer.text("user_code");
    let verification_uri = format!("{}/device", server.url());
    assert_eq!(answer.status, 200);
    assert_eq!((user_code.len(), user_code.find('-')), (9, Some(4)));
    assert_eq!(body["verification_uri"], verification_uri);
    assert_eq!(body["verification_uri_complete"], format!("{verification_uri}?user_code={user_code}"));
    assert_eq!((&body["expires_in"], &body["interval"]), (&1800.into(), &5.into()));
    assert_eq!(server.latest_user_code(), Some(user_code));
}

#[tokio::test]
async fn a_client_that_may_not_begin_is_told_why() {
    let server = DevServer::start().await;
    let unknown = begin(&server, &[("client_id", "nobody")]).await;
    assert_eq!(unknown.refusal(), refused("invalid_client"));
    assert_eq!(unknown.text("error_description"), "Unknown client_id");
    let without_secret = begin(&server, &[("client_id", "dev-service")]).await;
    assert_eq!(without_secret.refusal(), (401, "invalid_client".to_owned()));
    assert_eq!(begin(&server, &[PUBLIC, ("scope", "nonsense")]).await.refusal(), refused("invalid_scope"));
    server.change(|settings| settings.disabled_grant_types.push(grant_type::DEVICE_CODE.to_owned()));
    assert_eq!(begin(&server, &[PUBLIC]).await.refusal(), refused("unauthorized_client"));
}

#[tokio::test(start_paused = true)]
async fn it_is_pending_until_it_is_approved_and_then_good_for_one_login() {
    let server = DevServer::start().await;
    let begun = begin(&server, &[PUBLIC, ("scope", "openid email")]).await;
    let device_code = begun.text("device_code");
    let pending = poll(&server, &device_code).await;
    assert_eq!(pending.refusal(), refused("authorization_pending"));
    assert!(pending.json().get("error_description").is_none());

    assert!(server.approve_device(&begun.text("user_code").to_lowercase().replace('-', "")));
    advance(Duration::from_secs(5)).await;
    let answer = poll(&server, &device_code).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["scope"], "openid email");
    assert!(answer.json()["refresh_token"].is_string() && answer.json()["id_token"].is_string());

    let used = poll(&server, &device_code).await;
    assert_eq!(used.refusal(), refused("access_denied"));
    assert!(used.json().get("error_description").is_none());
}

#[tokio::test]
async fn a_denied_an_unknown_and_another_clients_code_are_all_access_denied() {
    let server = DevServer::start().await;
    let begun = begin(&server, &[PUBLIC]).await;
    let device_code = begun.text("device_code");
    let service = [
        ("grant_type", grant_type::DEVICE_CODE),
        ("client_id", "dev-service"),
        ("client_secret", "dev-service-secret"),
        ("device_code", &device_code),
    ];
    assert_eq!(token(&server, &service).await.refusal(), refused("access_denied"));
    assert!(server.deny_device(&begun.text("user_code")));
    assert!(!server.approve_device(&begun.text("user_code")), "nobody waits any more");
    assert_eq!(poll(&server, &device_code).await.refusal(), refused("access_denied"));
    assert_eq!(poll(&server, "unknown").await.refusal(), refused("access_denied"));
}

#[tokio::test]
async fn a_code_expires() {
    let server = DevServer::start().await;
    let begun = begin(&server, &[PUBLIC]).await;
    server.advance_clock(Duration::from_secs(1801));
    assert!(!server.approve_device(&begun.text("user_code")));
    assert_eq!(poll(&server, &begun.text("device_code")).await.refusal(), refused("expired_token"));
}

#[tokio::test(start_paused = true)]
async fn whoever_polls_too_fast_has_to_slow_down_by_five_seconds_for_good() {
    let server = DevServer::start().await;
    let device_code = begin(&server, &[PUBLIC]).await.text("device_code");
    let after = async |seconds| {
        advance(Duration::from_secs(seconds)).await;
        poll(&server, &device_code).await.text("error")
    };
    assert_eq!(after(5).await, "authorization_pending");
    assert_eq!(after(4).await, "slow_down");
    assert_eq!(after(9).await, "slow_down");
    assert_eq!(after(15).await, "authorization_pending");
    server.change(|settings| settings.slow_down = false);
    assert_eq!(after(0).await, "authorization_pending");
}

#[tokio::test]
async fn a_poll_needs_both_parameters_and_the_secret_of_a_confidential_client() {
    let server = DevServer::start().await;
    let grant = ("grant_type", grant_type::DEVICE_CODE);
    assert_eq!(token(&server, &[grant, PUBLIC]).await.refusal(), refused("invalid_request"));
    assert_eq!(token(&server, &[grant, ("device_code", "x")]).await.refusal(), refused("invalid_request"));
    let without_secret = [grant, ("client_id", "dev-service"), ("device_code", "x")];
    assert_eq!(token(&server, &without_secret).await.refusal(), (401, "invalid_client".to_owned()));
}

#[tokio::test]
async fn a_device_can_be_approved_and_denied_without_a_browser() {
    let server = DevServer::start().await;
    let decide = async |path: &str, user_code: &str| post(&server, path, &[], &[("user_code", user_code)]).await;
    let first = begin(&server, &[PUBLIC]).await;
    assert_eq!(decide("/dev/device/approve", &first.text("user_code")).await.body, "approved\n");
    assert_eq!(poll(&server, &first.text("device_code")).await.status, 200);
    let second = begin(&server, &[PUBLIC]).await;
    assert_eq!(decide("/dev/device/deny", &second.text("user_code")).await.body, "denied\n");
    assert_eq!(poll(&server, &second.text("device_code")).await.refusal(), refused("access_denied"));
    assert_eq!(decide("/dev/device/approve", "AAAA-AAAA").await.status, 400);
}
