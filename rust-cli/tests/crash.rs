//! A run that is killed: what it leaves is whole, and holds nobody up.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;

use std::fs::File;
use std::time::{Duration, Instant, SystemTime};

use authgate_dev_server::{Endpoint, Fault, Times};
use common::{Home, server, until};
use serde_json::json;

/// How often a save is killed: a few times in every test run, many times where
/// `AUTHGATE_TEST_ROUNDS` says so.
fn rounds() -> u64 {
    std::env::var("AUTHGATE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(60)
}

/// cases 116, 127, 134, 137
#[tokio::test]
async fn saves_that_are_killed_leave_a_whole_file_and_hold_nobody_up() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    let mut document = home.document().unwrap();
    document["data"]["neighbour"] = "theirs".into();
    home.replace(&document.to_string());

    for round in 0..rounds() {
        home.expire(server.public_client());
        let requests = server.count(Endpoint::Token);
        let run = home.run(&server).start();
        until("the refresh", || server.count(Endpoint::Token) > requests).await;
        tokio::time::sleep(Duration::from_micros(250 * (round % 40))).await;
        run.kill().await;

        assert_eq!(home.document().unwrap()["data"]["neighbour"], json!("theirs"), "round {round}");
        assert!(home.stored(server.public_client()).is_some(), "round {round}");
        assert!(home.is_unlocked(), "round {round}");
        let begun = Instant::now();
        let next = home.run(&server).end().await;
        next.shows(&home.stored(server.public_client()).unwrap(), &server);
        assert!(begun.elapsed() < Duration::from_secs(3), "round {round} was held up: {next:?}");
    }
}

/// case 127
#[tokio::test]
async fn what_a_killed_save_left_is_removed_once_it_is_old() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    let names = ["authgate-rust-old", "authgate-rust-new", "backup-of-mine"];
    for name in names {
        let file = File::create(home.file(&format!(".{name}"))).unwrap();
        let age = Duration::from_secs(if name.ends_with("new") { 5 } else { 120 });
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    assert_eq!(home.run(&server).end().await.status, Some(0));
    let mut left = home.leftovers();
    left.sort();
    assert_eq!(left, names[1..].iter().map(|name| format!(".authgate-tokens.json.{name}")).collect::<Vec<_>>());
}

/// cases 116, 134
#[tokio::test]
async fn a_run_killed_during_a_refresh_holds_nobody_up() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = true);
    home.log_in(&server, -60);
    server.inject(Endpoint::Token, Fault::HeadersThenSilence, Times::Once);
    let run = home.run(&server).start();
    until("the refresh", || server.count(Endpoint::Token) == 1).await;
    run.kill().await;
    assert!(home.is_unlocked());

    // The refresh token is used up, and its successor was lost with the run.
    let begun = Instant::now();
    let next = home.run(&server).approved_at(&server).await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{next:?}");
    next.shows(&home.stored(server.public_client()).unwrap(), &server);
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 1);
}
