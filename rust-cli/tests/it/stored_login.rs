//! A login that is in the store: used, renewed, given up, or left alone.

use crate::support::{Home, refreshes, server};
use authgate_dev_server::{Endpoint, Fault, Times};

/// case 119
#[tokio::test]
async fn an_expired_token_is_renewed_and_kept() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = true);
    let old = home.log_in(&server, -60);
    let ended = home.run(&server).end().await;
    let stored = home.stored(server.public_client()).unwrap();
    ended.shows(&stored, &server);
    assert!(stored.access_token != old.access_token && Some(&stored.refresh_token) != old.refresh_token.as_ref());
    assert_eq!((server.count(Endpoint::Token), server.count(Endpoint::DeviceAuthorization)), (1, 0));
}

/// case 120
#[tokio::test]
async fn without_a_refresh_token_an_expired_one_means_a_login() {
    let (server, home) = (server().await, Home::new());
    let mut tokens = server.issue_tokens(server.public_client(), "profile email");
    tokens.refresh_token = None;
    home.keep(server.public_client(), &tokens, -60);
    let ended = home.run(&server).approved_at(&server).await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    assert_eq!((refreshes(&server), server.count(Endpoint::UserInfo)), (0, 1));
}

/// case 121
#[tokio::test]
async fn a_refused_token_costs_one_refresh() {
    let (server, home) = (server().await, Home::new());
    let tokens = home.log_in(&server, 600);
    server.revoke(&tokens.access_token);
    let ended = home.run(&server).end().await;
    let stored = home.stored(server.public_client()).unwrap();
    ended.shows(&stored, &server);
    assert_ne!(stored.access_token, tokens.access_token);
    assert_eq!((refreshes(&server), server.count(Endpoint::UserInfo)), (1, 2));
    assert!(!ended.stderr.contains("revoked"), "{ended:?}");
}

#[tokio::test]
async fn a_revoked_login_is_said_to_be_so_and_made_anew() {
    let (server, home) = (server().await, Home::new());
    let tokens = home.log_in(&server, 600);
    server.revoke_everything();
    let started = home.run(&server).start();
    started.says("The server has revoked the stored login").await;
    started.says("/device").await;
    assert_eq!(home.stored(server.public_client()), None, "it is deleted before the next one");
    assert!(home.is_unlocked(), "nobody else has to wait for the person");
    assert!(server.approve_device(&server.latest_user_code().unwrap()));
    let ended = started.end().await;
    let stored = home.stored(server.public_client()).unwrap();
    ended.shows(&stored, &server);
    assert_ne!(stored.access_token, tokens.access_token);
    assert_eq!((refreshes(&server), server.count(Endpoint::UserInfo)), (1, 2));
}

#[tokio::test]
async fn a_revoked_login_without_a_refresh_token_is_made_anew() {
    let (server, home) = (server().await, Home::new());
    let mut tokens = server.issue_tokens(server.public_client(), "profile email");
    tokens.refresh_token = None;
    home.keep(server.public_client(), &tokens, 600);
    server.revoke_everything();
    let ended = home.run(&server).approved_at(&server).await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    ended.says(&["The server has revoked the stored login"]);
    assert_eq!(refreshes(&server), 0);
}

/// case 56
#[tokio::test]
async fn a_401_that_does_not_speak_of_the_token_costs_nothing() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    let text = home.text();
    for fault in [Fault::body(401, "text/html", "<h1>Proxy</h1>"), Fault::oauth_error(401, "server_error")] {
        server.inject(Endpoint::UserInfo, fault, Times::Once);
        let ended = home.run(&server).end().await;
        assert!(ended.status == Some(1) && ended.stdout.starts_with("Token: "), "{ended:?}");
        assert_eq!((refreshes(&server), home.text()), (0, text.clone()));
    }
}

