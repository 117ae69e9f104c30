use std::fs;
use std::time::Duration;

use authgate_dev_server::Endpoint;
use authgate_test_support::{rounds, until};
use tokio::time::sleep;

use crate::support::{logged_in_with_rotation, run, stored};

#[tokio::test]
async fn several_runs_share_one_refresh() {
    for (count, expires_in, last_request_before_the_lock) in [
        (2, -60, Endpoint::Discovery),
        (10, -60, Endpoint::Discovery),
        (10, 600, Endpoint::UserInfo),
    ] {
        let (server, home) = logged_in_with_rotation(expires_in).await;
        server.revoke(&stored(&home, &server).access_token);
        let refresh = server.hold(Endpoint::Token);
        let started: Vec<_> = (0..count).map(|_| run(&home, &server).start()).collect();
        refresh.arrived().await;
        until("all runs at the lock", || {
            server.count(last_request_before_the_lock) == count
        })
        .await;
        refresh.release();
        let mut ended = Vec::new();
        for run in started {
            ended.push(run.end().await);
        }
        for run in &ended {
            run.shows_stored(&home, &server);
        }
        assert_eq!(
            (
                server.count(Endpoint::Token),
                server.count(Endpoint::DeviceAuthorization)
            ),
            (1, 0)
        );

        home.expire(server.public_client());
        run(&home, &server).end().await.shows_stored(&home, &server);
        assert_eq!(
            server.count(Endpoint::Token),
            2,
            "the new login can be refreshed"
        );
        assert!(
            home.is_unlocked() && home.leftovers().is_empty(),
            "{:?}",
            home.leftovers()
        );
    }
}

#[tokio::test]
async fn two_runs_at_any_distance_share_one_refresh() {
    let (server, home) = logged_in_with_rotation(-60).await;
    for round in 0..rounds(60) / 20 {
        home.expire(server.public_client());
        server.forget_requests();
        let first = run(&home, &server).start();
        // The distance of this round.
        sleep(Duration::from_millis(round * 7 % 50)).await;
        let second = run(&home, &server).start();
        for ended in [first.end().await, second.end().await] {
            ended.shows_stored(&home, &server);
        }
        assert_eq!(server.count(Endpoint::Token), 1, "round {round}");
    }
}

#[tokio::test]
async fn a_token_refreshed_by_another_program_is_used() {
    for our_refresh_is_refused in [false, true] {
        let (server, home) = logged_in_with_rotation(-60).await;
        let refresh = server.hold(Endpoint::Token);
        let slow = run(&home, &server).start();
        refresh.arrived().await;
        if our_refresh_is_refused {
            server.revoke_everything();
        }
        home.log_in(&server, 600);
        let theirs = stored(&home, &server);
        refresh.release();

        let ended = slow.end().await;
        ended.shows(&theirs, &server);
        assert!(
            !ended.stderr.contains("revoked"),
            "nobody has to log in again: {ended:?}"
        );
        assert_eq!(
            stored(&home, &server),
            theirs,
            "what they saved is not overwritten"
        );
        assert_eq!(server.count(Endpoint::Token), 1);
    }
}

#[tokio::test]
async fn several_runs_share_one_login_of_a_person() {
    let (server, home) = logged_in_with_rotation(-60).await;
    server.revoke_everything();
    let runs = [(); 4].map(|()| run(&home, &server).arg("--print-access-token").start());
    until("four codes", || {
        server.count(Endpoint::DeviceAuthorization) == 4
    })
    .await;
    let code = server.latest_user_code().unwrap();
    assert!(server.approve_device(&code));
    let mut told = 0;
    for run in runs {
        let ended = run.end().await;
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(ended.stdout.trim(), stored(&home, &server).access_token);
        let notices = ended.notices();
        told += notices
            .matches("Another run has logged in, so this one uses that login.")
            .count();
    }
    assert_eq!(told, 3);
}

#[tokio::test]
async fn a_refresh_does_not_undo_a_logout() {
    let (server, home) = logged_in_with_rotation(-60).await;
    let refresh = server.hold(Endpoint::Token);
    let refreshing = run(&home, &server).start();
    refresh.arrived().await;
    let logout = run(&home, &server).arg("--logout").start();
    logout.says("Waiting for the stored login").await;
    refresh.release();
    let logout = logout.end().await;
    assert_eq!(
        (logout.status, logout.stdout.as_str()),
        (Some(0), "Logged out.\n"),
        "{logout:?}"
    );
    assert_eq!(home.stored(server.public_client()), None);
    let _ended = refreshing.end().await;
    assert_eq!(home.stored(server.public_client()), None);
}

#[tokio::test]
async fn no_refresh_is_sent_while_its_token_could_not_be_saved() {
    let (server, home) = logged_in_with_rotation(-60).await;
    fs::write(home.file(".lock"), "4242").unwrap();
    let run = run(&home, &server).start();
    run.says("Waiting for the stored login").await;
    assert_eq!(server.count(Endpoint::Token), 0);

    fs::remove_file(home.file(".lock")).unwrap();
    run.end().await.shows_stored(&home, &server);
    assert_eq!(server.count(Endpoint::Token), 1);
}
