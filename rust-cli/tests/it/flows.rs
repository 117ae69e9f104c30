//! A login by each flow, and which of them it is.

use std::net::TcpListener;

use crate::support::browser::{authorization_url, begin, is_free, redirect_uri, until_free, visit};
use crate::support::{Home, server, until};
use authgate_dev_server::{Endpoint, Fault, Times, grant_type};

#[tokio::test]
async fn a_login_in_the_browser_prints_the_block_and_shows_a_page() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    let started = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back).start();
    let url = authorization_url(&started).await;
    for part in ["response_type=code", "code_challenge_method=S256", "scope=profile+email", "state="] {
        assert!(url.contains(part), "{part} is not in {url}");
    }
    let page = visit(&server.approve_authorization(&url).unwrap()).await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("You are logged in"), "{page}");

    let ended = started.end().await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    ended.says(&[&format!("register exactly {back}"), "use the device flow", "Finishing the login"]);
    assert!(is_free(&back));
    let verifier = server.requests_at(Endpoint::Token)[0].parameter("code_verifier").unwrap().to_owned();
    assert!((43..=128).contains(&verifier.len()) && !ended.stderr.contains(&verifier));
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);
}

/// cases 75, 76, 79, 83
#[tokio::test]
async fn strangers_at_the_callback_are_turned_away_and_the_login_goes_on() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    let started = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back).start();
    let url = authorization_url(&started).await;
    for query in ["?code=a", "?code=a&state=wrong", "?error=access_denied&state=wrong", "?error=access_denied"] {
        let page = visit(&format!("{back}{query}")).await;
        assert!(page.starts_with("HTTP/1.1 400 "), "{query}: {page}");
    }
    assert!(visit(&format!("{back}/elsewhere")).await.starts_with("HTTP/1.1 404 "));
    started.says("does not belong to this login").await;
    visit(&server.approve_authorization(&url).unwrap()).await;
    assert_eq!(started.end().await.status, Some(0));
    assert_eq!(server.count(Endpoint::Token), 1);
}

/// case 77
#[tokio::test]
async fn a_login_that_the_person_refuses_ends_with_1_and_is_not_asked_for_again() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    let started = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back).start();
    let url = authorization_url(&started).await;
    let page = visit(&server.deny_authorization(&url).unwrap()).await;
    assert!(page.contains("Login refused"), "{page}");
    started.end().await.fails_with(1, &["refused by the person"]);

    let started = home.run(&server).start();
    until("a device code", || server.latest_user_code().is_some_and(|code| server.deny_device(&code))).await;
    started.end().await.fails_with(1, &["refused by the person"]);
    assert_eq!((server.count(Endpoint::DeviceAuthorization), home.text()), (1, None));
}

#[tokio::test]
async fn a_person_who_refuses_the_new_login_after_a_revoked_one_is_not_shown_the_old() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    server.revoke_everything();
    let started = home.run(&server).start();
    until("a device code", || server.latest_user_code().is_some_and(|code| server.deny_device(&code))).await;
    started.end().await.fails_with(1, &["has revoked the stored login", "refused by the person"]);
    assert_eq!(home.stored(server.public_client()), None);
}

/// case 92
#[tokio::test]
async fn an_exchange_that_fails_is_no_success_in_the_browser_either() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    server.inject(Endpoint::Token, Fault::status(500), Times::Once);
    let started = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back).start();
    let url = authorization_url(&started).await;
    let page = visit(&server.approve_authorization(&url).unwrap()).await;
    assert!(page.contains("Login failed") && !page.contains("You are logged in"), "{page}");
    started.end().await.fails_with(1, &["To log in, open this address", "authorization code grant", "500"]);
    assert_eq!(home.text(), None);
}

/// case 84
#[tokio::test]
async fn a_port_that_is_taken_is_said_with_the_way_out() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    let _taken = TcpListener::bind(back.trim_start_matches("http://").trim_end_matches("/callback")).unwrap();
    let run = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back);
    run.end().await.fails_with(1, &["another program uses this port", "--flow device"]);
}

/// case 84
#[tokio::test]
async fn a_port_that_is_taken_when_a_revoked_login_is_made_anew_is_said_so_too() {
    let (server, home) = (server().await, Home::new());
    home.log_in(&server, 600);
    server.revoke_everything();
    let back = redirect_uri(&server);
    let _taken = TcpListener::bind(back.trim_start_matches("http://").trim_end_matches("/callback")).unwrap();
    let run = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back);
    run.end().await.fails_with(1, &["revoked", "another program uses this port", "--flow device"]);
}

/// case 89
#[tokio::test]
async fn without_a_terminal_auto_takes_the_device_flow() {
    let (server, home) = (server().await, Home::new());
    let run = || home.run_without_flow(&server).with("DISPLAY", ":0");
    for run in [run(), run().args("--flow auto"), run().with("AUTHGATE_FLOW", "auto").with("CI", "false")] {
        let ended = run.approved_at(&server).await;
        ended.shows(&home.stored(server.public_client()).unwrap(), &server);
        std::fs::remove_file(home.file("")).unwrap();
    }
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 3);
}

/// case 89
#[tokio::test]
async fn in_ci_nobody_is_asked_unless_a_flow_is_named() {
    let (server, home) = (server().await, Home::new());
    let run = || home.run_without_flow(&server).with("CI", "true");
    run().end().await.fails_with(1, &["CI is set", "no terminal", "client credentials", "device flow by name"]);
    run().args("--flow auto").end().await.fails_with(1, &["CI is set"]);
    assert_eq!((server.count(Endpoint::DeviceAuthorization), home.text()), (0, None));

    assert_eq!(run().args("--flow device").approved_at(&server).await.status, Some(0));
    assert_eq!(run().end().await.status, Some(0), "a login that is there is used");
    std::fs::remove_file(home.file("")).unwrap();

    let back = redirect_uri(&server);
    let started = run().with("AUTHGATE_FLOW", "browser").args("--redirect-uri").arg(&back).start();
    let url = authorization_url(&started).await;
    started.says("no browser can be opened here").await;
    visit(&server.approve_authorization(&url).unwrap()).await;
    assert_eq!(started.end().await.status, Some(0));
}

/// case 111
#[tokio::test]
async fn a_client_without_the_device_grant_is_told_of_the_browser() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| settings.disabled_grant_types.push(grant_type::DEVICE_CODE.to_owned()));
    home.run(&server).end().await.fails_with(1, &["device", "browser"]);
}

/// cases 82, 90
#[tokio::test]
async fn a_browser_that_goes_away_before_its_page_does_not_hold_the_run_up() {
    let (server, home) = (server().await, Home::new());
    let back = redirect_uri(&server);
    let started = home.run_without_flow(&server).args("--flow browser --redirect-uri").arg(&back).start();
    let url = authorization_url(&started).await;
    drop(begin(&server.approve_authorization(&url).unwrap()).await);
    let ended = started.end().await;
    ended.shows(&home.stored(server.public_client()).unwrap(), &server);
    until_free(&back).await;
}
