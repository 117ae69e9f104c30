use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::Home;
use insta::assert_snapshot;

use crate::support::{logged_in, refreshes, run, server, stored};

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_not_saved() {
    let (server, home) = (server().await, Home::new());
    let unusable = || {
        server.inject(
            Endpoint::Token,
            Fault::set_member("access_token", "a b"),
            Times::Once,
        );
    };
    let started = run(&home, &server).start();
    started.says("/device").await;
    let code = server.latest_user_code().unwrap();
    unusable();
    assert!(server.approve_device(&code));
    let first_login = started.end().await.failure(1);
    assert_eq!(home.text(), None);

    home.log_in(&server, -60);
    let text = home.text();
    unusable();
    let refresh = run(&home, &server).end().await.failure(1);
    assert_snapshot!(first_login + &refresh, @"
    [prompt]
    error: device code grant: http://127.0.0.1:[port]/oauth/token: the access_token has characters that no token has
    error: refresh token grant: http://127.0.0.1:[port]/oauth/token: the access_token has characters that no token has
    ");
    assert_eq!((refreshes(&server), home.text()), (1, text));
}

#[tokio::test]
async fn a_token_without_an_expiry_is_used_until_it_is_refused() {
    let (server, home) = (server().await, Home::new());
    server.inject(
        Endpoint::Token,
        Fault::remove_member("expires_in"),
        Times::Once,
    );
    for ended in [
        run(&home, &server).approved_at(&server).await,
        run(&home, &server).end().await,
    ] {
        let shown = ["Expires In", "Expires At"].map(|label| ended.value(label));
        assert_eq!(
            (ended.status, shown),
            (Some(0), ["unknown", "unknown"]),
            "{ended:?}"
        );
    }
    assert_eq!(refreshes(&server), 0);

    server.revoke(&stored(&home, &server).access_token);
    assert_eq!(run(&home, &server).end().await.status, Some(0));
    assert_eq!(refreshes(&server), 1);
}

#[tokio::test]
async fn a_token_that_expires_at_once_is_refreshed_by_the_next_run() {
    for expires_in in [0, -1] {
        let (server, home) = (server().await, Home::new());
        server.inject(
            Endpoint::Token,
            Fault::set_member("expires_in", expires_in),
            Times::Once,
        );
        let first = run(&home, &server).approved_at(&server).await;
        assert_eq!(
            (first.status, first.value("Expires In")),
            (Some(0), "0"),
            "{first:?}"
        );
        assert_eq!(refreshes(&server), 0);
        assert_eq!(run(&home, &server).end().await.status, Some(0));
        assert_eq!(refreshes(&server), 1);
    }
}

#[tokio::test]
async fn without_a_scope_the_ones_asked_for_were_granted() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::Token, Fault::remove_member("scope"), Times::Once);
    let ended = run(&home, &server).approved_at(&server).await;
    assert_eq!(
        (ended.status, ended.value("Scope")),
        (Some(0), "profile email"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("did not grant"), "{ended:?}");
}

#[tokio::test]
async fn a_401_with_only_a_challenge_costs_one_refresh() {
    let (server, home) = logged_in(600).await;
    let refusal = Fault::status(401)
        .with_header("WWW-Authenticate", "Basic realm=\"x\"")
        .with_header("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    server.inject(Endpoint::UserInfo, refusal, Times::Once);
    run(&home, &server).end().await.shows_stored(&home, &server);
    assert_eq!(
        (refreshes(&server), server.count(Endpoint::UserInfo)),
        (1, 2)
    );
}
