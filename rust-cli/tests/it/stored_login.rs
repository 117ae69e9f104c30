use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::Home;
use insta::assert_snapshot;

use crate::support::{logged_in, logged_in_with_rotation, refreshes, run, server, stored};

#[tokio::test]
async fn an_expired_token_is_refreshed_and_saved() {
    let (server, home) = logged_in_with_rotation(-60).await;
    let old = stored(&home, &server);
    run(&home, &server).end().await.shows_stored(&home, &server);
    let new = stored(&home, &server);
    assert!(new.access_token != old.access_token && new.refresh_token != old.refresh_token);
    assert_eq!(
        (
            server.count(Endpoint::Token),
            server.count(Endpoint::DeviceAuthorization)
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn without_a_refresh_token_a_person_logs_in_again() {
    for (expires_in, is_revoked) in [(-60, false), (600, true)] {
        let (server, home) = (server().await, Home::new());
        let mut tokens = server.issue_tokens(server.public_client(), "profile email");
        tokens.refresh_token = None;
        home.store(server.public_client(), &tokens, expires_in);
        if is_revoked {
            server.revoke_everything();
        }
        let ended = run(&home, &server).approved_at(&server).await;
        ended.shows_stored(&home, &server);
        assert_eq!(
            ended
                .stderr
                .contains("Your stored login was revoked by the server"),
            is_revoked,
            "{ended:?}"
        );
        assert_eq!(
            (refreshes(&server), server.count(Endpoint::UserInfo)),
            (0, 1 + usize::from(is_revoked))
        );
    }
}

#[tokio::test]
async fn a_refused_token_costs_one_refresh() {
    let (server, home) = logged_in(600).await;
    let old = stored(&home, &server);
    server.revoke(&old.access_token);
    let ended = run(&home, &server).end().await;
    ended.shows_stored(&home, &server);
    assert_ne!(stored(&home, &server).access_token, old.access_token);
    assert_eq!(
        (refreshes(&server), server.count(Endpoint::UserInfo)),
        (1, 2)
    );
    assert!(!ended.stderr.contains("revoked"), "{ended:?}");
}

#[tokio::test]
async fn a_revoked_login_is_deleted_before_the_next_one() {
    let (server, home) = logged_in(600).await;
    let old = stored(&home, &server);
    server.revoke_everything();
    let started = run(&home, &server).start();
    started
        .says("Your stored login was revoked by the server")
        .await;
    started.says("/device").await;
    assert_eq!(home.stored(server.public_client()), None);
    assert!(
        home.is_unlocked(),
        "no other run has to wait for the person"
    );
    assert!(server.approve_device(&server.latest_user_code().unwrap()));
    let ended = started.end().await;
    ended.shows_stored(&home, &server);
    assert_snapshot!(ended.notices(), @"
    Your stored login was revoked by the server. Please log in again.
    [prompt]
    ");
    assert_ne!(stored(&home, &server).access_token, old.access_token);
    assert_eq!(
        (refreshes(&server), server.count(Endpoint::UserInfo)),
        (1, 2)
    );
}

#[tokio::test]
async fn a_401_that_does_not_name_the_token_costs_nothing() {
    let (server, home) = logged_in(600).await;
    let text = home.text();
    for fault in [
        Fault::body(401, "text/html", "<h1>Proxy</h1>"),
        Fault::oauth_error(401, "server_error"),
    ] {
        server.inject(Endpoint::UserInfo, fault, Times::Once);
        let ended = run(&home, &server).end().await;
        assert!(
            ended.status == Some(1) && ended.stdout.starts_with("Token: "),
            "{ended:?}"
        );
        assert_eq!((refreshes(&server), home.text()), (0, text.clone()));
    }
}

#[tokio::test]
async fn a_refused_token_of_this_run_stays() {
    let (server, home) = (server().await, Home::new());
    server.inject(
        Endpoint::UserInfo,
        Fault::oauth_error(401, "invalid_token"),
        Times::Always,
    );
    let first_login = run(&home, &server).approved_at(&server).await;
    let after_a_refresh = run(&home, &server).end().await;
    for ended in [first_login, after_a_refresh] {
        assert!(
            ended.stdout.contains("(UserInfo error: userinfo: ")
                && ended.stdout.contains("401 invalid_token")
        );
        assert_eq!(
            (ended.status, ended.value("TokenInfo Active")),
            (Some(1), "True"),
            "{ended:?}"
        );
    }
    assert!(home.stored(server.public_client()).is_some());
    let counts = (
        server.count(Endpoint::DeviceAuthorization),
        refreshes(&server),
        server.count(Endpoint::UserInfo),
    );
    assert_eq!(counts, (1, 1, 3));
}

#[tokio::test]
async fn a_wrong_clock_costs_at_most_one_refresh() {
    const HOUR: i64 = 3600;
    const FIFTY_YEARS: i64 = 50 * 365 * 24 * HOUR;
    for (expires_in, is_revoked, expected) in [
        (-HOUR, false, 1),
        (-FIFTY_YEARS, false, 1),
        (2 * HOUR, false, 0),
        (FIFTY_YEARS, false, 0),
        (2 * HOUR, true, 1),
        (FIFTY_YEARS, true, 1),
    ] {
        let (server, home) = logged_in_with_rotation(expires_in).await;
        if is_revoked {
            server.revoke(&stored(&home, &server).access_token);
        }
        for _ in 0..3 {
            run(&home, &server).end().await.shows_stored(&home, &server);
        }
        assert_eq!(
            refreshes(&server),
            expected,
            "{expires_in} s left, revoked: {is_revoked}"
        );
    }
}

#[tokio::test]
async fn a_network_that_is_down_does_not_end_the_login() {
    let (server, home) = (server().await, Home::new());
    for (expires_in, is_shown) in [(600, true), (-60, false)] {
        home.log_in(&server, expires_in);
        let text = home.text();
        server.inject(Endpoint::Any, Fault::Drop, Times::Always);
        let ended = run(&home, &server).end().await;
        assert_eq!(ended.status, Some(1));
        let shown = ended.stdout.contains("(UserInfo error: discovery: ")
            && ended.stdout.contains("TokenInfo error: discovery: ");
        assert_eq!(shown, is_shown, "{ended:?}");
        assert_eq!(ended.stderr.contains("error: discovery: "), !is_shown);
        server.clear_faults();
        assert_eq!(home.text(), text);
    }
    let (run, text) = (run(&home, &server), home.text());
    server.stop().await;
    run.end()
        .await
        .fails_with(1, &["discovery", "Check that the server is running"]);
    assert_eq!(home.text(), text);
}

#[tokio::test]
async fn a_fresh_token_is_printed_in_an_outage() {
    let (server, home) = logged_in(600).await;
    let token = stored(&home, &server).access_token;
    let faults = [
        (Endpoint::Discovery, Fault::status(503)),
        (Endpoint::Discovery, Fault::Hang),
        (Endpoint::UserInfo, Fault::Hang),
    ];
    let mut warnings = String::new();
    for (endpoint, fault) in faults {
        server.inject(endpoint, fault, Times::Always);
        let print = run(&home, &server).arg("--print-access-token");
        let ended = print.end().await;
        assert_eq!(
            (ended.status, ended.stdout.trim_end()),
            (Some(0), token.as_str())
        );
        warnings += &ended.said();
        warnings += "\n";
        server.clear_faults();
    }
    assert_snapshot!(warnings, @"
    warning: discovery: http://127.0.0.1:[port]/.well-known/openid-configuration answered 503, which is not a JSON object (no content type; an empty body)

    warning: discovery: no answer within 3 s

    warning: userinfo: no answer within 3 s
    ");
}

#[tokio::test]
async fn a_refresh_that_fails_does_not_end_the_login() {
    let (server, home) = logged_in(-60).await;
    let text = home.text();
    let mut said = String::new();
    for fault in [
        Fault::status(500),
        Fault::status(503),
        Fault::body(400, "text/html", "<h1>WAF</h1>"),
        Fault::Drop,
    ] {
        server.inject(Endpoint::Token, fault, Times::Always);
        let failure = run(&home, &server).end().await.failure(1);
        said += failure
            .lines()
            .find(|line| line.starts_with("error: "))
            .unwrap();
        said += "\n";
        server.clear_faults();
        assert_eq!(home.text(), text);
    }
    assert_snapshot!(said, @"
    error: refresh token grant: http://127.0.0.1:[port]/oauth/token answered 500, which is not a JSON object (no content type; an empty body)
    error: refresh token grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body)
    error: refresh token grant: http://127.0.0.1:[port]/oauth/token answered 400, which is not a JSON object (text/html; a body that begins: <h1>WAF</h1>)
    error: refresh token grant: lost the connection to http://127.0.0.1:[port]/oauth/token (connection closed before message completed). Try again
    ");
    assert_eq!(refreshes(&server), 4, "each run asks once");
    assert_eq!(run(&home, &server).end().await.status, Some(0));
}

#[tokio::test]
async fn a_token_that_expires_soon_is_used_when_its_refresh_fails() {
    let (server, home) = logged_in(20).await;
    server.inject(Endpoint::Token, Fault::status(503), Times::Once);
    let before = stored(&home, &server);
    let ended = run(&home, &server).end().await;
    ended.shows(&before, &server);
    assert_snapshot!(ended.notices(), @"The login could not be refreshed: refresh token grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body). The stored token is still valid.");
    assert_eq!(stored(&home, &server), before);
}

#[tokio::test]
async fn a_refresh_that_fails_after_a_401_does_not_end_the_login() {
    let (server, home) = logged_in(600).await;
    server.revoke(&stored(&home, &server).access_token);
    let text = home.text();
    server.inject(Endpoint::Token, Fault::status(503), Times::Once);
    let ended = run(&home, &server).end().await;
    assert_snapshot!(ended.printed().lines().next().unwrap(), @"Token: [token]... (UserInfo error: refresh token grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body))");
    assert_eq!((ended.status, home.text()), (Some(1), text));
    assert_eq!(run(&home, &server).end().await.status, Some(0));
}

#[tokio::test]
async fn a_login_at_another_server_is_sent_nowhere() {
    let (other, server, home) = (server().await, server().await, Home::new());
    let mut refusals = Vec::new();
    for expires_in in [600, -60] {
        let tokens = home.log_in(&other, expires_in);
        let before = home.text();
        let ended = run(&home, &server).end().await;
        ended.says(&[other.url()]);
        refusals.push(ended.failure(1));
        assert_eq!(home.text(), before);

        let ended = run(&home, &server)
            .arg("--replace")
            .approved_at(&server)
            .await;
        ended.shows_stored(&home, &server);
        let sent = format!("{:?}", server.requests());
        assert!(
            !sent.contains(&tokens.access_token)
                && !sent.contains(tokens.refresh_token.as_ref().unwrap())
        );
    }
    assert_eq!(refusals[0], refusals[1]);
    assert_snapshot!(refusals[0], @"error: the stored login of this client is for http://127.0.0.1:[port], not for http://127.0.0.1:[port], so it is neither used nor replaced. If you no longer need it, add --replace");
    assert_eq!(other.requests().len(), 0);
}

#[tokio::test]
async fn a_login_at_an_unknown_server_is_sent_nowhere() {
    let (server, home) = (server().await, Home::new());
    let mut tokens = server.issue_tokens(server.public_client(), "profile email");
    tokens.access_token = "opaque-access-token".to_owned();
    home.store(server.public_client(), &tokens, 600);
    let ended = run(&home, &server).approved_at(&server).await;
    assert_eq!(ended.status, Some(0));
    assert_snapshot!(ended.notices(), @"
    The stored login does not say which server it is for, so it is not used. The next login replaces it.
    [prompt]
    ");
    assert!(!format!("{:?}", server.requests()).contains("opaque-access-token"));
}

#[tokio::test]
async fn entries_of_other_programs_stay_as_they_were() {
    let (server, home) = logged_in(-60).await;
    let (theirs, top) = (
        r#""neighbour": "{\"access_token\": \"\u0061\"}""#,
        r#""tokens": {"go": 1.50}"#,
    );
    let login = home.text().unwrap();
    let login = login
        .lines()
        .find(|line| line.contains("access_token"))
        .unwrap();
    home.replace(&format!("{{\"data\": {{{theirs}, {login}}}, {top}}}"));
    for run in [run(&home, &server), run(&home, &server).arg("--logout")] {
        assert_eq!(run.end().await.status, Some(0));
        let text = home.text().unwrap();
        assert!(text.contains(theirs) && text.contains(top), "{text}");
    }
    assert_eq!(home.stored(server.public_client()), None);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_is_not_sent_twice() {
    let (server, home) = logged_in_with_rotation(-60).await;
    server.inject(Endpoint::Token, Fault::DropAfter, Times::Once);
    run(&home, &server)
        .end()
        .await
        .fails_with(1, &["refresh token grant"]);
    assert_eq!(refreshes(&server), 1);

    run(&home, &server)
        .approved_at(&server)
        .await
        .shows_stored(&home, &server);
    assert_eq!(refreshes(&server), 2);
}

#[tokio::test]
async fn an_id_token_that_cannot_be_read_is_shown_masked() {
    for garbled in ["garbled", "e30.bnVsbA.", "\u{1b}[2J"] {
        let (server, home) = (server().await, Home::new());
        server.inject(
            Endpoint::Token,
            Fault::set_member("id_token", garbled),
            Times::Always,
        );
        run(&home, &server)
            .approved_at(&server)
            .await
            .shows_stored(&home, &server);
    }
}

#[tokio::test]
async fn userinfo_about_another_person_is_an_error() {
    let (server, home) = (server().await, Home::new());
    let id_token = server
        .issue_tokens(server.public_client(), "openid")
        .id_token
        .unwrap();
    server.inject(
        Endpoint::Token,
        Fault::set_member("id_token", id_token),
        Times::Once,
    );
    assert_eq!(
        run(&home, &server).approved_at(&server).await.status,
        Some(0)
    );

    server.inject(
        Endpoint::UserInfo,
        Fault::set_member("sub", "somebody-else"),
        Times::Once,
    );
    let ended = run(&home, &server).end().await;
    assert_eq!(ended.status, Some(1));
    assert_snapshot!(ended.printed().lines().next().unwrap(), @"Token: [token]... (UserInfo error: userinfo: http://127.0.0.1:[port]: the answer is about another person than the ID token: log out and in again)");
    assert!(!ended.stdout.contains("Jane"), "{ended:?}");
    assert_eq!(
        run(&home, &server).end().await.status,
        Some(0),
        "the login stays"
    );
}

#[tokio::test]
async fn a_token_with_less_left_than_wanted_is_refreshed_once() {
    for (seconds, expected) in [("300", 0), ("900", 1), ("99999", 1)] {
        let (server, home) = logged_in(600).await;
        let run = run(&home, &server).args("--print-access-token --min-validity");
        let ended = run.arg(seconds).end().await;
        let token = stored(&home, &server).access_token;
        assert_eq!((ended.status, ended.stdout.trim_end()), (Some(0), &*token));
        assert_eq!(ended.stderr, "");
        assert_eq!(refreshes(&server), expected, "{seconds}");
    }
}
