//! Answers of authorization servers that do not write what AuthGate writes.

use authgate_core::{Error, Result, Token};
use authgate_dev_server::{Fault, Times};
use serde_json::{Value, json};

use crate::support::lines;
use crate::support::service::Service;

async fn granted(service: &Service, scopes: &[String], scope: Value) -> Result<Token> {
    service.inject(Fault::set_member("scope", scope), Times::Once);
    service.client.client_credentials(scopes).await
}

#[tokio::test]
async fn an_error_in_another_json_is_shown_as_plain_text_is() {
    let service = Service::with_secret("canary-secret").await;
    let refusals = service
        .failures([
            Fault::json(
                403,
                &json!({"errorCode": "E0000006", "errorSummary": "You do not have permission"}),
            ),
            Fault::json(
                401,
                &json!({"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}}),
            ),
            Fault::json(403, &json!({"message": "Missing Authentication Token"})),
            Fault::json(404, &json!({"message": "no Route matched with those values"})),
            Fault::body(
                400,
                "application/problem+json",
                r#"{"title":"Bad Request","status":400,"detail":"no such realm\u001b[2J"}"#,
            ),
            Fault::json(400, &json!({"message": "unknown secret canary-secret"})),
            Fault::json(404, &json!({"message": "unknown secret canary-secret"})),
        ])
        .await;
    insta::assert_snapshot!(lines(refusals), @r#"
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 403, which is not an OAuth answer (application/json; a body that begins: {"errorCode":"E0000006","errorSummary":"You do not have permission"})
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401, which is not an OAuth answer (application/json; a body that begins: {"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.v2.InvalidApiKey"}}})
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 403, which is not an OAuth answer (application/json; a body that begins: {"message":"Missing Authentication Token"})
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 404: there is nothing at this address (application/json; a body that begins: {"message":"no Route matched with those values"}). Check the server's URL
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not an OAuth answer (application/problem+json; a body that begins: {"title":"Bad Request","status":400,"detail":"no such realm\u001b[2J"})
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not an OAuth answer (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 404: there is nothing at this address (the rest is not shown, because it may repeat a secret of the request). Check the server's URL
    "#);
}

#[tokio::test]
async fn a_code_of_the_standard_counts_under_another_name_too() {
    // Okta's answer to an unknown client.
    let answer = json!({
        "errorCode": "invalid_client",
        "errorSummary": "Invalid value for 'client_id' parameter.",
        "errorLink": "invalid_client",
        "errorId": "oaeW0pw2sxCRjqJlPJ8JVbRuQ",
        "errorCauses": [],
    });
    let error = Service::start()
        .await
        .failure(Fault::json(401, &answer))
        .await;
    assert!(!error.is_transient(), "{error:?}");
    insta::assert_snapshot!(lines([error]), @"client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401 invalid_client (Invalid value for 'client_id' parameter.). A new client may have to be approved. Check the client ID and, for a confidential client, the secret");
}

#[tokio::test]
async fn an_error_member_that_names_no_error_is_none() {
    let service = Service::start().await;
    for error in [
        json!(false),
        json!(0),
        json!(0.0),
        json!([]),
        json!({}),
        json!(null),
        json!(""),
    ] {
        let token = service
            .grant_after(Fault::set_member("error", error.clone()))
            .await;
        assert!(token.is_ok(), "{error}: {token:?}");
    }
}

#[tokio::test]
async fn a_description_that_repeats_the_code_is_left_out() {
    let answer =
        json!({"error": "unauthorized_client", "error_description": "unauthorized_client"});
    let error = Service::start()
        .await
        .failure(Fault::json(400, &answer))
        .await;
    assert!(
        matches!(
            &error,
            Error::OAuth {
                description: None,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn scopes_are_compared_however_they_are_written() {
    let service = Service::start().await;
    let [two, one] = [&["profile", "email"] as &[&str], &["profile email"]].map(|scopes| {
        scopes
            .iter()
            .copied()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    for (scope, shown, missing) in [
        (json!("profile,email"), "profile email", &[] as &[&str]),
        (json!("profile, email"), "profile email", &[]),
        (json!("email,admin"), "email admin", &["profile"]),
        (json!(["email", "profile"]), "email profile", &[]),
        (json!(["email"]), "email", &["profile"]),
        (json!(["profile email"]), "profile email", &[]),
        (json!([]), "", &["profile", "email"]),
        (json!("profile email"), "profile email", &[]),
        (json!("email"), "email", &["profile"]),
    ] {
        for asked in [&two, &one] {
            let token = granted(&service, asked, scope.clone()).await.unwrap();
            assert_eq!(
                (token.scope.as_deref(), &*token.missing_scopes(asked)),
                (Some(shown), missing),
                "{scope} for {asked:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_with_many_headers_is_read() {
    let service = Service::start().await;
    let mut answer = Fault::json(200, &json!({"access_token": "a", "token_type": "Bearer"}));
    for number in 0..150 {
        answer = answer.with_header(&format!("X-Trace-{number}"), "1");
    }
    service.grant_after(answer).await.unwrap();
}
