//! `--logout`: at the server, and wherever the login is kept.

use std::time::Duration;

use crate::support::{Home, server, until};
use authgate_dev_server::{Endpoint, Fault, Times};

/// case 124
#[tokio::test]
async fn both_tokens_are_revoked_and_deleted() {
    let (server, home) = (server().await, Home::new());
    let tokens = home.log_in(&server, 600);
    let ended = home.run(&server).arg("--logout").end().await;
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), "Logged out.\n"), "{ended:?}");
    assert_eq!(home.stored(server.public_client()), None);

    let revocations = server.requests_at(Endpoint::Revocation);
    let revoked: Vec<_> = revocations.iter().filter_map(|request| request.parameter("token")).collect();
    assert_eq!(revoked, [tokens.refresh_token.as_deref().unwrap(), &tokens.access_token]);
    assert_eq!(server.count(Endpoint::Token), 0);
    assert!(home.is_unlocked() && home.leftovers().is_empty());

    let again = home.run(&server).arg("--logout").end().await;
    assert_eq!((again.status, again.stdout.as_str()), (Some(0), "Nobody was logged in.\n"), "{again:?}");
    assert_eq!(server.count(Endpoint::Revocation), 2);
}

#[tokio::test]
async fn an_expired_login_is_revoked_as_well() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    assert_eq!(home.run(&server).arg("--logout").end().await.status, Some(0));
    assert_eq!((server.count(Endpoint::Revocation), server.count(Endpoint::Token)), (2, 0));
}

/// case 124
#[tokio::test]
async fn what_the_server_did_not_confirm_is_said_and_deleted_all_the_same() {
    for (times, named) in [(Times::Once, &["refresh token"][..]), (Times::Always, &["refresh token", "access token"])] {
        let (server, home) = (server().await, Home::new());
        home.log_in(&server, 600);
        server.inject(Endpoint::Revocation, Fault::status(500), times);
        let ended = home.run(&server).arg("--logout").end().await;
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), "Logged out.\n"), "{ended:?}");
        let warnings: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
        assert_eq!(warnings.len(), named.len(), "{ended:?}");
        for (warning, name) in warnings.iter().zip(named) {
            assert!(warning.contains(&format!("the {name} was not revoked")) && warning.contains("500"), "{warning}");
        }
        assert_eq!((server.count(Endpoint::Revocation), home.stored(server.public_client())), (2, None));
    }
}

/// case 124
#[tokio::test]
async fn a_server_that_is_busy_is_asked_again() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    server.inject(Endpoint::Revocation, Fault::status(503), Times::Once);
    assert_eq!(home.run(&server).arg("--logout").end().await.status, Some(0));
    assert_eq!(server.count(Endpoint::Revocation), 3);
}

#[tokio::test]
async fn without_a_server_the_login_is_deleted_and_that_is_said() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    let (run, client) = (home.run(&server).arg("--logout"), server.public_client().clone());
    server.stop().await;
    let ended = run.end().await;
    assert_eq!((ended.status, home.stored(&client)), (Some(1), None), "{ended:?}");
    ended.says(&["the refresh token was not revoked", "the access token was not revoked"]);
}

/// case 14
#[tokio::test]
async fn a_login_at_another_server_is_deleted_and_sent_nowhere() {
    let (other, server, home) = (server().await, server().await, Home::new());
    home.log_in(&other, 600);
    let ended = home.run(&server).arg("--logout").end().await;
    assert_eq!((ended.status, home.stored(server.public_client())), (Some(1), None), "{ended:?}");
    ended.says(&["was not revoked", other.url()]);
    assert_eq!((server.requests().len(), other.requests().len()), (0, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_token_that_cannot_be_deleted_is_said_to_be_there() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    server.inject(Endpoint::Revocation, Fault::Delay(Duration::from_millis(300)), Times::Once);
    let run = home.run(&server).arg("--logout").start();
    until("the revocation", || server.count(Endpoint::Revocation) > 0).await;
    // A second name makes it a file that is not written to.
    std::fs::hard_link(home.file(""), home.path().join("second name")).unwrap();
    let ended = run.end().await;
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), "Not logged out everywhere.\n"), "{ended:?}");
    ended.says(&["not deleted", ".authgate-tokens.json"]);
}
