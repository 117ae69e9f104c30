use std::time::Duration;

use authgate_dev_server::DevServer;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::client::{Answer, CALLBACK, CHALLENGE, VERIFIER, basic, post, token};

const GRANT: (&str, &str) = ("grant_type", "authorization_code");
const PUBLIC: (&str, &str) = ("client_id", "dev-cli");
const SERVICE: (&str, &str) = ("client_id", "dev-service");

pub(crate) fn authorization_url(server: &DevServer, changes: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        PUBLIC,
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email"),
        ("state", "the state"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("nonce", "the nonce"),
    ];
    let kept = usual.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let added = changes.iter().filter(|(_, value)| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept.chain(added)).finish();
    format!("{}/oauth/authorize?{query}", server.url())
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn code(server: &DevServer, changes: &[(&str, &str)]) -> String {
    let redirect = server.approve_authorization(&authorization_url(server, changes)).unwrap();
    assert!(redirect.starts_with(CALLBACK));
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("the state"));
    parameter(&redirect, "code").unwrap()
}

async fn exchange(server: &DevServer, code: &str, verifier: &str) -> Answer {
    let form = [GRANT, PUBLIC, ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
    token(server, &form).await
}

#[tokio::test]
async fn a_code_gets_every_token_of_a_login() {
    let server = DevServer::start().await;
    let answer = exchange(&server, &code(&server, &[]), VERIFIER).await;
    let body = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(body["scope"], "openid profile email");
    assert_eq!(body["expires_in"], 3599);
    assert!(body["refresh_token"].is_string());

    let id_token = answer.text("id_token");
    let claims = id_token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], "dev-cli");
    assert_eq!(claims["sub"], server.user().subject.as_str());
    assert_eq!(claims["nonce"], "the nonce");
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let server = DevServer::start().await;
    let answer = exchange(&server, &code(&server, &[("scope", "email")]), VERIFIER).await;
    assert!(answer.json().get("id_token").is_none());
}

#[tokio::test]
async fn a_code_is_good_for_one_exchange() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    assert_eq!(exchange(&server, &code, VERIFIER).await.status, 200);
    assert_eq!(exchange(&server, &code, VERIFIER).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_code_expires_after_ten_minutes() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    server.advance_clock(Duration::from_secs(601));
    assert_eq!(exchange(&server, &code, VERIFIER).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_wrong_verifier_is_refused_and_leaves_the_code_alone() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    let mut wrong = VERIFIER.to_owned();
    wrong.replace_range(..1, "e");
    for verifier in [wrong.as_str(), "", "short", CHALLENGE] {
        let answer = exchange(&server, &code, verifier).await;
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{verifier}");
    }
    assert_eq!(exchange(&server, &code, VERIFIER).await.status, 200);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let server = DevServer::start().await;
    let code = code(&server, &[SERVICE, ("code_challenge", ""), ("code_challenge_method", "")]);
    let secret = ("client_secret", "dev-service-secret");
    let form = [GRANT, SERVICE, secret, ("code", &code), ("redirect_uri", CALLBACK)];
    let with_verifier: Vec<_> = form.into_iter().chain([("code_verifier", VERIFIER)]).collect();
    assert_eq!(token(&server, &with_verifier).await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(token(&server, &form).await.status, 200);
}

#[tokio::test]
async fn the_redirect_uri_has_to_be_the_one_of_the_request() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    let other = ("redirect_uri", "http://localhost:8888/callback");
    let form = [GRANT, PUBLIC, ("code", &code), other, ("code_verifier", VERIFIER)];
    assert_eq!(token(&server, &form).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn another_clients_code_is_refused() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    let secret = ("client_secret", "dev-service-secret");
    let form = [GRANT, SERVICE, secret, ("code", &code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    assert_eq!(token(&server, &form).await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_parameter_that_is_missing_is_an_invalid_request() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    let whole = [GRANT, PUBLIC, ("code", &code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    for left_out in ["client_id", "code", "redirect_uri"] {
        let form: Vec<_> = whole.into_iter().filter(|(name, _)| *name != left_out).collect();
        assert_eq!(token(&server, &form).await.refusal(), (400, "invalid_request".to_owned()), "{left_out}");
    }
}

#[tokio::test]
async fn a_confidential_clients_secret_is_read_from_the_body_alone() {
    let server = DevServer::start().await;
    let code = code(&server, &[SERVICE]);
    let form = [GRANT, SERVICE, ("code", &code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let header = basic("dev-service", "dev-service-secret");
    let by_basic = post(&server, "/oauth/token", &[("authorization", &header)], &form).await;
    assert_eq!(by_basic.refusal(), (400, "unauthorized_client".to_owned()));
    let in_body: Vec<_> = form.into_iter().chain([("client_secret", "dev-service-secret")]).collect();
    assert_eq!(token(&server, &in_body).await.status, 200);
}

#[tokio::test]
async fn a_bad_request_from_a_known_client_goes_back_to_it() {
    let server = DevServer::start().await;
    let cases = [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "openid nonsense"), "invalid_scope"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "too-short"), "invalid_request"),
    ];
    for (change, error) in cases {
        let redirect = server.approve_authorization(&authorization_url(&server, &[change])).unwrap();
        assert_eq!(parameter(&redirect, "error").as_deref(), Some(error), "{change:?}");
        assert_eq!(parameter(&redirect, "state").as_deref(), Some("the state"));
    }
    let without_pkce = [("code_challenge", ""), ("code_challenge_method", "")];
    let redirect = server.approve_authorization(&authorization_url(&server, &without_pkce)).unwrap();
    assert_eq!(parameter(&redirect, "error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn redirect_uris_can_be_registered_before_and_after_the_start() {
    let early = "http://127.0.0.1:4001/callback";
    let late = "http://127.0.0.1:4002/callback";
    let server = DevServer::builder().redirect_uri(early).start().await.unwrap();
    let allowed = |uri| server.approve_authorization(&authorization_url(&server, &[("redirect_uri", uri)]));
    assert!(allowed(early).is_some());
    assert!(allowed(late).is_none());
    server.register_redirect_uri(late);
    assert!(allowed(late).unwrap().starts_with(late));
}
