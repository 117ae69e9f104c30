use std::time::{SystemTime, UNIX_EPOCH};

use authgate_dev_server::DevServer;
use authgate_test_support::http;
use serde_json::json;

use crate::support::{advance, at, get, post};

#[tokio::test]
async fn a_request_over_the_limit_is_refused_until_the_minute_ends() {
    let server = DevServer::start_with(|settings| settings.rate_limits = true).await;
    for (path, limit) in [
        ("/oauth/token", 20),
        ("/oauth/device/code", 10),
        ("/oauth/introspect", 20),
        ("/login", 5),
    ] {
        for _ in 0..limit {
            assert_ne!(post(&server, path, &[]).await.status, 429, "{path}");
        }
        let answer = http::post(&at(&server, path), &[("accept", "application/json")], &[]).await;
        assert_eq!(answer.status, 429, "{path}");
        let description = "Too many requests. Please try again later.";
        let expected = json!({ "error": "rate_limit_exceeded", "error_description": description });
        assert_eq!(answer.json(), expected);
        assert_eq!(
            answer.header("x-ratelimit-limit"),
            Some(limit.to_string().as_str())
        );
        assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
        assert_eq!(answer.header("retry-after"), None);
        let reset: u64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        assert!((now..=now + 61).contains(&reset), "{now} {reset}");
    }
    let page = http::post(&at(&server, "/login"), &[("accept", "text/html")], &[]).await;
    assert!(
        page.status == 429 && page.body.starts_with("<!DOCTYPE html>"),
        "{page:?}"
    );
    advance(61).await;
    assert_ne!(post(&server, "/oauth/token", &[]).await.status, 429);
}

#[tokio::test]
async fn discovery_userinfo_and_the_default_have_no_limit() {
    let server = DevServer::start_with(|settings| settings.rate_limits = true).await;
    for _ in 0..25 {
        assert_eq!(
            get(&server, "/.well-known/openid-configuration")
                .await
                .status,
            200
        );
        assert_eq!(get(&server, "/oauth/userinfo").await.status, 401);
    }
    server.change(|settings| settings.rate_limits = false);
    for _ in 0..25 {
        assert_eq!(post(&server, "/oauth/token", &[]).await.status, 400);
    }
}
