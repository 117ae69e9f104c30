//! The login with a code on another device.

use std::time::Duration;

use crate::support::device::{Running, seconds, start};
use authgate_core::Error;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use serde_json::json;

/// cases 96, 98, 108
#[tokio::test(start_paused = true)]
async fn a_person_approves_on_another_device() {
    let running = start().await;
    running.polls(3).await;
    running.approve();
    running.polls(4).await;
    let with_slack = Duration::from_millis(5250);
    assert!(running.pauses().iter().all(|pause| *pause >= with_slack), "{:?}", running.pauses());

    let user_code = running.server.latest_user_code().unwrap();
    let shown = running.prompt.text();
    assert!(shown.contains(&user_code), "{shown}");
    assert!(shown.contains(&format!("{}/device\n", running.server.url())), "{shown}");
    assert!(shown.contains(&format!("QR: {}/device?user_code={user_code}", running.server.url())), "{shown}");
    assert!(shown.contains("dev-cli") && shown.contains("profile email"), "{shown}");
    assert!(shown.contains("only if you started this login"), "{shown}");
    assert!(running.prompt.count("waiting: 17") > 10, "the time left is shown");
    assert_eq!(running.success().await.scope.as_deref(), Some("profile email"));
}

/// case 109
#[tokio::test(start_paused = true)]
async fn the_device_code_is_never_shown() {
    let running = start().await;
    running.server.inject(Endpoint::Token, Fault::body(502, "text/html", "<h1>Bad gateway</h1>"), Times::Once);
    running.polls(2).await;
    let device_code = running.server.requests_at(Endpoint::Token)[0].parameter("device_code").unwrap().to_owned();
    running.server.inject(
        Endpoint::Token,
        Fault::json(400, &json!({"error": "invalid_request", "error_description": format!("no such {device_code}")})),
        Times::Once,
    );
    let prompt = running.prompt;
    let error = running.failure().await;
    for shown in [prompt.text(), error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains(&device_code), "{shown}");
    }
}

/// cases 97, 98
#[tokio::test(start_paused = true)]
async fn slow_down_lengthens_the_interval_for_good() {
    let running = start().await;
    for _ in 0..2 {
        running.server.inject(Endpoint::Token, Fault::oauth_error(400, "slow_down"), Times::Once);
    }
    let slower = json!({"error": "slow_down", "interval": "90"});
    running.server.inject(Endpoint::Token, Fault::json(400, &slower), Times::Once);
    running.polls(5).await;
    let pauses = running.pauses();
    for (pause, least) in pauses.iter().zip([5, 10, 15, 90, 90]) {
        assert!(*pause >= seconds(least), "{pauses:?}");
    }
    assert!(pauses[4] < seconds(110), "{pauses:?}");
    assert_eq!(running.prompt.count("clock run fast"), 1, "{}", running.prompt.text());
    running.approve();
    running.success().await;
}

/// cases 96, 98: this server answers `slow_down` to a poll that comes too early.
#[tokio::test(start_paused = true)]
async fn a_strict_server_never_finds_a_poll_too_early() {
    let running =
        Running::start(DevServer::start_with(|settings| settings.device_code_interval = seconds(7)).await).await;
    running.polls(10).await;
    assert_eq!(running.prompt.count("fewer questions"), 0, "{}", running.prompt.text());
    running.approve();
    running.success().await;
}

/// case 101
#[tokio::test(start_paused = true)]
async fn the_codes_own_lifetime_ends_the_polling() {
    let server = DevServer::start_with(|settings| settings.device_code_lifetime = seconds(60)).await;
    let running = Running::start(server).await;
    let (server, prompt) = (running.server.url().to_owned(), running.prompt);
    let error = running.failure().await;
    assert!(matches!(error, Error::LoginExpired { .. }), "{server}: {error}");
    assert!(prompt.count("waiting: ") >= 55);
}

