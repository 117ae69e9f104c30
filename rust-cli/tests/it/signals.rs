use std::time::{Duration, Instant};

use authgate_dev_server::{DevServer, Endpoint, Fault, Hold, Times};
use authgate_test_support::{Ended, Home, Run, Started, until};

use crate::support::{
    logged_in, logged_in_with_rotation, request_page, run, server, stored, waiting_browser_login,
};

/// How long a run waits for a request in flight.
const A_SECOND: Duration = Duration::from_secs(1);

/// Shorter than any other wait of a run: 5 s for another program's lock, 30 s for an answer.
const LIMIT: Duration = Duration::from_secs(4);

/// Interrupts a run, and checks that it ends without a result.
async fn interrupt(run: Started) -> Ended {
    let sent = Instant::now();
    run.signal("INT").await;
    let ended = run.end().await;
    assert!(sent.elapsed() < LIMIT, "{:?}: {ended:?}", sent.elapsed());
    ended.fails_with(130, &[]);
    ended
}

/// Interrupts a run that has no request in flight, and checks that it leaves no files.
async fn ends_at_once(run: Started, home: &Home) {
    let ended = interrupt(run).await;
    assert!(
        !ended.stderr.contains("Finishing the request in progress"),
        "{ended:?}"
    );
    leaves_nothing_behind(home);
}

/// Interrupts a run whose token request is held, and releases the request.
async fn finishes(run: Started, server: &DevServer, home: &Home, hold: Hold) {
    run.signal("INT").await;
    run.says("Finishing the request in progress").await;
    hold.release();
    run.end().await.fails_with(130, &[]);
    leaves_nothing_behind(home);
    self::run(home, server)
        .end()
        .await
        .shows_stored(home, server);
}

fn leaves_nothing_behind(home: &Home) {
    assert!(home.is_unlocked() || !home.file(".rust-lock").exists());
    assert_eq!(home.leftovers(), [""; 0]);
}

/// Starts a run whose request to this endpoint is never answered.
async fn hanging_at(endpoint: Endpoint, server: &DevServer, run: Run) -> Started {
    server.inject(endpoint, Fault::Hang, Times::Always);
    let run = run.start();
    until("the request", || server.count(endpoint) > 0).await;
    run
}

#[tokio::test]
async fn a_request_that_can_be_repeated_ends_at_once() {
    for endpoint in [
        Endpoint::Discovery,
        Endpoint::UserInfo,
        Endpoint::TokenInfo,
        Endpoint::Revocation,
    ] {
        let (server, home) = logged_in(600).await;
        let text = home.text();
        let run = run(&home, &server);
        let run = if endpoint == Endpoint::Revocation {
            run.arg("--logout")
        } else {
            run
        };
        let run = hanging_at(endpoint, &server, run).await;
        ends_at_once(run, &home).await;
        assert_eq!(home.text(), text);
    }
}

#[tokio::test]
async fn a_login_that_waits_for_a_person_ends_at_once() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.device_code_interval = Duration::from_secs(60));
    let run = run(&home, &server).start();
    run.says("only if you started this").await;
    ends_at_once(run, &home).await;

    let (run, _url, port) = waiting_browser_login(&home, &server).await;
    assert!(!port.is_free());
    ends_at_once(run, &home).await;
    assert!(port.is_free());
    assert_eq!(home.text(), None);
}

#[tokio::test]
async fn each_signal_has_its_status() {
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (server, home) = (server().await, Home::new());
        let run = run(&home, &server).start();
        run.says("only if you started this").await;
        run.signal(signal).await;
        run.end().await.fails_with(status, &[]);
    }
}

#[tokio::test]
async fn a_refresh_that_ends_in_time_is_saved() {
    let (server, home) = logged_in_with_rotation(-60).await;
    let old = stored(&home, &server);
    let refresh = server.hold(Endpoint::Token);
    let run = run(&home, &server).start();
    refresh.arrived().await;
    finishes(run, &server, &home, refresh).await;
    assert_ne!(stored(&home, &server).access_token, old.access_token);
    assert_eq!(server.count(Endpoint::Token), 1);
}

