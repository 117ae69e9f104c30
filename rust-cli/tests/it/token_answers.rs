//! What the token endpoint leaves out or garbles, and what becomes of the login.

use crate::support::{Home, refreshes, server};
use authgate_dev_server::{Endpoint, Fault, Times};

/// case 42
#[tokio::test]
async fn a_token_that_cannot_be_sent_is_not_kept() {
    let (server, home) = (server().await, Home::new());
    let unusable = || server.inject(Endpoint::Token, Fault::set_member("access_token", "a b"), Times::Once);
    let started = home.run(&server).start();
    started.says("/device").await;
    let code = server.latest_user_code().unwrap();
    unusable();
    assert!(server.approve_device(&code));
    started.end().await.fails_with(1, &["access_token has characters"]);
    assert_eq!(home.text(), None);

    home.log_in(&server, -60);
    let text = home.text();
    unusable();
    home.run(&server).end().await.fails_with(1, &["refresh token grant", "access_token has characters"]);
    assert_eq!((refreshes(&server), home.text()), (1, text));
}

/// case 45
#[tokio::test]
async fn a_login_without_an_expiry_is_used_until_it_is_refused() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::Token, Fault::remove_member("expires_in"), Times::Once);
    for ended in [home.run(&server).approved_at(&server).await, home.run(&server).end().await] {
        assert_eq!((ended.status, ended.value("Expires In")), (Some(0), "unknown"), "{ended:?}");
    }
    assert_eq!(refreshes(&server), 0);

    server.revoke(&home.stored(server.public_client()).unwrap().access_token);
    assert_eq!(home.run(&server).end().await.status, Some(0));
    assert_eq!(refreshes(&server), 1);
}

/// case 47
#[tokio::test]
async fn a_login_that_expires_at_once_serves_its_run_and_is_renewed_by_the_next() {
    for expires_in in [0, -1] {
        let (server, home) = (server().await, Home::new());
        server.inject(Endpoint::Token, Fault::set_member("expires_in", expires_in), Times::Once);
        let first = home.run(&server).approved_at(&server).await;
        assert_eq!((first.status, first.value("Expires In")), (Some(0), "0"), "{first:?}");
        assert_eq!(refreshes(&server), 0);
        assert_eq!(home.run(&server).end().await.status, Some(0));
        assert_eq!(refreshes(&server), 1);
    }
}

/// case 49
#[tokio::test]
async fn where_no_scope_is_named_the_ones_asked_for_were_granted() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::Token, Fault::remove_member("scope"), Times::Once);
    let ended = home.run(&server).approved_at(&server).await;
    assert_eq!((ended.status, ended.value("Scope")), (Some(0), "profile email"), "{ended:?}");
    assert!(!ended.stderr.contains("did not grant"), "{ended:?}");
}

/// case 56
#[tokio::test]
async fn a_401_whose_only_word_is_its_challenge_costs_one_refresh() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    let refusal = Fault::status(401)
        .with_header("WWW-Authenticate", "Basic realm=\"x\"")
        .with_header("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    server.inject(Endpoint::UserInfo, refusal, Times::Once);
    let ended = home.run(&server).end().await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    assert_eq!((refreshes(&server), server.count(Endpoint::UserInfo)), (1, 2));
}
