//! A token endpoint that refuses, fails, or gives invalid answers.

use authgate_core::{ClientAuthentication, Error, Secret};
use authgate_dev_server::{Endpoint, Fault, Times};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::support::lines;
use crate::support::service::Service;

#[tokio::test]
async fn a_refused_client_or_scope_is_explained() {
    let Service { server, client, .. } = Service::start().await;
    let impostor = client.clone().with_secret(Secret::from("canary-wrong"));
    let wrong_secret = impostor.client_credentials(&[]).await.unwrap_err();
    let unknown_scope = client
        .client_credentials(&["no-such-scope".to_owned()])
        .await
        .unwrap_err();
    assert!(!wrong_secret.is_transient() && !unknown_scope.is_transient());
    insta::assert_snapshot!(lines([wrong_secret, unknown_scope]), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401 invalid_client (Client authentication failed). A new client may have to be approved. Check the client ID and, for a confidential client, the secret
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 invalid_scope (Requested scope exceeds client permissions or contains restricted scopes (openid, offline_access are not permitted); asked for no-such-scope). Request only scopes that the server knows and grants to this client
    ");
    server.assert_requests([Endpoint::Token; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_sent_once_and_only_a_refusal_ends_the_login() {
    let service = Service::start().await;
    let mut token = service.grant().await.unwrap();
    token.refresh_token = Some(Secret::from("canary-unknown"));
    let refused = service.client.refresh_token(&token).await.unwrap_err();
    assert!(refused.needs_login() && !refused.is_transient());
    let faults = [
        Fault::DropAfter,
        Fault::Drop,
        Fault::Truncated,
        Fault::status(408),
        Fault::status(503),
    ];
    for fault in faults
        .into_iter()
        .chain([Fault::Hang, Fault::HeadersThenSilence])
    {
        service.server.forget_requests();
        service.server.clear_faults();
        service.inject(fault, Times::Always);
        let error = service.client.refresh_token(&token).await.unwrap_err();
        assert!(error.is_transient() && !error.needs_login(), "{error}");
        service.server.assert_requests([Endpoint::Token]);
    }
}

#[tokio::test]
async fn a_redirected_grant_is_not_followed() {
    let service = Service::with_secret("canary-secret").await;
    let redirects = [
        (302, "evil"),
        (307, "evil"),
        (308, "evil"),
        (302, "canary-secret"),
    ];
    let redirects = redirects.map(|(status, host)| Fault::Redirect {
        status,
        location: format!("https://{host}.example/token"),
    });
    let refusals = service.failures(redirects).await;
    assert!(refusals.iter().all(|error| !error.is_transient()));
    insta::assert_snapshot!(lines(refusals), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 302: a redirect to https://evil.example, which we do not follow because the credentials would go along. Check the server's URL
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 307: a redirect to https://evil.example, which we do not follow because the credentials would go along. Check the server's URL
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 308: a redirect to https://evil.example, which we do not follow because the credentials would go along. Check the server's URL
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 302: a redirect, which we do not follow because the credentials would go along. Check the server's URL
    ");
}

#[tokio::test]
async fn only_a_200_or_201_without_an_error_in_it_is_a_grant() {
    let service = Service::start().await;
    let token = json!({"access_token": "a", "token_type": "Bearer"});
    service.grant_after(Fault::json(201, &token)).await.unwrap();
    let faults = [
        Fault::json(202, &token),
        Fault::json(206, &token),
        Fault::status(204),
        Fault::body(400, "text/html", "<html>blocked by the firewall</html>"),
    ];
    let mut refusals = service.failures(faults).await;
    for error in &refusals {
        // A proxy may have sent this answer, so it must not end a stored login.
        assert!(
            matches!(error, Error::Response { .. }) && error.is_transient() && !error.needs_login(),
            "{error}"
        );
    }
    let error = service
        .failure(Fault::json(200, &json!({"error": "invalid_scope"})))
        .await;
    assert!(
        matches!(&error, Error::OAuth { code, .. } if code == "invalid_scope"),
        "{error}"
    );
    refusals.push(error);
    insta::assert_snapshot!(lines(refusals), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 202, which is not an OAuth answer (application/json; a body that is not shown)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 206, which is not an OAuth answer (application/json; a body that is not shown)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 204, which is not a JSON object (no content type; an empty body)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (text/html; a body that begins: <html>blocked by the firewall</html>)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 200 invalid_scope. Request only scopes that the server knows and grants to this client
    ");
}

#[tokio::test]
async fn a_member_that_cannot_be_read_hides_no_other() {
    let service = Service::start().await;
    let huge = r#"{"access_token": "a", "token_type": "Bearer", "expires_in": 1e400}"#;
    let fault = Fault::body(200, "application/json", huge);
    assert_eq!(service.grant_after(fault).await.unwrap().lifetime, None);
    let half_a_pair = r#"{"error": "invalid_grant", "error_description": "\ud800"}"#;
    let error = service
        .failure(Fault::body(400, "application/json", half_a_pair))
        .await;
    assert!(error.needs_login(), "{error}");
}

#[tokio::test]
async fn a_hostile_error_is_one_short_safe_line() {
    let service = Service::start().await;
    let hostile = format!("\u{1b}[2J\u{202e}\nline{}", "x".repeat(100_000));
    let hostile = json!({"error": "invalid_scope", "error_description": hostile});
    let error = service.failure(Fault::json(400, &hostile)).await;
    let Error::OAuth {
        description: Some(description),
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert!(
        description.chars().count() <= 300 + "...".len() && error.to_string().contains(description)
    );
    // `lines` fails unless each text is one safe line.
    lines([error]);

    let codes = [
        json!({"a": 1}),
        json!(7),
        json!(["x"]),
        json!("very_new_code"),
    ];
    let answers = codes.map(|code| json!({"error": code, "error_uri": "javascript:alert(1)"}));
    let refusals = service
        .failures(answers.map(|answer| Fault::json(400, &answer)))
        .await;
    for error in &refusals {
        assert!(
            matches!(error, Error::OAuth { .. }) && !format!("{error:?}").contains("javascript"),
            "{error:?}"
        );
    }
    insta::assert_snapshot!(lines(refusals), @r#"
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 {"a":1}
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 7
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 ["x"]
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 very_new_code
    "#);
}

#[tokio::test]
async fn an_answer_that_repeats_a_secret_is_not_shown() {
    const SECRET: &str = "canary+/\"x";
    let service = Service::with_secret(SECRET).await;
    let basic = service
        .client
        .clone()
        .with_client_authentication(ClientAuthentication::Basic);
    let mut shown = Vec::new();
    for echo in [
        Fault::json(
            400,
            &json!({"error": SECRET, "error_description": format!("you sent {SECRET}")}),
        ),
        Fault::body(400, "text/plain", "client_secret=canary%2B%2F%22x"),
        Fault::body(400, "text/canary+/\"x", "wrong"),
        Fault::body(400, "text/html", "<p>canary+/\"x</p>"),
        Fault::body(400, "text/html", "<p>canary+/&quot;x</p>"),
        Fault::body(400, "text/html", "<p>canary+/&#34;x</p>"),
        Fault::body(200, "text/plain", "client_secret=canary+/\"x"),
        Fault::json(
            401,
            &json!({"error": "invalid_client", "error_description": {"sent": SECRET}}),
        ),
        Fault::json(
            401,
            &json!({"error": "invalid_client", "error_description": format!("Y2FuYXJ5 {SECRET}")}),
        ),
        Fault::json(200, &json!({"access_token": "abc", "token_type": SECRET})),
    ] {
        service.inject(echo.clone(), Times::Once);
        let error = basic.client_credentials(&[]).await.unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
        shown.push(service.failure(echo).await);
    }
    service.inject(
        Fault::json(
            400,
            &json!({"error": "x", "error_description": "canary-assertion"}),
        ),
        Times::Once,
    );
    shown.push(
        service
            .client
            .clone()
            .with_parameter("client_assertion", "canary-assertion")
            .client_credentials(&[])
            .await
            .unwrap_err(),
    );
    for error in &shown {
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
    insta::assert_snapshot!(lines(shown), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 [not shown] (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 200, which is not a JSON object (the rest is not shown, because it may repeat a secret of the request)
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401 invalid_client (the rest is not shown, because it may repeat a secret of the request). A new client may have to be approved. Check the client ID and, for a confidential client, the secret
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 401 invalid_client (the rest is not shown, because it may repeat a secret of the request). A new client may have to be approved. Check the client ID and, for a confidential client, the secret
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the token's type is not one that we know, and this client can only use Bearer
    client credentials grant: http://127.0.0.1:[port]/oauth/token answered 400 [not shown] (the rest is not shown, because it may repeat a secret of the request)
    ");
}

#[tokio::test]
async fn an_answer_that_repeats_a_secret_in_another_spelling_is_not_shown() {
    const SECRET: &str = "canary+/<>x";

    let service = Service::with_secret(SECRET).await;
    let in_base64 = BASE64_STANDARD.encode(format!("some:service:{SECRET}?>"));
    let (start, end) = in_base64.split_at(9);
    for spelling in [
        "canary%2b%2f%3c%3ex",
        "canary+/%3C%3ex",
        r"canary+\/<>x",
        r"canary+/\u003c\u003Ex",
        "canary+&#x2F;&lt;&gt;x",
        "canary&#43;/<>x",
        "canary&plus;&sol;&lt;&gt;x",
        r"canary\x2b/\x3C>x",
        "CANARY+/<>X",
        "%26%2343%3b canary&amp;#43;/<>x",
        &in_base64,
        &in_base64.replace('+', "-").replace('/', "_"),
        &in_base64.replace('/', r"\/").replace('+', "%2b"),
        &format!("credentials{start}\r\n{end}"),
    ] {
        for answer in [
            Fault::body(400, "text/plain", format!("beside {spelling}")),
            Fault::json(
                400,
                &json!({"error": "invalid_grant", "error_description": "beside", "sent": spelling}),
            ),
            // A header has one line.
            Fault::body(400, "text/beside", "wrong")
                .with_header("X-Sent", &spelling.replace("\r\n", "")),
        ] {
            let error = service.failure(answer).await;
            assert!(!error.to_string().contains("beside"), "{spelling}: {error}");
        }
    }
    // In UTF-16, every second byte of ASCII is zero.
    let in_utf16: Vec<u8> = "beside canary%2B/<>x"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let error = service
        .failure(Fault::body(400, "text/plain", in_utf16))
        .await;
    assert!(!error.to_string().contains(r"b\u{0}e"), "{error}");
    let other = Fault::body(400, "text/plain", "beside canary+/<> x");
    assert!(service.failure(other).await.to_string().contains("beside"));
}

#[tokio::test]
async fn a_token_in_an_unreadable_answer_is_not_shown() {
    let service = Service::start().await;
    let answers = [
        "access_token=canary&token_type=bearer",
        "{\"access_token\":\"canary\",\"token_type\":\"Bearer\"",
    ];
    let faults =
        answers.map(|answer| Fault::body(200, "application/x-www-form-urlencoded", answer));
    assert!(!lines(service.failures(faults).await).contains("canary"));
    // A gateway that dislikes the server's answer may put it into its own error.
    for name in ["access_token", "refresh_token", "id_token", "device_code"] {
        for body in [
            json!({ name: "canary" }).to_string(),
            json!({"message": "bad upstream", "body": format!("{{\"{name}\":\"canary\"}}")})
                .to_string(),
            format!("{name}=canary&expires_in=60"),
        ] {
            let error = service
                .failure(Fault::body(500, "text/plain", body.clone()))
                .await;
            assert!(!error.to_string().contains("canary"), "{body}: {error}");
        }
    }
}

#[tokio::test]
async fn a_token_larger_than_64_kib_is_refused() {
    const LIMIT: usize = 64 * 1024;

    let service = Service::start().await;
    let answer = |name: &str, length: usize| {
        let mut answer = json!({"access_token": "a", "token_type": "Bearer"});
        answer[name] = "t".repeat(length).into();
        Fault::json(200, &answer)
    };
    let names = ["access_token", "refresh_token", "id_token"];
    for name in names {
        assert!(service.grant_after(answer(name, LIMIT)).await.is_ok());
    }
    let refusals = service
        .failures(names.map(|name| answer(name, LIMIT + 1)))
        .await;
    assert!(refusals.iter().all(|error| !error.is_transient()));
    insta::assert_snapshot!(lines(refusals), @"
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the access_token is larger than 64 KiB
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the refresh_token is larger than 64 KiB
    client credentials grant: http://127.0.0.1:[port]/oauth/token: the id_token is larger than 64 KiB
    ");
}

#[tokio::test]
async fn an_answer_that_takes_long_to_search_is_not_shown() {
    let service = Service::with_secret("canary-secret").await;
    let body = r"%25&amp;\u005caGVsbG8gd29ybGQ beside ".repeat(20_000);
    let error = service.failure(Fault::body(400, "text/plain", body)).await;
    assert!(!error.to_string().contains("beside"), "{error}");
}
