//! The login with a code on another device.

use std::time::Duration;

use authgate_core::test_util::run_device_flow;
use authgate_core::{Error, InFlight};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::device::{Running, seconds, start};
use crate::support::flow::{Recorder, client, described};

#[tokio::test(start_paused = true)]
async fn a_person_approves_on_another_device() {
    // The server answers `slow_down` if a poll is too early.
    let server = DevServer::start_with(|settings| settings.device_code_interval = seconds(7)).await;
    let running = Running::start(server).await;
    running.polls(10).await;
    running.approve();
    running.polls(11).await;
    let with_slack = Duration::from_millis(7250);
    assert!(
        running.pauses().iter().all(|pause| *pause >= with_slack),
        "{:?}",
        running.pauses()
    );

    let (page, user_code) = (
        format!("{}/device", running.server.url()),
        running.user_code(),
    );
    assert_eq!(
        (
            running.prompt.text().matches(&page).count(),
            running.prompt.text().matches(&user_code).count()
        ),
        (1, 1)
    );
    assert_snapshot!(running.prompt.said(), @"
    device: To log in, open this page on this machine:

        http://127.0.0.1:[port]/device

    and enter the code:  [code]   (valid for 30 minutes)

    This gives dev-cli access to: profile, email. Enter the code only if you started this login.
    ");
    assert!(
        running.prompt.count("waiting: 17") > 10,
        "the time left is shown"
    );
    assert_eq!(
        running.success().await.scope.as_deref(),
        Some("profile email")
    );
}

#[tokio::test(start_paused = true)]
async fn the_prompt_names_another_site_and_needs_no_scopes() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let page = "https://login.example.net/device";
    let complete = format!("{page}?user_code=BDWP-HQPK");
    server.inject(
        Endpoint::DeviceAuthorization,
        Fault::Members(vec![
            ("verification_uri".to_owned(), Some(page.into())),
            (
                "verification_uri_complete".to_owned(),
                Some(complete.into()),
            ),
        ]),
        Times::Once,
    );
    server.inject(
        Endpoint::Token,
        Fault::oauth_error(400, "access_denied"),
        Times::Once,
    );
    let prompt = Recorder::default();
    run_device_flow(&client, &[], &prompt, &InFlight::default())
        .await
        .unwrap_err();
    assert_snapshot!(prompt.said(), @"
    device: To log in, open this page on any device:

        https://login.example.net/device

    and enter the code:  [code]   (valid for 30 minutes)

    The page is on https://login.example.net, another site than the server http://127.0.0.1:[port].
    This gives dev-cli access to your account. Enter the code only if you started this login.
    QR: https://login.example.net/device?user_code=[code]
    ");
}

#[tokio::test(start_paused = true)]
async fn the_device_code_is_never_shown() {
    let running = start().await;
    running.break_poll(Fault::body(502, "text/html", "<h1>Bad gateway</h1>"));
    running.polls(2).await;
    let device_code = running.server.requests_at(Endpoint::Token)[0]
        .parameter("device_code")
        .unwrap()
        .to_owned();
    let description = format!("no such {device_code}");
    running.break_poll(Fault::json(
        400,
        &json!({"error": "invalid_request", "error_description": description}),
    ));
    let prompt = running.prompt;
    let error = running.failure().await;
    for shown in [prompt.text(), error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains(&device_code), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_down_lengthens_every_later_interval() {
    let running = start().await;
    running.break_poll(Fault::oauth_error(400, "slow_down"));
    running.break_poll(Fault::oauth_error(400, "slow_down"));
    running.break_poll(Fault::json(
        400,
        &json!({"error": "slow_down", "interval": "90"}),
    ));
    running.polls(5).await;
    let pauses = running.pauses();
    for (pause, least) in pauses.iter().zip([5, 10, 15, 90, 90]) {
        assert!(*pause >= seconds(least), "{pauses:?}");
    }
    assert!(pauses[4] < seconds(110), "{pauses:?}");
    assert_snapshot!(running.prompt.notices(), @"
    notice: The server asked us to slow down: polling every 10 seconds.
    notice: The server asked us to slow down: polling every 15 seconds.
    notice: The server asked us to slow down: polling every 90 seconds.
    notice: The server still finds our polls too frequent. Does this machine's clock run fast, as in some virtual machines?
    ");
    running.approve();
    running.success().await;
}

#[tokio::test(start_paused = true)]
async fn a_final_answer_ends_the_polling() {
    let mut errors = Vec::new();
    for code in [
        "expired_token",
        "access_denied",
        "invalid_grant",
        "teapot",
        "unauthorized_client",
    ] {
        let running = start().await;
        running.polls(1).await;
        running.break_poll(Fault::oauth_error(400, code));
        errors.push(format!(
            "{code}\n    {}",
            described(&running.failure().await)
        ));
    }
    let running = start().await;
    running.polls(1).await;
    running.deny();
    errors.push(format!(
        "a person\n    {}",
        described(&running.failure().await)
    ));
    assert_snapshot!(errors.join("\n"), @"
    expired_token
        LoginExpired: the login timed out: the code expired before anybody approved it
    access_denied
        Denied: access denied: the login request was declined
    invalid_grant
        OAuth: device code grant: http://127.0.0.1:[port]/oauth/token answered 400 invalid_grant. The grant has expired, was revoked or was already used. Log in again
    teapot
        OAuth: device code grant: http://127.0.0.1:[port]/oauth/token answered 400 teapot
    unauthorized_client
        Other: the device flow is not available: this client is not allowed the device grant. Log in with a browser, or enable the device grant in the client's registration
    a person
        Denied: access denied: the login request was declined
    ");
}

#[tokio::test(start_paused = true)]
async fn a_failed_poll_only_slows_the_polling_down() {
    let mut notices = Vec::new();
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
        let running = start().await;
        for _ in 0..3 {
            running.break_poll(fault.clone());
        }
        running.polls(5).await;
        let pauses = running.pauses();
        for (pause, least) in pauses[1..].iter().zip([10, 20, 40]) {
            assert!(*pause >= seconds(least), "{fault:?}: {pauses:?}");
        }
        assert!(pauses[4] < seconds(10), "{fault:?}: {pauses:?}");
        assert_eq!(running.prompt.count("Polling again in"), 3, "{fault:?}");
        notices.extend(running.prompt.notices().lines().next().map(str::to_owned));
        running.approve();
        running.success().await;
    }
    assert_snapshot!(notices.join("\n"), @"
    notice: Device code grant: http://127.0.0.1:[port]/oauth/token answered 429 rate_limit_exceeded. Polling again in 11 seconds.
    notice: Device code grant: http://127.0.0.1:[port]/oauth/token answered 500, which is not a JSON object (no content type; an empty body). Polling again in 11 seconds.
    notice: Device code grant: http://127.0.0.1:[port]/oauth/token answered 500 server_error. Polling again in 11 seconds.
    notice: Device code grant: http://127.0.0.1:[port]/oauth/token answered 502, which is not a JSON object (text/html; a body that begins: <h1>Bad gateway</h1>). Polling again in 11 seconds.
    notice: Device code grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body). Polling again in 11 seconds.
    notice: Device code grant: http://127.0.0.1:[port]/oauth/token answered 200, which is not a JSON object (text/html; a body that is not shown). Polling again in 11 seconds.
    notice: Device code grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (text/html; a body that begins: <h1>Blocked</h1>). Polling again in 11 seconds.
    notice: Device code grant: lost the connection to http://127.0.0.1:[port]/oauth/token. Polling again in 11 seconds.
    notice: Device code grant: timed out while waiting for an answer from http://127.0.0.1:[port]/oauth/token. Polling again in 11 seconds.
    notice: Device code grant: lost the connection to http://127.0.0.1:[port]/oauth/token. Polling again in 11 seconds.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let running = start().await;
    running.break_poll(Fault::status(503).with_header("retry-after", "100"));
    running.polls(3).await;
    let pauses = running.pauses();
    assert!(
        pauses[1] >= seconds(100) && pauses[2] < seconds(10),
        "{pauses:?}"
    );
    running.approve();
    running.success().await;

    // A pause that is longer than the code's lifetime ends the login.
    let running = start().await;
    running.break_poll(Fault::status(503).with_header("retry-after", "7200"));
    assert_snapshot!(described(&running.failure().await), @"Response: device code grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body). Try again in 7200 s");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_a_refusal_only_if_it_changed_nothing() {
    for lost in [
        Fault::DropAfter,
        Fault::Truncated,
        Fault::HeadersThenSilence,
    ] {
        let running = start().await;
        running.polls(1).await;
        running.approve();
        running.break_poll(lost.clone());
        let error = running.failure().await;
        assert!(
            error.to_string().contains("answer was lost") && !error.is_transient(),
            "{lost:?}: {error}"
        );
    }
    let running = start().await;
    running.break_poll(Fault::Drop);
    running.polls(2).await;
    running.deny();
    let error = running.failure().await;
    assert!(matches!(error, Error::Denied { .. }), "{error}");
}

/// A login whose code is valid for `lifetime` seconds and may be polled every `interval` seconds.
async fn start_briefly(lifetime: u64, interval: u64) -> Running {
    let server = DevServer::start_with(|settings| {
        settings.device_code_lifetime = seconds(lifetime);
        settings.device_code_interval = seconds(interval);
    })
    .await;
    Running::start(server).await
}

#[tokio::test(start_paused = true)]
async fn the_last_poll_comes_before_the_code_expires() {
    for (lifetime, interval) in [(20, 19), (20, 15), (30, 29), (1800, 1799), (2, 1)] {
        let running = start_briefly(lifetime, interval).await;
        running.code().await;
        running.approve();
        running.polls(1).await;
        let pause = running.pauses()[0];
        assert!(
            pause >= seconds(interval) && pause < seconds(lifetime),
            "{interval} of {lifetime} s: {pause:?}"
        );
        running.success().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_longer_interval_or_a_backoff_leaves_time_for_a_last_poll() {
    // Both lengthen the pause to 10 s, and with its slack it would end after the code.
    for fault in [Fault::oauth_error(400, "slow_down"), Fault::status(503)] {
        let running = start_briefly(16, 5).await;
        running.break_poll(fault.clone());
        running.polls(1).await;
        running.approve();
        running.polls(2).await;
        let pauses = running.pauses();
        assert!(
            pauses[1] >= seconds(9) && pauses[0] + pauses[1] < seconds(16),
            "{fault:?}: {pauses:?}"
        );
        running.success().await;
    }

    // An interval of 10 s is longer than the time left, so the server allows no other poll.
    let running = start_briefly(15, 5).await;
    running.break_poll(Fault::oauth_error(400, "slow_down"));
    running.polls(1).await;
    running.approve();
    let (server, error) = running.server_and_failure().await;
    assert_eq!(server.count(Endpoint::Token), 1);
    assert!(matches!(error, Error::LoginExpired { .. }), "{error}");
}