#[tokio::test]
async fn a_refresh_that_takes_longer_is_given_up_after_a_second() {
    let (server, home) = logged_in(-60).await;
    let text = home.text();
    let started = hanging_at(Endpoint::Token, &server, run(&home, &server)).await;
    let sent = Instant::now();
    interrupt(started)
        .await
        .says(&["Finishing the request in progress"]);
    assert!(sent.elapsed() >= A_SECOND, "it does wait");
    leaves_nothing_behind(&home);
    assert_eq!(home.text(), text);
    server.clear_faults();
    assert_eq!(run(&home, &server).end().await.status, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_run_at_once() {
    let (server, home) = logged_in(-60).await;
    // Only the elapsed time shows that the run did not wait for a second, and on a busy machine it
    // may take a second anyway, so try several times.
    for _ in 0..10 {
        server.forget_requests();
        let run = hanging_at(Endpoint::Token, &server, run(&home, &server)).await;
        let sent = Instant::now();
        run.signal("INT").await;
        run.says("to leave at once").await;
        interrupt(run).await;
        leaves_nothing_behind(&home);
        if sent.elapsed() < A_SECOND {
            return;
        }
    }
    panic!("no run ended within the second for which it waits after the first signal");
}

#[tokio::test]
async fn a_device_login_just_granted_is_saved() {
    let (server, home) = (server().await, Home::new());
    let run = run(&home, &server).start();
    until("a device code", || {
        server
            .latest_user_code()
            .is_some_and(|code| server.approve_device(&code))
    })
    .await;
    let exchange = server.hold(Endpoint::Token);
    exchange.arrived().await;
    finishes(run, &server, &home, exchange).await;
}

#[tokio::test]
async fn a_browser_login_just_granted_is_saved() {
    let (server, home) = (server().await, Home::new());
    let exchange = server.hold(Endpoint::Token);
    let (run, url, port) = waiting_browser_login(&home, &server).await;
    let _browser = request_page(&server.approve_authorization(&url).unwrap()).await;
    exchange.arrived().await;
    finishes(run, &server, &home, exchange).await;
    assert!(port.is_free());
}

#[tokio::test]
async fn a_run_that_waits_for_another_ends_at_once() {
    let (server, home) = logged_in(-60).await;
    let lock = std::fs::File::create(home.file(".rust-lock")).unwrap();
    lock.lock().unwrap();
    let run = run(&home, &server).start();
    run.says("Waiting for the stored login").await;
    let ended = interrupt(run).await;
    assert!(
        !ended.stderr.contains("Finishing the request in progress"),
        "{ended:?}"
    );
    assert_eq!(server.count(Endpoint::Token), 0);
}

#[tokio::test]
async fn a_save_that_waits_for_a_lock_is_given_up_after_a_second() {
    let (server, home) = logged_in(-60).await;
    let text = home.text();
    let refresh = server.hold(Endpoint::Token);
    let run = run(&home, &server).start();
    refresh.arrived().await;
    home.place(".authgate-tokens.json.lock", "4242");
    refresh.release();
    run.says("Waiting for the stored login").await;
    interrupt(run)
        .await
        .says(&["Finishing the request in progress"]);
    assert_eq!(home.text(), text);
    assert_eq!(
        home.leftovers(),
        [".authgate-tokens.json.lock"],
        "the lock is the other program's"
    );
    assert!(home.is_unlocked());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    for (ignored, other) in [("HUP", "INT"), ("INT", "HUP")] {
        let (server, home) = (server().await, Home::new());
        let script = format!(r#"trap "" {ignored}; exec "$0" "$@""#);
        let run = run(&home, &server).under("sh", &["-c", &script]).start();
        run.says("only if you started this").await;
        run.signal(ignored).await;
        // It still polls.
        server.forget_requests();
        until("a poll", || server.count(Endpoint::Token) > 0).await;
        run.signal(other).await;
        let status = if other == "INT" { 130 } else { 129 };
        run.end().await.fails_with(status, &[]);
    }
}
