//! Several runs at once: one of them renews, and the others use what it got.

use std::time::Duration;

use crate::support::{Ended, Home, rounds, server, until};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};

/// A server that ends the login when an old refresh token comes back.
async fn strict_server() -> DevServer {
    let server = server().await;
    server.change(|settings| settings.rotate_refresh_tokens = true);
    server
}

async fn at_once(count: usize, home: &Home, server: &DevServer) -> Vec<Ended> {
    let started: Vec<_> = (0..count).map(|_| home.run(server).start()).collect();
    let mut ended = Vec::new();
    for run in started {
        ended.push(run.end().await);
    }
    ended
}

/// All print the new login, for which the server was asked once, and which can be renewed.
async fn share_one_refresh(count: usize, home: &Home, server: &DevServer) {
    let before = server.count(Endpoint::Token);
    let ended = at_once(count, home, server).await;
    let stored = home.stored(server.public_client()).unwrap();
    for run in &ended {
        run.shows(&stored, server);
    }
    assert_eq!(server.count(Endpoint::Token) - before, 1);
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);

    home.expire(server.public_client());
    let later = home.run(server).end().await;
    later.shows(&home.stored(server.public_client()).unwrap(), server);
    assert_eq!(server.count(Endpoint::Token) - before, 2);
    assert!(home.is_unlocked() && home.leftovers().is_empty(), "{:?}", home.leftovers());
}

/// case 113
#[tokio::test]
async fn two_runs_with_an_expired_token_share_one_refresh() {
    let (server, home) = (strict_server().await, Home::new());
    home.log_in(&server, -60);
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(300)), Times::Once);
    share_one_refresh(2, &home, &server).await;
}

/// case 113
#[tokio::test]
async fn ten_runs_with_an_expired_token_share_one_refresh() {
    let (server, home) = (strict_server().await, Home::new());
    home.log_in(&server, -60);
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(300)), Times::Once);
    share_one_refresh(10, &home, &server).await;
}

/// case 113
#[tokio::test]
async fn two_runs_that_begin_at_any_distance_share_one_refresh_each_time() {
    let (server, home) = (strict_server().await, Home::new());
    home.log_in(&server, -60);
    for round in 0..rounds().map_or(3, |rounds| rounds / 20) {
        home.expire(server.public_client());
        let before = server.count(Endpoint::Token);
        let first = home.run(&server).start();
        tokio::time::sleep(Duration::from_millis(round * 7 % 50)).await;
        let second = home.run(&server).start();
        let ended = (first.end().await, second.end().await);
        let stored = home.stored(server.public_client()).unwrap();
        ended.0.shows(&stored, &server);
        ended.1.shows(&stored, &server);
        assert_eq!(server.count(Endpoint::Token) - before, 1, "round {round}");
    }
}

/// cases 113, 121
#[tokio::test]
async fn ten_runs_with_a_refused_token_share_one_refresh() {
    let (server, home) = (strict_server().await, Home::new());
    let tokens = home.log_in(&server, 600);
    server.revoke(&tokens.access_token);
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(300)), Times::Once);
    share_one_refresh(10, &home, &server).await;
}

/// case 114
#[tokio::test]
async fn what_a_program_without_our_lock_has_renewed_meanwhile_is_used() {
    for is_ours_refused in [false, true] {
        let (server, home) = (strict_server().await, Home::new());
        home.log_in(&server, -60);
        server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(300)), Times::Once);
        let slow = home.run(&server).start();
        until("the refresh", || server.count(Endpoint::Token) == 1).await;
        if is_ours_refused {
            server.revoke_everything();
        }
        home.log_in(&server, 600);
        let theirs = home.stored(server.public_client()).unwrap();

        let ended = slow.end().await;
        ended.shows(&theirs, &server);
        assert!(!ended.stderr.contains("revoked"), "nobody has to log in again: {ended:?}");
        assert_eq!(home.stored(server.public_client()).unwrap(), theirs, "what they saved is not overwritten");
        assert_eq!(server.count(Endpoint::Token), 1);
    }
}

/// cases 113, 115
#[tokio::test]
async fn a_logout_meanwhile_is_not_undone_by_a_refresh() {
    let (server, home) = (strict_server().await, Home::new());
    home.log_in(&server, -60);
    server.inject(Endpoint::Token, Fault::Delay(Duration::from_millis(300)), Times::Once);
    let refreshing = home.run(&server).start();
    until("the refresh", || server.count(Endpoint::Token) == 1).await;
    let logout = home.run(&server).arg("--logout").end().await;
    assert_eq!((logout.status, logout.stdout.as_str()), (Some(0), "Logged out.\n"), "{logout:?}");
    assert_eq!(home.stored(server.public_client()), None);
    let _ = refreshing.end().await;
    assert_eq!(home.stored(server.public_client()), None);
}

/// cases 36, 133
#[tokio::test]
async fn no_refresh_is_asked_for_while_its_token_could_not_be_saved() {
    let (server, home) = (strict_server().await, Home::new());
    home.log_in(&server, -60);
    std::fs::write(home.file(".lock"), "4242").unwrap();
    let run = home.run(&server).start();
    until("discovery", || server.count(Endpoint::Discovery) == 1).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(server.count(Endpoint::Token), 0);

    std::fs::remove_file(home.file(".lock")).unwrap();
    let ended = run.end().await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    assert_eq!(server.count(Endpoint::Token), 1);
}

/// case 133
#[cfg(unix)]
#[tokio::test]
async fn a_new_login_is_saved_where_the_lock_is_not_to_be_had() {
    let (server, home) = (server().await, Home::new());
    std::os::unix::fs::symlink("elsewhere", home.file(".rust-lock")).unwrap();
    let ended = home.run(&server).approved_at(&server).await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    ended.says(&["is a symbolic link", "it is saved without this lock"]);
    assert!(!home.file("").with_file_name("elsewhere").exists());
}
