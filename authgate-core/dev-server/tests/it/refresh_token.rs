use authgate_dev_server::{DevServer, IssuedTokens};

use crate::support::{
    PUBLIC, SECRET, SERVICE, advance, get_with_bearer, post_with_basic, refresh, refused, token,
};

const GRANT: (&str, &str) = ("grant_type", "refresh_token");

fn log_in(server: &DevServer) -> IssuedTokens {
    server.issue_tokens(server.public_client(), "email read")
}

async fn userinfo_status(server: &DevServer, access_token: &str) -> u16 {
    get_with_bearer(server, "/oauth/userinfo", access_token)
        .await
        .status
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
        assert_eq!(
            userinfo_status(&server, &answer.text("access_token")).await,
            200
        );
    }
}

#[tokio::test]
async fn a_rotated_refresh_token_revokes_its_login_when_reused() {
    let server = DevServer::start_with(|settings| settings.rotate_refresh_tokens = true).await;
    let other_login = log_in(&server);
    let old = log_in(&server).refresh_token.unwrap();
    let refreshed = refresh(&server, &old).await;
    let new = refreshed.text("refresh_token");
    assert_ne!(new, old);
    assert_eq!(
        userinfo_status(&server, &refreshed.text("access_token")).await,
        200
    );

    assert_eq!(
        refresh(&server, &old).await.refusal(),
        refused("invalid_grant")
    );
    assert_eq!(
        refresh(&server, &new).await.refusal(),
        refused("invalid_grant")
    );
    assert_eq!(
        userinfo_status(&server, &refreshed.text("access_token")).await,
        401
    );
    assert_eq!(
        userinfo_status(&server, &other_login.access_token).await,
        200
    );
}

#[tokio::test]
async fn an_unknown_revoked_or_expired_token_is_an_invalid_grant() {
    let server = DevServer::start().await;
    let login = log_in(&server);
    let (revoked, expired) = (
        login.refresh_token.unwrap(),
        log_in(&server).refresh_token.unwrap(),
    );
    server.revoke(&revoked);
    for bad in ["unknown", &login.access_token, &revoked] {
        assert_eq!(
            refresh(&server, bad).await.refusal(),
            refused("invalid_grant"),
            "{bad}"
        );
    }
    advance(31 * 24 * 60 * 60).await;
    assert_eq!(
        refresh(&server, &expired).await.refusal(),
        refused("invalid_grant")
    );
}

#[tokio::test]
async fn a_scope_can_shrink_but_not_grow() {
    let server = DevServer::start_with(|settings| settings.rotate_refresh_tokens = true).await;
    let refresh_token = log_in(&server).refresh_token.unwrap();
    let with_scope = async |scope| {
        token(
            &server,
            &[
                GRANT,
                PUBLIC,
                ("refresh_token", &refresh_token),
                ("scope", scope),
            ],
        )
        .await
    };
    assert_eq!(
        with_scope("email write").await.refusal(),
        refused("invalid_scope")
    );
    let answer = with_scope("email").await;
    assert_eq!(answer.text("scope"), "email");
    assert_eq!(
        refresh(&server, &answer.text("refresh_token"))
            .await
            .text("scope"),
        "email read"
    );
}

#[tokio::test]
async fn another_client_or_one_without_its_secret_is_invalid() {
    let server = DevServer::start().await;
    let refresh_token = server
        .issue_tokens(server.confidential_client(), "email")
        .refresh_token
        .unwrap();
    let refusal = (401, "invalid_client".to_owned());
    assert_eq!(refresh(&server, &refresh_token).await.refusal(), refusal);
    let form = [GRANT, SERVICE, ("refresh_token", &refresh_token)];
    assert_eq!(token(&server, &form).await.refusal(), refusal);
    assert_eq!(
        post_with_basic(&server, "/oauth/token", (SERVICE.1, SECRET.1), &form)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_missing_parameter_is_an_invalid_request() {
    let server = DevServer::start().await;
    assert_eq!(
        token(&server, &[GRANT, PUBLIC]).await.refusal(),
        refused("invalid_request")
    );
    assert_eq!(
        token(&server, &[GRANT, ("refresh_token", "x")])
            .await
            .refusal(),
        refused("invalid_request")
    );
}
