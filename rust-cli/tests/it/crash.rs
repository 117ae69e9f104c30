//! A run that is killed: what it leaves is whole, and holds nobody up.

use std::fs::File;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Home, Run, rounds, server, until};
use authgate_dev_server::{Endpoint, Fault, Times};
use serde_json::json;

/// Puts another client's entry into the file.
fn add_neighbour(home: &Home) {
    let mut document = home.document().unwrap();
    document["data"]["neighbour"] = "theirs".into();
    home.replace(&document.to_string());
}

fn has_neighbour(home: &Home) -> bool {
    home.document().unwrap()["data"]["neighbour"] == json!("theirs")
}

/// cases 116, 127, 134, 137
#[tokio::test]
async fn saves_that_are_killed_leave_a_whole_file_and_hold_nobody_up() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    add_neighbour(&home);

    for round in 0..rounds().map_or(60, |rounds| rounds / 2) {
        home.expire(server.public_client());
        let requests = server.count(Endpoint::Token);
        let run = home.run(&server).start();
        until("the refresh", || server.count(Endpoint::Token) > requests).await;
        tokio::time::sleep(Duration::from_micros(250 * (round % 40))).await;
        run.kill().await;

        assert!(has_neighbour(&home), "round {round}");
        assert!(home.stored(server.public_client()).is_some(), "round {round}");
        assert!(home.is_unlocked(), "round {round}");
        let begun = Instant::now();
        let next = home.run(&server).end().await;
        next.shows(&home.stored(server.public_client()).unwrap(), &server);
        assert!(begun.elapsed() < Duration::from_secs(3), "round {round} was held up: {next:?}");
    }
}

/// cases 116, 127, 134
#[tokio::test]
async fn a_run_killed_at_any_moment_costs_a_login_only_while_its_refresh_is_under_way() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = true);
    home.log_in(&server, -60);
    add_neighbour(&home);
    let begun = Instant::now();
    assert_eq!(home.run(&server).end().await.status, Some(0));
    let (whole_run, mut lost) = (begun.elapsed(), 0);

    let rounds = u32::try_from(rounds().map_or(12, |rounds| rounds / 5)).unwrap();
    for round in 0..rounds {
        home.log_in(&server, -60);
        let (old, asked) = (home.stored(server.public_client()), server.count(Endpoint::Token));
        if round % 2 == 0 {
            let run = home.run(&server).start();
            tokio::time::sleep(whole_run * (round * 7 % 41) / 40).await;
            run.kill().await;
        } else {
            // The refresh token is used up as soon as the first byte of its successor comes.
            let drip = Fault::Drip { every: Duration::from_millis(10), bytes: 16 };
            server.inject(Endpoint::Token, drip, Times::Once);
            let run = home.run(&server).start();
            until("the refresh", || server.count(Endpoint::Token) > asked).await;
            tokio::time::sleep(Duration::from_millis((round % 20).into())).await;
            run.kill().await;
        }
        until("the answer", || server.requests().iter().all(|request| request.status.is_some())).await;
        assert!(has_neighbour(&home) && home.is_unlocked(), "round {round}");

        let is_saved = home.stored(server.public_client()) != old;
        if server.count(Endpoint::Token) > asked && !is_saved {
            lost += 1;
            asks_for_a_login(home.run(&server)).await;
            assert_eq!(home.stored(server.public_client()), None, "what is used up does not stay");
        } else {
            let next = home.run(&server).end().await;
            next.shows(&home.stored(server.public_client()).unwrap(), &server);
        }
        assert!(has_neighbour(&home), "round {round}");
        // The other clients' lock is looked at when something is to be changed.
        assert!(is_saved || !home.file(".lock").exists(), "round {round}");
    }
    assert!(lost >= rounds / 4, "only {lost} of {rounds} were killed between the answer and the save");
}

/// cases 116, 124
#[tokio::test]
async fn a_logout_that_is_killed_half_way_leaves_what_the_server_makes_of_it() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    server.inject(Endpoint::Revocation, Fault::Delay(Duration::ZERO), Times::Once);
    server.inject(Endpoint::Revocation, Fault::Hang, Times::Once);
    let logout = home.run(&server).arg("--logout").start();
    until("the access token's turn", || server.count(Endpoint::Revocation) == 2).await;
    logout.kill().await;

    // The access token lives until it expires; the refresh token does not.
    home.run(&server).end().await.shows(&home.stored(server.public_client()).unwrap(), &server);
    home.expire(server.public_client());
    asks_for_a_login(home.run(&server)).await;
    assert_eq!(home.run(&server).arg("--logout").end().await.status, Some(0));
}

/// It comes to the device flow's prompt without a failure.
async fn asks_for_a_login(run: Run) {
    let run = run.start();
    run.says("The server has revoked the stored login").await;
    run.says("/device").await;
    run.kill().await;
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
