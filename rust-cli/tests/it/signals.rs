//! Ctrl-C and its like at each step: an end at once, with nothing half done.

use std::time::{Duration, Instant};

use crate::support::browser::{authorization_url, begin, is_free, redirect_uri};
use crate::support::{Ended, Home, Started, server, until};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::process::Command;

/// What "at once" may take on a busy machine: less than what is in flight is waited for.
const AT_ONCE: Duration = Duration::from_millis(800);

/// The second that is in flight, and what a busy machine adds.
const AFTER_A_SECOND: Duration = Duration::from_millis(2500);

async fn send(signal: &str, run: &Started) {
    let status = Command::new("kill").args([signal, &run.id().to_string()]).status().await.unwrap();
    assert!(status.success());
}

/// Interrupts a run, which has to end in this time, unlocked and with nothing left over.
async fn interrupt(run: Started, home: &Home, within: Duration) -> Ended {
    let sent = Instant::now();
    send("-INT", &run).await;
    let ended = run.end().await;
    assert!(sent.elapsed() < within, "{:?}: {ended:?}", sent.elapsed());
    ended.fails_with(130, &[]);
    assert!(home.is_unlocked() || !home.file(".rust-lock").exists());
    assert_eq!(home.leftovers(), [""; 0]);
    ended
}

async fn reaches(endpoint: Endpoint, server: &DevServer) {
    until("the request", || server.count(endpoint) > 0).await;
}

/// case 91
#[tokio::test]
async fn a_request_that_changes_nothing_ends_at_once() {
    for endpoint in [Endpoint::Discovery, Endpoint::UserInfo, Endpoint::TokenInfo] {
        let (server, home) = (server().await, Home::new());
        home.log_in(&server, 600);
        let text = home.text();
        server.inject(endpoint, Fault::Hang, Times::Always);
        let run = home.run(&server).start();
        reaches(endpoint, &server).await;
        let ended = interrupt(run, &home, AT_ONCE).await;
        assert!(!ended.stderr.contains("Finishing"), "{ended:?}");
        assert_eq!(home.text(), text);
    }
}

/// case 91
#[tokio::test]
async fn a_login_that_waits_for_a_person_ends_at_once() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.device_code_interval = Duration::from_secs(5));
    let run = home.run(&server).start();
    run.says("only if you started this").await;
    interrupt(run, &home, AT_ONCE).await;

    let back = redirect_uri(&server);
    let run = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back).start();
    authorization_url(&run).await;
    assert!(!is_free(&back));
    interrupt(run, &home, AT_ONCE).await;
    assert!(is_free(&back));
    assert_eq!(home.text(), None);
}

/// case 91
#[tokio::test]
async fn each_signal_has_its_status() {
    for (signal, status) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let (server, home) = (server().await, Home::new());
        let run = home.run(&server).start();
        run.says("only if you started this").await;
        send(signal, &run).await;
        run.end().await.fails_with(status, &[]);
    }
}

/// case 91
#[tokio::test]
async fn a_refresh_that_ends_in_time_is_kept() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = true);
    let old = home.log_in(&server, -60);
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(400)), Times::Once);
    let run = home.run(&server).start();
    reaches(Endpoint::Token, &server).await;
    interrupt(run, &home, AFTER_A_SECOND).await.says(&["Finishing what the server has begun"]);
    let stored = home.stored(server.public_client()).unwrap();
    assert_ne!(stored.access_token, old.access_token);
    home.run(&server).end().await.shows(&stored, &server);
}

/// case 91
#[tokio::test]
async fn a_refresh_that_takes_longer_is_given_up_after_a_second() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    let text = home.text();
    server.inject(Endpoint::Token, Fault::Hang, Times::Once);
    let run = home.run(&server).start();
    reaches(Endpoint::Token, &server).await;
    let sent = Instant::now();
    interrupt(run, &home, AFTER_A_SECOND).await;
    assert!(sent.elapsed() > Duration::from_millis(900), "it does wait");
    assert_eq!(home.text(), text);
    assert_eq!(home.run(&server).end().await.status, Some(0));
}

/// case 91
#[tokio::test]
async fn a_second_signal_ends_even_that() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    server.inject(Endpoint::Token, Fault::Hang, Times::Once);
    let run = home.run(&server).start();
    reaches(Endpoint::Token, &server).await;
    send("-INT", &run).await;
    run.says("once more to leave at once").await;
    interrupt(run, &home, AT_ONCE).await;
}

/// case 91
#[tokio::test]
async fn a_device_login_that_is_just_granted_is_kept() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(400)), Times::Once);
    let run = home.run(&server).start();
    until("a device code", || server.latest_user_code().is_some_and(|code| server.approve_device(&code))).await;
    reaches(Endpoint::Token, &server).await;
    interrupt(run, &home, AFTER_A_SECOND).await;
    home.run(&server).end().await.shows(&home.stored(server.public_client()).unwrap(), &server);
}

/// case 91
#[tokio::test]
async fn a_browser_login_that_is_just_granted_is_kept() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(400)), Times::Once);
    let run = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back).start();
    let url = authorization_url(&run).await;
    let _browser = begin(&server.approve_authorization(&url).unwrap()).await;
    reaches(Endpoint::Token, &server).await;
    interrupt(run, &home, AFTER_A_SECOND).await;
    assert!(is_free(&back));
    home.run(&server).end().await.shows(&home.stored(server.public_client()).unwrap(), &server);
}

/// case 91
#[tokio::test]
async fn a_run_that_waits_for_another_ends_at_once() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    let lock = std::fs::File::create(home.file(".rust-lock")).unwrap();
    lock.lock().unwrap();
    let run = home.run(&server).start();
    run.says("Waiting for the place where the login is kept").await;
    let sent = Instant::now();
    send("-INT", &run).await;
    run.end().await.fails_with(130, &[]);
    assert!(sent.elapsed() < AT_ONCE);
    assert_eq!(server.count(Endpoint::Token), 0);
}

/// cases 91, 135
#[tokio::test]
async fn a_save_that_waits_for_another_program_is_given_up_after_a_second() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    let text = home.text();
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(300)), Times::Once);
    let run = home.run(&server).start();
    reaches(Endpoint::Token, &server).await;
    std::fs::write(home.file(".lock"), "4242").unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = Instant::now();
    send("-INT", &run).await;
    run.end().await.fails_with(130, &["Finishing what the server has begun"]);
    assert!(sent.elapsed() < AFTER_A_SECOND);
    assert_eq!(home.text(), text);
    assert_eq!(home.leftovers(), [".authgate-tokens.json.lock"], "the lock is the other program's");
    assert!(home.is_unlocked());
}

/// case 91
#[tokio::test]
async fn a_logout_at_a_silent_server_ends_at_once_and_loses_nothing() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    let text = home.text();
    server.inject(Endpoint::Revocation, Fault::Hang, Times::Always);
    let run = home.run(&server).arg("--logout").start();
    reaches(Endpoint::Revocation, &server).await;
    interrupt(run, &home, AT_ONCE).await;
    assert_eq!(home.text(), text);
}