#[tokio::test]
async fn a_token_got_in_this_run_is_not_replaced_and_stays() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::UserInfo, Fault::oauth_error(401, "invalid_token"), Times::Always);
    let first_login = home.run(&server).approved_at(&server).await;
    let after_a_refresh = home.run(&server).end().await;
    for ended in [first_login, after_a_refresh] {
        assert!(ended.stdout.contains("(UserInfo error: userinfo: ") && ended.stdout.contains("401 invalid_token"));
        assert_eq!((ended.status, ended.value("TokenInfo Active")), (Some(1), "True"), "{ended:?}");
    }
    assert!(home.stored(server.public_client()).is_some());
    assert_eq!((server.count(Endpoint::DeviceAuthorization), refreshes(&server)), (1, 1));
    assert_eq!(server.count(Endpoint::UserInfo), 3);
}

/// cases 68, 69
#[tokio::test]
async fn a_login_that_was_stored_under_a_wrong_clock_costs_at_most_one_refresh() {
    const HOUR: i64 = 3600;
    const FIFTY_YEARS: i64 = 50 * 365 * 24 * HOUR;
    for (expires_in, is_dead, expected) in [
        (-HOUR, false, 1),
        (-FIFTY_YEARS, false, 1),
        (2 * HOUR, false, 0),
        (FIFTY_YEARS, false, 0),
        (2 * HOUR, true, 1),
        (FIFTY_YEARS, true, 1),
    ] {
        let (server, home) = (server().await, Home::new());
        server.change(|settings| settings.rotate_refresh_tokens = true);
        let tokens = home.log_in(&server, expires_in);
        if is_dead {
            server.revoke(&tokens.access_token);
        }
        for _ in 0..3 {
            let ended = home.run(&server).end().await;
            ended.shows(&home.stored(server.public_client()).unwrap(), &server);
        }
        assert_eq!(refreshes(&server), expected, "{expires_in} s left, dead: {is_dead}");
    }
}

/// case 119
#[tokio::test]
async fn a_network_that_is_down_does_not_cost_the_login() {
    let (server, home) = (server().await, Home::new());
    for expires_in in [600, -60] {
        home.log_in(&server, expires_in);
        let text = home.text();
        let (run, url) = (home.run(&server), server.url().to_owned());
        server.inject(Endpoint::Any, Fault::Drop, Times::Always);
        run.end().await.fails_with(1, &["discovery", &url]);
        server.clear_faults();
        assert_eq!(home.text(), text);
    }
    let run = home.run(&server);
    let text = home.text();
    server.stop().await;
    run.end().await.fails_with(1, &["discovery", "Is the server running"]);
    assert_eq!(home.text(), text);
}

/// cases 34, 119
#[tokio::test]
async fn a_server_in_trouble_does_not_cost_the_login() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, -60);
    let text = home.text();
    for fault in [Fault::status(500), Fault::status(503), Fault::body(400, "text/html", "<h1>WAF</h1>"), Fault::Drop] {
        server.inject(Endpoint::Token, fault, Times::Always);
        home.run(&server).end().await.fails_with(1, &["refresh token grant"]);
        server.clear_faults();
        assert_eq!(home.text(), text);
    }
    assert_eq!(refreshes(&server), 4, "each run asks once");
    assert_eq!(home.run(&server).end().await.status, Some(0));
}

/// case 119
#[tokio::test]
async fn a_token_that_is_about_to_expire_serves_where_it_cannot_be_renewed() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 20);
    server.inject(Endpoint::Token, Fault::status(503), Times::Once);
    let before = home.stored(server.public_client()).unwrap();
    let ended = home.run(&server).end().await;
    ended.shows(&before, &server);
    ended.says(&["503", "stays in use"]);
    assert_eq!(home.stored(server.public_client()), Some(before));
}

/// case 121
#[tokio::test]
async fn a_renewal_that_fails_after_a_401_does_not_cost_the_login() {
    let (server, home) = (server().await, Home::new());
    let tokens = home.log_in(&server, 600);
    server.revoke(&tokens.access_token);
    let text = home.text();
    server.inject(Endpoint::Token, Fault::status(503), Times::Once);
    let ended = home.run(&server).end().await;
    assert!(ended.stdout.contains("(UserInfo error: refresh token grant: "), "{ended:?}");
    assert_eq!((ended.status, home.text()), (Some(1), text));
    assert_eq!(home.run(&server).end().await.status, Some(0));
}