/// case 102
#[tokio::test(start_paused = true)]
async fn a_final_answer_ends_the_polling_with_an_error_of_its_own() {
    for (code, is_expected) in [
        ("expired_token", (|error| matches!(error, Error::LoginExpired { .. })) as fn(&Error) -> bool),
        ("access_denied", |error| matches!(error, Error::Denied { .. })),
        ("invalid_grant", |error| matches!(error, Error::OAuth { code, .. } if code == "invalid_grant")),
        ("teapot", |error| matches!(error, Error::OAuth { code, .. } if code == "teapot")),
        ("unauthorized_client", |error| matches!(error, Error::DeviceFlowUnavailable { .. })),
    ] {
        let running = start().await;
        running.polls(1).await;
        running.server.inject(Endpoint::Token, Fault::oauth_error(400, code), Times::Once);
        let error = running.failure().await;
        assert!(is_expected(&error), "{code}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_says_no_ends_the_login() {
    let running = start().await;
    running.polls(1).await;
    assert!(running.server.deny_device(&running.server.latest_user_code().unwrap()));
    let error = running.failure().await;
    assert!(matches!(error, Error::Denied { .. }), "{error}");
}

/// case 103
#[tokio::test(start_paused = true)]
async fn trouble_on_the_way_only_slows_the_polling_down() {
    for fault in [
        Fault::json(429, &json!({"error": "rate_limit_exceeded"})),
        Fault::status(500),
        Fault::oauth_error(500, "server_error"),
        Fault::body(502, "text/html", "<h1>Bad gateway</h1>"),
        Fault::status(503),
        Fault::body(200, "text/html", "<h1>Welcome to the hotel</h1>"),
        Fault::body(400, "text/html", "<h1>Blocked</h1>"),
        Fault::Drop,
        Fault::Hang,
        Fault::Truncated,
    ] {
        let name = format!("{fault:?}");
        let running = start().await;
        for _ in 0..3 {
            running.server.inject(Endpoint::Token, fault.clone(), Times::Once);
        }
        running.polls(5).await;
        let pauses = running.pauses();
        assert!(pauses[1] >= seconds(10) && pauses[2] >= seconds(20) && pauses[3] >= seconds(40), "{name}: {pauses:?}");
        assert!(pauses[4] < seconds(10), "{name}: {pauses:?}");
        assert_eq!(running.prompt.count("Asking again in"), 3, "{name}");
        running.approve();
        running.success().await;
    }
}

/// case 103
#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let running = start().await;
    running.server.inject(Endpoint::Token, Fault::status(503).with_header("retry-after", "100"), Times::Once);
    running.polls(3).await;
    let pauses = running.pauses();
    assert!(pauses[1] >= seconds(100) && pauses[2] < seconds(10), "{pauses:?}");
    running.approve();
    running.success().await;

    let running = start().await;
    running.server.inject(Endpoint::Token, Fault::status(503).with_header("retry-after", "7200"), Times::Once);
    let error = running.failure().await;
    assert!(error.to_string().contains("7200"), "a pause that outlasts the code is the end: {error}");
}

/// case 110
#[tokio::test(start_paused = true)]
async fn an_approval_whose_answer_was_lost_is_not_called_a_refusal() {
    for lost in [Fault::DropAfter, Fault::Truncated, Fault::HeadersThenSilence] {
        let name = format!("{lost:?}");
        let running = start().await;
        running.polls(1).await;
        running.approve();
        running.server.inject(Endpoint::Token, lost, Times::Once);
        let error = running.failure().await;
        assert!(matches!(error, Error::AnswerLost { .. }), "{name}: {error}");
    }
}

/// case 110
#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_answer_that_changed_nothing_is_a_refusal() {
    let running = start().await;
    running.server.inject(Endpoint::Token, Fault::Drop, Times::Once);
    running.polls(2).await;
    assert!(running.server.deny_device(&running.server.latest_user_code().unwrap()));
    let error = running.failure().await;
    assert!(matches!(error, Error::Denied { .. }), "{error}");
}
