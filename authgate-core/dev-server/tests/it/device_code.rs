use std::time::Duration;

use authgate_dev_server::{DevServer, grant_type};
use authgate_test_support::http::{Answer, Pairs};

use crate::support::{PUBLIC, SECRET, SERVICE, advance, post, refused, send_paused, token};

const GRANT: (&str, &str) = ("grant_type", grant_type::DEVICE_CODE);

async fn begin(server: &DevServer, form: Pairs<'_>) -> Answer {
    post(server, "/oauth/device/code", form).await
}

async fn poll(server: &DevServer, device_code: &str) -> Answer {
    token(server, &[GRANT, PUBLIC, ("device_code", device_code)]).await
}

#[tokio::test]
async fn the_answer_has_codes_urls_and_times() {
    let server = DevServer::start().await;
    let answer = begin(&server, &[PUBLIC, ("scope", "email")]).await;
    let body = answer.json();
    let user_code = answer.text("user_code");
    let verification_uri = format!("{}/device", server.url());
    assert_eq!(answer.status, 200);
    assert_eq!((user_code.len(), user_code.find('-')), (9, Some(4)));
    assert_eq!(body["verification_uri"], verification_uri);
    assert_eq!(
        body["verification_uri_complete"],
        format!("{verification_uri}?user_code={user_code}")
    );
    assert_eq!(
        (&body["expires_in"], &body["interval"]),
        (&1800.into(), &5.into())
    );
    assert_eq!(server.latest_user_code(), Some(user_code));
}

#[tokio::test]
async fn a_bad_authorization_or_poll_is_refused() {
    let server = DevServer::start().await;
    let unknown = begin(&server, &[("client_id", "nobody")]).await;
    assert_eq!(unknown.refusal(), refused("invalid_client"));
    assert_eq!(unknown.text("error_description"), "Unknown client_id");
    let without_secret = (401, "invalid_client".to_owned());
    assert_eq!(begin(&server, &[SERVICE]).await.refusal(), without_secret);
    assert_eq!(
        token(&server, &[GRANT, SERVICE, ("device_code", "x")])
            .await
            .refusal(),
        without_secret
    );
    assert_eq!(
        token(&server, &[GRANT, PUBLIC]).await.refusal(),
        refused("invalid_request")
    );
    assert_eq!(
        token(&server, &[GRANT, ("device_code", "x")])
            .await
            .refusal(),
        refused("invalid_request")
    );
    assert_eq!(
        begin(&server, &[PUBLIC, ("scope", "nonsense")])
            .await
            .refusal(),
        refused("invalid_scope")
    );
    server.change(|settings| {
        settings
            .disabled_grant_types
            .push(grant_type::DEVICE_CODE.to_owned());
    });
    assert_eq!(
        begin(&server, &[PUBLIC]).await.refusal(),
        refused("unauthorized_client")
    );
}

#[tokio::test]
async fn a_code_is_pending_until_approved_and_good_for_one_login() {
    let server = DevServer::start().await;
    let begun = begin(&server, &[PUBLIC, ("scope", "openid email")]).await;
    let device_code = begun.text("device_code");
    let pending = poll(&server, &device_code).await;
    assert_eq!(pending.refusal(), refused("authorization_pending"));
    assert!(pending.json().get("error_description").is_none());

    assert!(server.approve_device(&begun.text("user_code").to_lowercase().replace('-', "")));
    advance(5).await;
    let answer = poll(&server, &device_code).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["scope"], "openid email");
    assert!(answer.json()["refresh_token"].is_string() && answer.json()["id_token"].is_string());

    let used = poll(&server, &device_code).await;
    assert_eq!(used.refusal(), refused("access_denied"));
    assert!(used.json().get("error_description").is_none());
}

#[tokio::test]
async fn denied_unknown_and_other_clients_codes_are_access_denied() {
    let server = DevServer::start().await;
    let begun = begin(&server, &[PUBLIC]).await;
    let (device_code, user_code) = (begun.text("device_code"), begun.text("user_code"));
    let by_service = token(
        &server,
        &[GRANT, SERVICE, SECRET, ("device_code", &device_code)],
    )
    .await;
    assert_eq!(by_service.refusal(), refused("access_denied"));
    assert!(server.deny_device(&user_code));
    assert!(
        !server.approve_device(&user_code),
        "it is no longer pending"
    );
    assert_eq!(
        poll(&server, &device_code).await.refusal(),
        refused("access_denied")
    );
    assert_eq!(
        poll(&server, "unknown").await.refusal(),
        refused("access_denied")
    );
}

#[tokio::test]
async fn a_code_expires() {
    let server = DevServer::start().await;
    let begun = begin(&server, &[PUBLIC]).await;
    advance(1801).await;
    assert!(!server.approve_device(&begun.text("user_code")));
    assert_eq!(
        poll(&server, &begun.text("device_code")).await.refusal(),
        refused("expired_token")
    );
}

#[tokio::test(start_paused = true)]
async fn each_slow_down_lengthens_the_interval_by_five_seconds() {
    let server = DevServer::start().await;
    let device_code = send_paused(&server, "POST", "/oauth/device/code", "client_id=dev-cli")
        .await
        .text("device_code");
    let form = format!(
        "grant_type={}&client_id=dev-cli&device_code={device_code}",
        grant_type::DEVICE_CODE
    );
    let error_after = async |seconds| {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        send_paused(&server, "POST", "/oauth/token", &form)
            .await
            .text("error")
    };
    assert_eq!(error_after(5).await, "authorization_pending");
    assert_eq!(error_after(4).await, "slow_down");
    assert_eq!(error_after(9).await, "slow_down");
    assert_eq!(error_after(15).await, "authorization_pending");
    server.change(|settings| settings.slow_down = false);
    assert_eq!(error_after(0).await, "authorization_pending");
}

#[tokio::test]
async fn a_device_is_approved_or_denied_without_a_browser() {
    let server = DevServer::start().await;
    let decide =
        async |path: &str, user_code: &str| post(&server, path, &[("user_code", user_code)]).await;
    let first = begin(&server, &[PUBLIC]).await;
    assert_eq!(
        decide("/dev/device/approve", &first.text("user_code"))
            .await
            .body,
        "approved\n"
    );
    assert_eq!(poll(&server, &first.text("device_code")).await.status, 200);
    let second = begin(&server, &[PUBLIC]).await;
    assert_eq!(
        decide("/dev/device/deny", &second.text("user_code"))
            .await
            .body,
        "denied\n"
    );
    assert_eq!(
        poll(&server, &second.text("device_code")).await.refusal(),
        refused("access_denied")
    );
    assert_eq!(decide("/dev/device/approve", "AAAA-AAAA").await.status, 400);
}
