use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authgate_dev_server::DevServer;
use serde_json::json;

use crate::client::{get, post};

#[tokio::test]
async fn the_request_over_the_limit_is_refused_until_the_minute_is_over() {
    let server = DevServer::start_with(|settings| settings.rate_limits = true).await;
    for (path, limit) in [("/oauth/token", 20), ("/oauth/device/code", 10), ("/oauth/introspect", 20), ("/login", 5)] {
        for _ in 0..limit {
            assert_ne!(post(&server, path, &[], &[]).await.status, 429, "{path}");
        }
        let answer = post(&server, path, &[("accept", "application/json")], &[]).await;
        assert_eq!(answer.status, 429, "{path}");
        assert_eq!(
            answer.json(),
            json!({
                "error": "rate_limit_exceeded",
                "error_description": "Too many requests. Please try again later.",
            })
        );
        assert_eq!(answer.header("x-ratelimit-limit"), Some(limit.to_string().as_str()));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
        assert_eq!(answer.header("retry-after"), None);
        let reset: u64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((now..=now + 61).contains(&reset), "{now} {reset}");
    }
    assert!(post(&server, "/login", &[("accept", "text/html")], &[]).await.body.starts_with("<!DOCTYPE html>"));
    server.advance_clock(Duration::from_secs(61));
    assert_ne!(post(&server, "/oauth/token", &[], &[]).await.status, 429);
}

#[tokio::test]
async fn discovery_and_userinfo_have_no_limit_and_nothing_has_one_unless_asked_for() {
    let server = DevServer::start_with(|settings| settings.rate_limits = true).await;
    for _ in 0..25 {
        assert_eq!(get(&server, "/.well-known/openid-configuration", &[]).await.status, 200);
        assert_eq!(get(&server, "/oauth/userinfo", &[]).await.status, 401);
    }
    let server = DevServer::start().await;
    for _ in 0..25 {
        assert_eq!(post(&server, "/oauth/token", &[], &[]).await.status, 400);
    }
}
