//! The login through a browser, from the first URL to the last page.

use std::collections::BTreeSet;
use std::time::Duration;

use authgate_core::test_util::run_auth_code_flow;
use authgate_core::{ClientAuthentication, Endpoints, Error, HttpClient, OAuthClient, Secret};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::Port;
use insta::assert_snapshot;
use serde_json::json;
use url::Url;

use crate::support::flow::{
    Recorder, TestBrowser, begin, begin_login, client, described, log_in, options, parameter,
    shown, strings,
};

#[tokio::test]
async fn the_page_waits_until_the_token_is_saved() {
    let (server, mut begun) = begin_login().await;
    let (login, browser) = begun.approved(&server, "").await;
    let (token, page) = login.unwrap();
    assert!(
        !browser.is_finished(),
        "the page must not tell the outcome before there is one"
    );
    page.saved().await;

    assert_eq!(browser.await.unwrap().status, 200);
    assert_eq!(token.scope.as_deref(), Some("profile email"));
    assert!(token.refresh_token.is_some());
    server.assert_requests([Endpoint::Discovery, Endpoint::Token]);
    assert!(
        begun.prompt.text().contains(begun.url.as_str()),
        "the address is the one that is opened"
    );
    assert_snapshot!(begun.prompt.said(), @"
    url: http://127.0.0.1:[port]/oauth/authorize?response_type=code&client_id=dev-cli&state=[random]&code_challenge=[random]&code_challenge_method=S256&redirect_uri=http%3A%2F%2F127.0.0.1%3A[port]%2Fcallback&scope=profile+email
    notice: Waiting 5 minutes for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    notice: Finishing the login.
    ");
}

#[tokio::test]
async fn the_page_shows_whether_the_token_was_saved() {
    let mut pages = Vec::new();
    for outcome in ["saved", "not saved", "dropped"] {
        let (server, mut begun) = begin_login().await;
        let (login, browser) = begun.approved(&server, "").await;
        let (_token, page) = login.unwrap();
        match outcome {
            "saved" => page.saved().await,
            "not saved" => page.not_saved("disk full: <b>/home</b>").await,
            _ => drop(page),
        }
        pages.push(shown(&browser.await.unwrap()));
    }
    assert_snapshot!(pages.join("\n\n"), @"
    200 You are logged in
    The program in your terminal now has access.
    You can close this tab and return to the terminal.

    200 You are logged in, for now
    The login could not be saved, so the program will ask you again next time.
    disk full: &lt;b&gt;/home&lt;/b&gt;
    You can close this tab and return to the terminal.

    503 Login not finished
    The program ended before the login was finished.
    You can close this tab. To try again, start the login again in the terminal.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_failed_exchange_is_shown_on_the_page() {
    let mut errors = Vec::new();
    for fault in [
        Fault::status(500),
        Fault::status(503),
        Fault::body(502, "text/html", "<h1>Bad gateway</h1>"),
        Fault::DropAfter,
        Fault::Truncated,
        Fault::Hang,
        Fault::HeadersThenSilence,
        Fault::oauth_error(400, "invalid_grant"),
    ] {
        let (server, mut begun) = begin_login().await;
        server.inject(Endpoint::Token, fault, Times::Always);
        let (login, browser) = begun.approved(&server, "").await;
        let (error, page) = (login.unwrap_err(), browser.await.unwrap());
        assert!(shown(&page).starts_with("502 Login failed\n"), "{page:?}");
        // A proxy's page is quoted in the terminal only.
        let text = error.to_string();
        let reason = text
            .split_once(", which")
            .map_or(&*text, |(start, _)| start);
        assert!(page.body.contains(reason), "{error}: {}", page.body);
        assert!(!page.body.contains("Bad gateway"), "{}", page.body);
        let code = server.requests_at(Endpoint::Token)[0]
            .parameter("code")
            .unwrap()
            .to_owned();
        assert!(!format!("{error} {error:?} {}", page.body).contains(&code));
        assert_eq!(
            server.count(Endpoint::Token),
            1,
            "a code is good for one use"
        );
        errors.push(described(&error));
    }
    errors.dedup();
    assert_snapshot!(errors.join("\n"), @"
    Response: authorization code grant: http://127.0.0.1:[port]/oauth/token answered 500, which is not a JSON object (no content type; an empty body)
    Response: authorization code grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body)
    Response: authorization code grant: http://127.0.0.1:[port]/oauth/token answered 502, which is not a JSON object (text/html; a body that begins: <h1>Bad gateway</h1>)
    Transport: authorization code grant: lost the connection to http://127.0.0.1:[port]/oauth/token. Try again
    Transport: authorization code grant: timed out while waiting for an answer from http://127.0.0.1:[port]/oauth/token. Try again later
    OAuth: authorization code grant: http://127.0.0.1:[port]/oauth/token answered 400 invalid_grant. The grant has expired, was revoked or was already used. Log in again
    ");
}

#[tokio::test]
async fn a_response_without_scopes_means_the_requested_ones() {
    let (server, mut begun) = begin_login().await;
    server.inject(Endpoint::Token, Fault::remove_member("scope"), Times::Once);
    assert_eq!(
        log_in(&server, &mut begun).await.scope.as_deref(),
        Some("profile email")
    );
}

#[tokio::test]
async fn a_secret_by_basic_is_sent_so_with_the_code_too() {
    let server = DevServer::start().await;
    let registered = server.confidential_client();
    let client = client(&server, registered)
        .await
        .with_client_authentication(ClientAuthentication::Basic);
    server.forget_requests();
    // AuthGate does not read Basic here, so it refuses this one.
    let (code, verifier) = (Secret::from("code"), Secret::from("verifier"));
    client
        .exchange_auth_code(&code, "http://127.0.0.1:8088/callback", &verifier)
        .await
        .unwrap_err();
    let request = &server.requests_at(Endpoint::Token)[0];
    assert!(
        request
            .header("authorization")
            .unwrap()
            .starts_with("Basic ")
    );
    assert_eq!(request.parameter("client_secret"), None);
}

#[tokio::test]
async fn each_attempt_has_its_own_state_and_challenge() {
    let server = DevServer::start().await;
    server.set_discovery_member("code_challenge_methods_supported", json!(["plain"]));
    let client = client(&server, server.public_client()).await;
    let scopes = strings(&["openid", "profile"]);
    let [first, second] = [(); 2].map(|()| {
        client
            .authorize_url("http://127.0.0.1:8088/callback", &scopes)
            .unwrap()
    });

    for name in ["state", "code_challenge", "nonce"] {
        assert_ne!(
            parameter(first.url.url(), name),
            parameter(second.url.url(), name),
            "{name}"
        );
        // 32 random bytes, or their SHA-256, in base64url.
        assert_eq!(parameter(first.url.url(), name).len(), 43, "{name}");
    }
    assert_eq!(parameter(first.url.url(), "code_challenge_method"), "S256");
    assert!((43..=128).contains(&first.code_verifier.expose().len()));
    let shown = format!("{first:?}");
    for secret in [
        &first.state,
        &first.code_verifier,
        first.nonce.as_ref().unwrap(),
    ] {
        assert!(!shown.contains(secret.expose()), "{shown}");
    }
}

/// Returns the URL of a login at a server with this authorization endpoint.
fn authorization_url(endpoint: &str) -> Result<Url, Error> {
    let mut endpoints =
        Endpoints::from_token_url("https://auth.example.com/token".parse().unwrap());
    endpoints.authorize_url = Some(endpoint.parse().unwrap());
    let client = OAuthClient::new("dev-cli", endpoints, HttpClient::default());
    client
        .authorize_url("http://127.0.0.1:8088/callback", &[])
        .map(|request| request.url.url().clone())
}

#[test]
fn the_endpoints_query_is_kept_and_no_parameter_is_repeated() {
    let endpoint = "https://auth.example.com/authorize?tenant=a%20b&state=theirs&empty&client_id=x";
    let url = authorization_url(endpoint).unwrap();
    assert!(
        url.as_str()
            .starts_with("https://auth.example.com/authorize?tenant=a%20b&empty&"),
        "{url}"
    );
    let names: BTreeSet<_> = url.query_pairs().map(|(name, _)| name).collect();
    assert_eq!(names.len(), url.query_pairs().count());
    assert_ne!(parameter(&url, "state"), "theirs");
}

#[test]
fn an_authorization_endpoint_is_a_web_page_and_whole() {
    let refused = [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://auth.example.com/authorize",
        "https://auth.example.com/authorize#here",
    ];
    let errors = refused.map(|endpoint| described(&authorization_url(endpoint).unwrap_err()));
    assert_snapshot!(errors.join("\n"), @"
    Other: the authorization endpoint is refused: it begins with file:, not with https://
    Other: the authorization endpoint is refused: it begins with javascript:, not with https://
    Other: the authorization endpoint is refused: http://auth.example.com/authorize is plain http, which shows the token to everyone on the way. Use https
    Other: the authorization endpoint is refused: it has a fragment (#...). Remove it
    ");
}

#[tokio::test]
async fn a_code_is_exchanged_with_the_secret_in_the_body() {
    let server = DevServer::start().await;
    server.set_discovery_member(
        "token_endpoint_auth_methods_supported",
        json!(["client_secret_basic"]),
    );
    let client = client(&server, server.confidential_client()).await;
    let mut begun = begin(&server, &client, &["profile"]).await;
    log_in(&server, &mut begun).await;

    let request = &server.requests_at(Endpoint::Token)[0];
    assert_eq!(
        request.parameter("client_secret"),
        server.confidential_client().secret.as_deref()
    );
    assert_eq!(request.header("authorization"), None);
    assert_eq!(
        request.parameter("redirect_uri"),
        Some(begun.redirect_uri.as_str())
    );
}

#[tokio::test]
async fn the_id_token_of_another_login_is_refused() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    // {"nonce":"another"}
    let other = "e30.eyJub25jZSI6ImFub3RoZXIifQ.c2ln";
    server.inject(
        Endpoint::Token,
        Fault::set_member("id_token", other),
        Times::Once,
    );
    let (login, browser) = begin(&server, &client, &["openid"])
        .await
        .approved(&server, "")
        .await;
    assert_snapshot!(described(&login.unwrap_err()), @"Other: authorization code grant: http://127.0.0.1:[port]/oauth/token: the ID token belongs to another login, because its nonce is not ours");
    assert_snapshot!(shown(&browser.await.unwrap()), @"
    502 Login failed
    You allowed the login, but the program could not finish it.
    authorization code grant: http://127.0.0.1:[port]/oauth/token: the ID token belongs to another login, because its nonce is not ours
    You can close this tab. To try again, start the login again in the terminal.
    ");

    // The server's own ID token carries our nonce.
    log_in(&server, &mut begin(&server, &client, &["openid"]).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_login_keeps_waiting_when_the_launcher_fails() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let (port, prompt) = (Port::free(), Recorder::default());
    let mut options = options(&port.redirect_uri("127.0.0.1"));
    options.browser_required = false;
    options.time_limit = Duration::from_secs(90);
    let error = run_auth_code_flow(&client, &[], &options, &TestBrowser::Fails, &prompt)
        .await
        .unwrap_err();
    assert_eq!(prompt.count("url: "), 1, "the address is still shown");
    assert_snapshot!(format!("{}\n{}", prompt.notices(), described(&error)), @"
    notice: Waiting 90 seconds for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    notice: No browser can be opened here: xdg-open ended with status 3. Open the address above yourself.
    LoginExpired: the login timed out: the browser did not come back to http://127.0.0.1:[port]/callback within 90 seconds
    ");
}