/// case 14
#[tokio::test]
async fn a_login_at_another_server_is_sent_nowhere() {
    let (other, server, home) = (server().await, server().await, Home::new());
    for expires_in in [600, -60] {
        let tokens = home.log_in(&other, expires_in);
        let ended = home.run(&server).approved_at(&server).await;
        ended.shows(&home.stored(server.public_client()).unwrap(), &server);
        ended.says(&[other.url(), "it is not used"]);
        for request in server.requests() {
            let sent = format!("{request:?}");
            assert!(!sent.contains(&tokens.access_token) && !sent.contains(tokens.refresh_token.as_ref().unwrap()));
        }
    }
    assert_eq!(other.requests().len(), 0);
}

/// case 14
#[tokio::test]
async fn a_login_at_an_unknown_server_is_sent_nowhere() {
    let (server, home) = (server().await, Home::new());
    let mut tokens = server.issue_tokens(server.public_client(), "profile email");
    tokens.access_token = "opaque-access-token".to_owned();
    home.keep(server.public_client(), &tokens, 600);
    let ended = home.run(&server).approved_at(&server).await;
    assert_eq!(ended.status, Some(0));
    ended.says(&["unknown server"]);
    assert!(!format!("{:?}", server.requests()).contains("opaque-access-token"));
}

/// case 129
#[tokio::test]
async fn what_belongs_to_others_stays_as_it_was() {
    let (server, home) = (server().await, Home::new());
    let (theirs, top) = (r#""neighbour": "{\"access_token\": \"\u0061\"}""#, r#""tokens": {"go": 1.50}"#);
    home.log_in(&server, -60);
    let login = home.text().unwrap();
    let login = login.lines().find(|line| line.contains("access_token")).unwrap();
    home.replace(&format!("{{\"data\": {{{theirs}, {login}}}, {top}}}"));
    assert_eq!(home.run(&server).end().await.status, Some(0));
    let text = home.text().unwrap();
    assert!(text.contains(theirs) && text.contains(top), "{text}");
    assert_eq!(home.run(&server).arg("--logout").end().await.status, Some(0));
    let text = home.text().unwrap();
    assert!(text.contains(theirs) && text.contains(top), "{text}");
    assert_eq!(home.stored(server.public_client()), None);
}

/// cases 36, 116
#[tokio::test]
async fn a_refresh_whose_answer_was_lost_is_not_sent_twice() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.rotate_refresh_tokens = true);
    home.log_in(&server, -60);
    server.inject(Endpoint::Token, Fault::DropAfter, Times::Once);
    home.run(&server).end().await.fails_with(1, &["refresh token grant"]);
    assert_eq!(refreshes(&server), 1);

    let ended = home.run(&server).approved_at(&server).await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    assert_eq!(refreshes(&server), 2);
}

/// case 51
#[tokio::test]
async fn an_id_token_that_cannot_be_read_says_nothing() {
    for garbled in ["garbled", "e30.bnVsbA.", "\u{1b}[2J"] {
        let (server, home) = (server().await, Home::new());
        server.inject(Endpoint::Token, Fault::set_member("id_token", garbled), Times::Always);
        let ended = home.run(&server).approved_at(&server).await;
        ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    }
}

/// case 51
#[tokio::test]
async fn userinfo_about_another_person_than_the_id_tokens_is_an_error() {
    let (server, home) = (server().await, Home::new());
    let id_token = server.issue_tokens(server.public_client(), "openid").id_token.unwrap();
    server.inject(Endpoint::Token, Fault::set_member("id_token", id_token), Times::Once);
    assert_eq!(home.run(&server).approved_at(&server).await.status, Some(0));

    let somebody = Fault::set_member("sub", "somebody-else");
    server.inject(Endpoint::UserInfo, somebody, Times::Once);
    let ended = home.run(&server).end().await;
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stdout.contains("UserInfo error: userinfo: ") && ended.stdout.contains("another person"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("Jane"), "{ended:?}");
    assert_eq!(home.run(&server).end().await.status, Some(0), "the login is kept");
}
