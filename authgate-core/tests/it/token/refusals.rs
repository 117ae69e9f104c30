//! What the client makes of a token endpoint that refuses, fails, or lies.

use crate::support::confidential_client;
use authgate_core::{ClientAuthentication, Error, Secret};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;

async fn failed_with(fault: Fault) -> (Error, usize) {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    server.inject(Endpoint::Token, fault, Times::Always);
    let error = client.client_credentials(&[], &[]).await.unwrap_err();
    (error, server.count(Endpoint::Token))
}

#[tokio::test]
async fn a_wrong_secret_is_a_failure_for_good_with_a_hint() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap().with_secret(Secret::from("canary-wrong"));
    let error = client.client_credentials(&[], &[]).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("invalid_client") && text.contains("CLIENT_SECRET") && !text.contains("canary"), "{text}");
    assert!(!error.is_transient());
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn an_unknown_scope_is_explained() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let error = client.client_credentials(&["no-such-scope".to_owned()], &[]).await.unwrap_err();
    assert!(error.to_string().contains("invalid_scope") && !error.is_transient(), "{error}");
}

/// case 36
#[tokio::test(start_paused = true)]
async fn a_refresh_whose_answer_was_lost_is_not_sent_again() {
    let silent = [Fault::Hang, Fault::HeadersThenSilence];
    for fault in [Fault::DropAfter, Fault::Drop, Fault::Truncated, Fault::status(503)].into_iter().chain(silent) {
        let server = DevServer::start().await;
        let client = confidential_client(&server).await.unwrap();
        let mut token = client.client_credentials(&[], &[]).await.unwrap();
        token.refresh_token = Some(Secret::from("canary-refresh"));
        server.inject(Endpoint::Token, fault, Times::Always);
        let error = client.refresh_token(&token).await.unwrap_err();
        assert!(error.is_transient() && !error.needs_login(), "{error}");
        assert_eq!(server.count(Endpoint::Token), 2, "the grant and one refresh");
    }
}

#[tokio::test]
async fn a_refused_refresh_token_ends_the_login() {
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    let mut token = client.client_credentials(&[], &[]).await.unwrap();
    token.refresh_token = Some(Secret::from("canary-unknown"));
    let error = client.refresh_token(&token).await.unwrap_err();
    assert!(error.needs_login() && !error.is_transient());
}

/// cases 29, 30
#[tokio::test]
async fn a_redirected_grant_is_not_followed() {
    for status in [302, 307, 308] {
        let (error, requests) =
            failed_with(Fault::Redirect { status, location: "https://evil.example/token".to_owned() }).await;
        assert!(error.to_string().contains("unexpected redirect to https://evil.example"), "{error}");
        assert_eq!((error.is_transient(), requests), (false, 1));
    }
}

/// cases 30, 54
#[tokio::test]
async fn a_redirect_to_a_host_with_the_secret_in_its_name_is_redacted() {
    let server = DevServer::builder().confidential_client("service", "canary-secret").start().await.unwrap();
    let client = confidential_client(&server).await.unwrap();
    let location = "https://canary-secret.example/".to_owned();
    server.inject(Endpoint::Token, Fault::Redirect { status: 302, location }, Times::Once);
    let error = client.client_credentials(&[], &[]).await.unwrap_err();
    assert!(error.to_string().contains("unexpected redirect to https://[redacted].example"), "{error}");
}

/// case 34
#[tokio::test]
async fn a_refusal_that_is_not_of_the_protocol_costs_nothing_stored() {
    let (error, _) = failed_with(Fault::body(400, "text/html", "<html>blocked by the firewall</html>")).await;
    assert!(error.is_transient() && !error.needs_login(), "{error}");
}

/// case 37
#[tokio::test]
async fn only_a_200_without_an_error_in_it_is_a_grant() {
    let (error, _) = failed_with(Fault::json(200, &json!({"error": "invalid_scope"}))).await;
    assert!(matches!(&error, Error::OAuth { code, .. } if code == "invalid_scope"), "{error}");
    for status in [201, 202, 206] {
        let (error, _) = failed_with(Fault::json(status, &json!({"access_token": "a", "token_type": "Bearer"}))).await;
        assert!(matches!(error, Error::Response { .. }), "{error}");
    }
    let (error, _) = failed_with(Fault::status(204)).await;
    assert!(matches!(error, Error::Response { .. }), "{error}");
}

