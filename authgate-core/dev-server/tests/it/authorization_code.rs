use authgate_dev_server::DevServer;
use authgate_test_support::http::{Answer, Pairs};
use url::{Url, form_urlencoded};

use crate::support::{
    CALLBACK, CHALLENGE, PUBLIC, SECRET, SERVICE, VERIFIER, advance, changed, jwt_part, post,
    post_with_basic, refused, token,
};

pub(crate) fn authorization_url(server: &DevServer, changes: Pairs<'_>) -> String {
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
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(changed(&usual, changes))
        .finish();
    format!("{}/oauth/authorize?{query}", server.url())
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

pub(crate) fn code(server: &DevServer, changes: Pairs<'_>) -> String {
    let redirect = server
        .approve_authorization(&authorization_url(server, changes))
        .unwrap();
    assert!(redirect.starts_with(CALLBACK));
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("the state"));
    parameter(&redirect, "code").unwrap()
}

fn form<'a>(code: &'a str, changes: Pairs<'a>) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("grant_type", "authorization_code"),
        PUBLIC,
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    changed(&usual, changes)
}

pub(crate) async fn exchange(server: &DevServer, code: &str, changes: Pairs<'_>) -> Answer {
    token(server, &form(code, changes)).await
}

#[tokio::test]
async fn a_code_gets_every_token_that_its_scope_allows() {
    let server = DevServer::start().await;
    let answer = exchange(&server, &code(&server, &[]), &[]).await;
    let body = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(body["scope"], "openid profile email");
    assert_eq!(body["expires_in"], 3599);
    assert!(body["refresh_token"].is_string());

    let claims = jwt_part(&answer.text("id_token"), 1);
    assert_eq!(claims["aud"], "dev-cli");
    assert_eq!(claims["sub"], server.user().subject.as_str());
    assert_eq!(claims["nonce"], "the nonce");

    let without_openid = exchange(&server, &code(&server, &[("scope", "email")]), &[]).await;
    assert!(without_openid.json().get("id_token").is_none());
}

#[tokio::test]
async fn a_code_is_good_for_one_exchange_within_ten_minutes() {
    let server = DevServer::start().await;
    let (used, expired) = (code(&server, &[]), code(&server, &[]));
    assert_eq!(exchange(&server, &used, &[]).await.status, 200);
    assert_eq!(
        exchange(&server, &used, &[]).await.refusal(),
        refused("invalid_grant")
    );
    advance(601).await;
    assert_eq!(
        exchange(&server, &expired, &[]).await.refusal(),
        refused("invalid_grant")
    );
}

#[tokio::test]
async fn a_wrong_verifier_is_refused_and_the_code_stays_good() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    let mut wrong = VERIFIER.to_owned();
    wrong.replace_range(..1, "e");
    for verifier in [wrong.as_str(), "", "short", CHALLENGE] {
        let answer = exchange(&server, &code, &[("code_verifier", verifier)]).await;
        assert_eq!(answer.refusal(), refused("invalid_grant"), "{verifier}");
    }
    assert_eq!(exchange(&server, &code, &[]).await.status, 200);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let server = DevServer::start().await;
    let code = code(
        &server,
        &[
            SERVICE,
            ("code_challenge", ""),
            ("code_challenge_method", ""),
        ],
    );
    assert_eq!(
        exchange(&server, &code, &[SERVICE, SECRET]).await.refusal(),
        refused("invalid_grant")
    );
    assert_eq!(
        exchange(&server, &code, &[SERVICE, SECRET, ("code_verifier", "")])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri_and_its_client() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    let other_uri = [("redirect_uri", "http://localhost:8888/callback")];
    assert_eq!(
        exchange(&server, &code, &other_uri).await.refusal(),
        refused("invalid_grant")
    );
    assert_eq!(
        exchange(&server, &code, &[SERVICE, SECRET]).await.refusal(),
        refused("invalid_grant")
    );
}

#[tokio::test]
async fn a_missing_parameter_is_an_invalid_request() {
    let server = DevServer::start().await;
    let code = code(&server, &[]);
    for missing in ["client_id", "code", "redirect_uri"] {
        assert_eq!(
            exchange(&server, &code, &[(missing, "")]).await.refusal(),
            refused("invalid_request"),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn a_secret_of_a_public_client_is_ignored_or_refused() {
    let server = DevServer::start().await;
    let secret = ("client_secret", "of a public client");
    let statuses = async || {
        let login = server.issue_tokens(server.public_client(), "email");
        let refresh = [
            ("grant_type", "refresh_token"),
            PUBLIC,
            secret,
            ("refresh_token", login.refresh_token.as_deref().unwrap()),
        ];
        [
            exchange(&server, &code(&server, &[]), &[secret])
                .await
                .status,
            token(&server, &refresh).await.status,
            post(&server, "/oauth/device/code", &[PUBLIC, secret])
                .await
                .status,
        ]
    };
    assert_eq!(statuses().await, [200, 200, 200]);
    server.change(|settings| settings.refuse_secret_of_public_client = true);
    assert_eq!(statuses().await, [400, 401, 401]);
}

#[tokio::test]
async fn the_secret_is_read_from_the_body_only() {
    let server = DevServer::start().await;
    let code = code(&server, &[SERVICE]);
    let by_basic = post_with_basic(
        &server,
        "/oauth/token",
        (SERVICE.1, SECRET.1),
        &form(&code, &[SERVICE]),
    )
    .await;
    assert_eq!(by_basic.refusal(), refused("unauthorized_client"));
    assert_eq!(
        exchange(&server, &code, &[SERVICE, SECRET]).await.status,
        200
    );
}

#[tokio::test]
async fn a_known_client_hears_of_its_bad_request() {
    let server = DevServer::start().await;
    let cases: [(Pairs<'_>, &str); 7] = [
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("scope", "openid nonsense")], "invalid_scope"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", "too-short")], "invalid_request"),
        (
            &[("code_challenge", ""), ("code_challenge_method", "")],
            "invalid_request",
        ),
    ];
    for (changes, error) in cases {
        let redirect = server
            .approve_authorization(&authorization_url(&server, changes))
            .unwrap();
        assert_eq!(
            parameter(&redirect, "error").as_deref(),
            Some(error),
            "{changes:?}"
        );
        assert_eq!(parameter(&redirect, "state").as_deref(), Some("the state"));
    }
}

#[tokio::test]
async fn a_redirect_uri_can_be_registered() {
    let server = DevServer::start().await;
    let redirect_uri = "http://127.0.0.1:4002/callback";
    let url = authorization_url(&server, &[("redirect_uri", redirect_uri)]);
    let parameters = || {
        let redirect = server.approve_authorization(&url).unwrap();
        ["error", "code"].map(|name| parameter(&redirect, name).is_some())
    };
    assert_eq!(parameters(), [true, false]);
    server.register_redirect_uri(redirect_uri);
    assert_eq!(parameters(), [false, true]);
}
