use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use authgate_core::reqwest::Url;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times, grant_type};
use authgate_test_support::browser::{authorization_url, redirect_uri};
use authgate_test_support::{Home, http, until};
use insta::assert_snapshot;

use crate::support::{
    denied_at, logged_in, request_page, run, run_in_browser, run_without_flow, server,
    waiting_browser_login,
};

/// Approves the login as a person does. Returns the page that the browser shows at the end.
async fn approve(server: &DevServer, url: &str) -> http::Answer {
    http::get(&server.approve_authorization(url).unwrap()).await
}

#[tokio::test]
async fn a_browser_login_prints_the_block_and_shows_a_page() {
    let (server, home) = (server().await, Home::new());
    let (run, url, port) = waiting_browser_login(&home, &server).await;
    let page = approve(&server, &url).await;
    assert!(
        page.status == 200 && page.body.contains("You are logged in"),
        "{page:?}"
    );

    let ended = run.end().await;
    ended.shows_stored(&home, &server);
    assert_snapshot!(ended.said(), @"
    To log in, open this page in a browser on this machine:

        http://127.0.0.1:[port]/oauth/authorize?response_type=code&client_id=dev-cli&state=[random]&code_challenge=[random]&code_challenge_method=S256&redirect_uri=http%3A%2F%2F127.0.0.1%3A[port]%2Fcallback&scope=profile+email

    Waiting 5 minutes for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    No browser can be opened here: no program that opens URLs was found (xdg-open, wslview, or one named in BROWSER). Open the address above yourself.
    Finishing the login.
    The login is saved unencrypted in file [home]/.authgate-tokens.json. An older login may still be in the keyring.
    ");
    assert!(port.is_free());
    let verifier = server.requests_at(Endpoint::Token)[0]
        .parameter("code_verifier")
        .unwrap()
        .to_owned();
    assert!((43..=128).contains(&verifier.len()) && !ended.stderr.contains(&verifier));
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);
}