/// cases 52, 53
#[tokio::test]
async fn a_hostile_error_is_one_short_safe_line() {
    let description = format!("\u{1b}[2J\u{202e}\nline{}", "x".repeat(100_000));
    let (error, _) =
        failed_with(Fault::json(400, &json!({"error": "invalid_scope", "error_description": description}))).await;
    let text = error.to_string();
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\n']), "{text}");
    let Error::OAuth { description: Some(description), .. } = error else { panic!("{text}") };
    assert!(description.chars().count() <= 300 + "...".len() && text.contains(&description), "{description}");

    let link = json!({"error": "very_new_code", "error_uri": "javascript:alert(1)"});
    let (error, _) = failed_with(Fault::json(400, &link)).await;
    assert!(!format!("{error} {error:?}").contains("javascript"), "{error:?}");
    for code in [json!({"a": 1}), json!(7), json!(["x"]), json!("very_new_code")] {
        let (error, _) = failed_with(Fault::json(400, &json!({"error": code}))).await;
        assert!(matches!(error, Error::OAuth { .. }), "{error}");
    }
}

/// case 54
#[tokio::test]
async fn an_error_that_echoes_the_secret_is_redacted() {
    let server = DevServer::builder().confidential_client("service", "canary+secret/1").start().await.unwrap();
    let client = confidential_client(&server).await.unwrap();
    let echoes = [
        Fault::json(400, &json!({"error": "canary+secret/1", "error_description": "you sent canary+secret/1"})),
        Fault::body(400, "text/html", "<p>canary+secret/1</p>"),
    ];
    for echo in echoes {
        server.inject(Endpoint::Token, echo, Times::Once);
        let error = client.client_credentials(&[], &[]).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        assert!(error.to_string().contains("[redacted]"), "{error}");
    }
}

/// case 54
#[tokio::test]
async fn a_secret_is_redacted_in_every_spelling_and_by_every_way() {
    let server = DevServer::builder().confidential_client("service", "canary+/\"x").start().await.unwrap();
    let client = confidential_client(&server).await.unwrap();
    let basic = client.clone().with_client_authentication(ClientAuthentication::Basic);
    let echoes = [
        Fault::body(400, "text/plain", "client_secret=canary%2B%2F%22x"),
        Fault::body(400, "text/canary+/\"x", "wrong"),
        Fault::body(400, "text/html", "<p>canary+/&quot;x</p>"),
        Fault::body(400, "text/html", "<p>canary+/&#34;x</p>"),
        Fault::body(200, "text/plain", "client_secret=canary+/\"x"),
        Fault::json(401, &json!({"error": "invalid_client", "error_description": {"sent": "canary+/\"x"}})),
        Fault::json(401, &json!({"error": "invalid_client", "error_description": "Y2FuYXJ5 canary+/\"x"})),
        Fault::json(200, &json!({"access_token": "abc", "token_type": "canary+/\"x"})),
    ];
    for echo in echoes {
        for client in [&client, &basic] {
            server.inject(Endpoint::Token, echo.clone(), Times::Once);
            let error = client.client_credentials(&[], &[]).await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }
    server.inject(
        Endpoint::Token,
        Fault::json(400, &json!({"error": "x", "error_description": "canary-assertion"})),
        Times::Once,
    );
    let assertion = ("client_assertion".to_owned(), "canary-assertion".to_owned());
    let error = client.client_credentials(&[], &[assertion]).await.unwrap_err();
    assert!(!error.to_string().contains("canary"), "{error}");
}

/// case 155
#[tokio::test]
async fn a_token_in_an_answer_that_cannot_be_read_is_not_shown() {
    for answer in ["access_token=canary&token_type=bearer", "{\"access_token\":\"canary\",\"token_type\":\"Bearer\""] {
        let (error, _) = failed_with(Fault::body(200, "application/x-www-form-urlencoded", answer)).await;
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
