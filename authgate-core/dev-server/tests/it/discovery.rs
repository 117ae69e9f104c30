use authgate_dev_server::DevServer;
use serde_json::json;

use crate::support::{get, post};

const PATH: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn the_document_is_authgates() {
    let server = DevServer::start().await;
    let answer = get(&server, PATH).await;
    let url = server.url();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json(),
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/oauth/authorize"),
            "token_endpoint": format!("{url}/oauth/token"),
            "userinfo_endpoint": format!("{url}/oauth/userinfo"),
            "revocation_endpoint": format!("{url}/oauth/revoke"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "profile", "email", "read", "write"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "grant_types_supported": [
                "authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "refresh_token",
                "client_credentials"
            ],
            "claims_supported": [
                "sub", "iss", "name", "preferred_username", "email", "email_verified", "picture", "updated_at"
            ],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["HS256"],
        })
    );
}

#[tokio::test]
async fn a_member_can_be_set() {
    let server = DevServer::start().await;
    server.set_discovery_member("token_endpoint", 7);
    assert_eq!(get(&server, PATH).await.json()["token_endpoint"], 7);
}

#[tokio::test]
async fn an_issuer_with_a_path_has_all_endpoints_below_it() {
    let server = DevServer::builder()
        .issuer_path("/t1/")
        .start()
        .await
        .unwrap();
    assert!(server.url().ends_with("/t1"));
    let document = get(&server, &format!("/t1{PATH}")).await.json();
    assert_eq!(document["issuer"], server.url());
    assert_eq!(get(&server, PATH).await.status, 404);
    assert_eq!(get(&server, &format!("/t1x{PATH}")).await.status, 404);
    let login = get(&server, "/t1/device?user_code=AAAA-BBBB").await;
    assert_eq!(
        login.header("location"),
        Some("/t1/login?return_to=%2Ft1%2Fdevice%3Fuser_code%3DAAAA-BBBB")
    );
}

#[tokio::test]
async fn an_unknown_path_is_plain_text_404() {
    let server = DevServer::start().await;
    for path in [
        "/",
        "/nothing",
        "//oauth/token",
        "/oauth//token",
        "/oauth/token/",
        "/api",
    ] {
        let answer = post(&server, path, &[]).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (404, Some("text/plain")),
            "{path}"
        );
    }
    let wrong_method = get(&server, "/oauth/token").await;
    assert_eq!(
        (wrong_method.status, wrong_method.header("content-type")),
        (404, Some("text/plain"))
    );
}

#[tokio::test]
async fn keys_and_health_are_authgates() {
    let server = DevServer::start().await;
    assert_eq!(
        get(&server, "/.well-known/jwks.json").await.json(),
        json!({ "keys": [] })
    );
    assert_eq!(
        get(&server, "/health").await.json(),
        json!({ "database": "connected", "status": "healthy" })
    );
}
