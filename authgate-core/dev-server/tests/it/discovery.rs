use authgate_dev_server::{DevServer, SigningAlgorithm};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::json;

use crate::client::{get, post, token};

const PATH: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn the_document_names_what_authgate_names_and_nothing_else() {
    let server = DevServer::start().await;
    let answer = get(&server, PATH, &[]).await;
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
async fn a_public_key_is_published_only_under_es256_and_verifies_the_tokens() {
    let server = DevServer::start().await;
    assert_eq!(get(&server, "/.well-known/jwks.json", &[]).await.json(), json!({ "keys": [] }));

    let server = DevServer::builder().signing_algorithm(SigningAlgorithm::Es256).start().await.unwrap();
    let document = get(&server, PATH, &[]).await.json();
    assert_eq!(document["jwks_uri"], format!("{}/.well-known/jwks.json", server.url()));
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["ES256"]));

    let key = get(&server, "/.well-known/jwks.json", &[]).await.json()["keys"][0].clone();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let point = [vec![4], decode(key["x"].as_str().unwrap()), decode(key["y"].as_str().unwrap())].concat();
    let access_token = server.issue_tokens(server.public_client(), "email").access_token;
    let (signed, signature) = access_token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &decode(signature)).unwrap();
}

#[tokio::test]
async fn members_can_be_set_and_removed() {
    let server = DevServer::start().await;
    server.set_discovery_member("token_endpoint", 7);
    server.remove_discovery_member("userinfo_endpoint");
    let document = get(&server, PATH, &[]).await.json();
    assert_eq!(document["token_endpoint"], 7);
    assert!(document.get("userinfo_endpoint").is_none());
}

#[tokio::test]
async fn an_issuer_can_have_a_path_and_then_lives_below_it_alone() {
    let server = DevServer::builder().issuer_path("/t1/").start().await.unwrap();
    assert!(server.url().ends_with("/t1"));
    let document = get(&server, &format!("/t1{PATH}"), &[]).await.json();
    assert_eq!(document["issuer"], server.url());
    assert_eq!(get(&server, PATH, &[]).await.status, 404);
    assert_eq!(get(&server, &format!("/t1x{PATH}"), &[]).await.status, 404);
    let login = get(&server, "/t1/device?user_code=AAAA-BBBB", &[]).await;
    assert_eq!(login.header("location"), Some("/t1/login?return_to=%2Ft1%2Fdevice%3Fuser_code%3DAAAA-BBBB"));
}

#[tokio::test]
async fn a_path_that_does_not_exist_is_plain_text_404() {
    let server = DevServer::start().await;
    for path in ["/", "/nothing", "//oauth/token", "/oauth//token", "/oauth/token/", "/api"] {
        let answer = post(&server, path, &[], &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/plain")), "{path}");
    }
    let wrong_method = get(&server, "/oauth/token", &[]).await;
    assert_eq!((wrong_method.status, wrong_method.header("content-type")), (404, Some("text/plain")));
}

#[tokio::test]
async fn health_is_as_authgate_says_it() {
    let server = DevServer::start().await;
    let answer = get(&server, "/health", &[]).await;
    assert_eq!(answer.json(), json!({ "database": "connected", "status": "healthy" }));
}

#[tokio::test]
async fn an_unknown_grant_type_is_unsupported() {
    let server = DevServer::start().await;
    let answer = token(&server, &[("grant_type", "password")]).await;
    assert_eq!(answer.refusal(), (400, "unsupported_grant_type".to_owned()));
}