#[tokio::test]
async fn a_request_that_is_not_of_this_login_does_not_end_it() {
    let (server, home) = (server().await, Home::new());
    let (run, url, port) = waiting_browser_login(&home, &server).await;
    let callback = port.redirect_uri("127.0.0.1");
    for query in [
        "?code=a",
        "?code=a&state=wrong",
        "?error=access_denied&state=wrong",
        "?error=access_denied",
    ] {
        assert_eq!(
            http::get(&format!("{callback}{query}")).await.status,
            400,
            "{query}"
        );
    }
    assert_eq!(
        http::get(&format!("{callback}/elsewhere")).await.status,
        404
    );
    approve(&server, &url).await;
    let ended = run.end().await;
    assert_eq!((ended.status, server.count(Endpoint::Token)), (Some(0), 1));
    assert_snapshot!(ended.notices(), @"
    [prompt]
    Ignored a request to the callback address that was not part of this login.
    Finishing the login.
    ");
}

#[tokio::test]
async fn access_denied_ends_the_run_without_another_prompt() {
    let (server, home) = (server().await, Home::new());
    let (in_browser, url, _port) = waiting_browser_login(&home, &server).await;
    let page = http::get(&server.deny_authorization(&url).unwrap()).await;
    assert!(page.body.contains("Access denied"), "{page:?}");
    let in_browser = in_browser.end().await.failure(1);
    let by_code = denied_at(&server, run(&home, &server)).await.failure(1);
    assert_snapshot!(in_browser + &by_code, @"
    [prompt]
    error: access denied: the login request was declined (User denied the authorization request)
    [prompt]
    error: access denied: the login request was declined
    ");
    assert_eq!(
        (server.count(Endpoint::DeviceAuthorization), home.text()),
        (1, None)
    );
}

#[tokio::test]
async fn a_revoked_login_is_not_shown_after_access_denied() {
    let (server, home) = logged_in(600).await;
    server.revoke_everything();
    assert_snapshot!(denied_at(&server, run(&home, &server)).await.failure(1), @"
    Your stored login was revoked by the server. Please log in again.
    [prompt]
    error: access denied: the login request was declined
    ");
    assert_eq!(home.stored(server.public_client()), None);
}

#[tokio::test]
async fn a_failed_exchange_is_shown_in_the_browser_too() {
    let (server, home) = (server().await, Home::new());
    server.inject(Endpoint::Token, Fault::status(500), Times::Once);
    let (run, url, _port) = waiting_browser_login(&home, &server).await;
    let page = approve(&server, &url).await;
    assert!(
        page.body.contains("Login failed") && !page.body.contains("You are logged in"),
        "{page:?}"
    );
    assert_snapshot!(run.end().await.failure(1), @"
    [prompt]
    Finishing the login.
    error: authorization code grant: http://127.0.0.1:[port]/oauth/token answered 500, which is not a JSON object (no content type; an empty body)
    ");
    assert_eq!(home.text(), None);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_the_device_flow() {
    let (server, home) = (server().await, Home::new());
    let (port, redirect_uri) = redirect_uri(&server);
    let address = (Ipv4Addr::LOCALHOST, port.number());
    let _other = TcpListener::bind(address).unwrap();
    let first_login = run_in_browser(&home, &server, &redirect_uri).end().await;
    home.log_in(&server, 600);
    server.revoke_everything();
    let after_a_revoked_one = run_in_browser(&home, &server, &redirect_uri).end().await;
    let said = [first_login, after_a_revoked_one].map(|ended| {
        ended.fails_with(1, &[]);
        ended.said()
    });
    assert_snapshot!(said.concat(), @"
    error: cannot listen on 127.0.0.1:[port]: another program, perhaps another login, uses this port. To log in without a browser: rust-cli --flow device
    Your stored login was revoked by the server. Please log in again.
    error: cannot listen on 127.0.0.1:[port]: another program, perhaps another login, uses this port. To log in without a browser: rust-cli --flow device
    ");
}

#[tokio::test]
async fn without_a_launcher_auto_takes_the_device_flow() {
    let (server, home) = (server().await, Home::new());
    let run = || run_without_flow(&home, &server).with("DISPLAY", ":0");
    for run in [
        run(),
        run().args("--flow auto"),
        run().with("AUTHGATE_FLOW", "auto").with("CI", "false"),
    ] {
        run.approved_at(&server).await.shows_stored(&home, &server);
        fs::remove_file(home.file("")).unwrap();
    }
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 3);
}

#[tokio::test]
async fn auto_says_why_it_uses_a_device_code_if_the_server_is_there() {
    const WHY: &str = "No browser can be opened here: there is no display";
    let (server, home) = (server().await, Home::new());
    let run = || run_without_flow(&home, &server);
    let without_a_server = run().with("AUTHGATE_URL", "http://127.0.0.1:1").end().await;
    assert!(
        !without_a_server.said().contains(WHY),
        "{without_a_server:?}"
    );
    without_a_server.fails_with(1, &["cannot reach"]);

    let ended = run().approved_at(&server).await;
    assert!(ended.said().starts_with(WHY), "{ended:?}");
    let cached = run().end().await;
    assert_eq!((cached.status, cached.said().as_str()), (Some(0), ""));
}

#[tokio::test]
async fn in_ci_only_a_flow_asked_for_by_name_runs() {
    let (server, home) = (server().await, Home::new());
    let run = || run_without_flow(&home, &server).with("CI", "true");
    let without_a_flow = run().end().await.failure(1);
    assert_snapshot!(without_a_flow, @"error: nobody is logged in, CI is set, and there is no terminal where a person could log in: run it once by hand, ask for the device flow by name, or use the client credentials grant for a machine");
    assert_eq!(
        run().args("--flow auto").end().await.failure(1),
        without_a_flow
    );
    assert_eq!(
        (server.count(Endpoint::DeviceAuthorization), home.text()),
        (0, None)
    );

    assert_eq!(
        run()
            .args("--flow device")
            .approved_at(&server)
            .await
            .status,
        Some(0)
    );
    assert_eq!(run().end().await.status, Some(0), "a stored login is used");
    fs::remove_file(home.file("")).unwrap();

    let (_port, redirect_uri) = redirect_uri(&server);
    let by_name = run()
        .with("AUTHGATE_FLOW", "browser")
        .with("AUTHGATE_REDIRECT_URI", &redirect_uri)
        .start();
    let url = authorization_url(&by_name).await;
    by_name.says("No browser can be opened here").await;
    approve(&server, &url).await;
    assert_eq!(by_name.end().await.status, Some(0));
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_registered_is_named_with_the_ways_out() {
    let (server, home) = (server().await, Home::new());
    let mut said = String::new();
    for refusal in [
        "error=invalid_request&error_description=invalid+redirect_uri",
        "error=unauthorized_client&error_description=unauthorized_client",
        "error=invalid_scope&error_description=invalid_scope",
    ] {
        let (run, url, port) = waiting_browser_login(&home, &server).await;
        let url = Url::parse(&url).unwrap();
        let (_, state) = url.query_pairs().find(|(name, _)| name == "state").unwrap();
        let callback = format!("http://127.0.0.1:{}/callback", port.number());
        http::get(&format!("{callback}?{refusal}&state={state}")).await;
        let ended = run.end().await;
        ended.fails_with(1, &[]);
        said = said + ended.said().lines().last().unwrap() + "\n";
    }
    assert_snapshot!(said, @"
    error: the server refused the login: invalid_request (invalid redirect_uri: http://127.0.0.1:[port]/callback). Register exactly this redirect URI for the client, name the registered one with --redirect-uri, or log in with --flow device
    error: the server refused the login: unauthorized_client. Allow the client the authorization code grant in its registration, and check the client ID. It comes from CLIENT_ID
    error: the server refused the login: invalid_scope (asked for profile email). Request only scopes that the server knows and grants to this client
    ");
}

#[tokio::test]
async fn a_client_without_the_device_grant_is_told_of_the_browser() {
    let (server, home) = (server().await, Home::new());
    server.change(|settings| {
        settings
            .disabled_grant_types
            .push(grant_type::DEVICE_CODE.to_owned());
    });
    assert_snapshot!(run(&home, &server).end().await.failure(1), @"error: the device flow is not available: this client is not allowed the device grant (unauthorized_client: Device flow is not enabled for this client). Log in with a browser, or enable the device grant in the client's registration");
}

#[tokio::test]
async fn a_browser_that_leaves_before_its_page_does_not_matter() {
    let (server, home) = (server().await, Home::new());
    let (run, url, port) = waiting_browser_login(&home, &server).await;
    drop(request_page(&server.approve_authorization(&url).unwrap()).await);
    run.end().await.shows_stored(&home, &server);
    until("the port", || port.is_free()).await;
}
