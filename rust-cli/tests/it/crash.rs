use std::fs::File;
use std::time::{Duration, Instant, SystemTime};

use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::{Ended, Run, rounds, until};
use tokio::time::sleep;

use crate::support::{logged_in, logged_in_with_rotation, run, stored};

/// Waits for the end of a run, and checks that no lock of a dead run delays it. Such a lock would
/// cost at least 5 s.
async fn ends_without_delay(run: impl Future<Output = Ended>) -> Ended {
    let begun = Instant::now();
    let ended = run.await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}: {ended:?}",
        begun.elapsed()
    );
    ended
}

/// Checks that the run reaches the prompt of the device flow.
async fn asks_for_a_login(run: Run) {
    let run = run.start();
    run.says("Your stored login was revoked by the server")
        .await;
    run.says("/device").await;
    run.kill().await;
}

#[tokio::test]
async fn a_killed_save_leaves_a_whole_file_and_no_lock() {
    let (server, home) = logged_in(-60).await;
    home.add_neighbour();
    for round in 0..rounds(120) / 2 {
        home.expire(server.public_client());
        server.forget_requests();
        let killed = run(&home, &server).start();
        until("the refresh", || server.count(Endpoint::Token) > 0).await;
        // The moment of this round.
        sleep(Duration::from_micros(250 * (round % 40))).await;
        killed.kill().await;

        assert!(home.has_neighbour() && home.is_unlocked(), "round {round}");
        assert!(
            home.stored(server.public_client()).is_some(),
            "round {round}"
        );
        ends_without_delay(run(&home, &server).end())
            .await
            .shows_stored(&home, &server);
    }
}

#[tokio::test]
async fn a_killed_run_costs_a_login_only_during_its_refresh() {
    let (server, home) = logged_in_with_rotation(-60).await;
    home.add_neighbour();
    let begun = Instant::now();
    assert_eq!(run(&home, &server).end().await.status, Some(0));
    let (whole_run, mut lost) = (begun.elapsed(), 0);

    let rounds = u32::try_from(rounds(60) / 5).unwrap();
    for round in 0..rounds {
        home.log_in(&server, -60);
        server.forget_requests();
        let old = stored(&home, &server);
        // Each round sleeps until its own moment.
        if round % 2 == 0 {
            let run = run(&home, &server).start();
            sleep(whole_run * (round * 7 % 41) / 40).await;
            run.kill().await;
        } else {
            // The refresh token is used up when the first byte of the answer arrives.
            let drip = Fault::Drip {
                every: Duration::from_millis(10),
                bytes: 16,
            };
            server.inject(Endpoint::Token, drip, Times::Once);
            let run = run(&home, &server).start();
            until("the refresh", || server.count(Endpoint::Token) > 0).await;
            sleep(Duration::from_millis((round % 20).into())).await;
            run.kill().await;
        }
        until("the answer", || {
            server
                .requests()
                .iter()
                .all(|request| request.status.is_some())
        })
        .await;
        assert!(home.has_neighbour() && home.is_unlocked(), "round {round}");

        let is_saved = stored(&home, &server) != old;
        if server.count(Endpoint::Token) > 0 && !is_saved {
            lost += 1;
            asks_for_a_login(run(&home, &server)).await;
            assert_eq!(
                home.stored(server.public_client()),
                None,
                "a used refresh token does not stay"
            );
        } else {
            run(&home, &server).end().await.shows_stored(&home, &server);
        }
        assert!(home.has_neighbour(), "round {round}");
        // A run touches the other clients' lock only when it changes the file.
        assert!(is_saved || !home.file(".lock").exists(), "round {round}");
    }
    assert!(
        lost >= rounds / 4,
        "only {lost} of {rounds} were killed between the answer and the save"
    );
}

#[tokio::test]
async fn a_logout_killed_half_way_has_revoked_the_refresh_token() {
    let (server, home) = logged_in(600).await;
    server.inject(
        Endpoint::Revocation,
        Fault::Delay(Duration::ZERO),
        Times::Once,
    );
    server.inject(Endpoint::Revocation, Fault::Hang, Times::Once);
    let logout = run(&home, &server).arg("--logout").start();
    until("the access token's turn", || {
        server.count(Endpoint::Revocation) == 2
    })
    .await;
    logout.kill().await;

    // The access token is valid until it expires.
    run(&home, &server).end().await.shows_stored(&home, &server);
    home.expire(server.public_client());
    asks_for_a_login(run(&home, &server)).await;
    assert_eq!(
        run(&home, &server).arg("--logout").end().await.status,
        Some(0)
    );
}

#[tokio::test]
async fn old_temporary_files_of_killed_saves_are_removed() {
    let (server, home) = logged_in(-60).await;
    let place = |name: &str, seconds_old: u64| {
        let file = File::create(home.file(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds_old))
            .unwrap();
    };
    place(".authgate-rust-old", 120);
    place(".authgate-rust-new", 5);
    place(".backup-of-mine", 120);
    assert_eq!(run(&home, &server).end().await.status, Some(0));
    let left = [".authgate-rust-new", ".backup-of-mine"]
        .map(|name| format!(".authgate-tokens.json{name}"));
    assert_eq!(home.leftovers(), left);
}

#[tokio::test]
async fn a_run_killed_during_its_refresh_leaves_no_lock() {
    let (server, home) = logged_in_with_rotation(-60).await;
    server.inject(Endpoint::Token, Fault::HeadersThenSilence, Times::Once);
    let killed = run(&home, &server).start();
    until("the refresh", || server.count(Endpoint::Token) == 1).await;
    killed.kill().await;
    assert!(home.is_unlocked());

    // The refresh token is used up, and the new one was lost with the run.
    ends_without_delay(run(&home, &server).approved_at(&server))
        .await
        .shows_stored(&home, &server);
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 1);
}
