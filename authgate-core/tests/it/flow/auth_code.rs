//! The login through a browser, from the first URL to the last page.

use std::time::Duration;

use crate::support::flow::{
    Broken, Never, Recorder, begin, begin_login, client, free_redirect_uri, get, options, parameter, strings,
};
use authgate_core::flow::{IfBrowserFails, run_auth_code_flow};
use authgate_core::{Error, HttpClient, OAuthClient};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use tokio::net::TcpListener;
use url::Url;

#[tokio::test]
async fn a_person_logs_in_and_the_page_waits_for_the_save() {
    let (server, begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).expect("the request is in order");

    let browser = tokio::spawn(async move { get(&back).await });
    let login = begun.login.await.unwrap().unwrap();
    assert!(!browser.is_finished(), "the page must not tell the outcome before there is one");
    login.page.saved().await;

    let page = browser.await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You are logged in"), "{}", page.body);
    assert_eq!(login.token.scope.as_deref(), Some("profile email"));
    assert!(login.token.refresh_token.is_some());
    assert_eq!(server.count(Endpoint::Token), 1);
    assert!(begun.prompt.text().contains(begun.url.as_str()), "the address is always shown");
}

#[tokio::test]
async fn a_token_that_could_not_be_stored_is_told_on_the_page() {
    let (server, begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let browser = tokio::spawn(async move { get(&back).await });
    begun.login.await.unwrap().unwrap().page.not_saved("disk full: <b>/home</b>").await;

    let page = browser.await.unwrap();
    assert!(
        page.body.contains("for now") && page.body.contains("disk full: &lt;b&gt;/home&lt;/b&gt;"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn a_login_that_nobody_finishes_says_so_on_the_page() {
    let (server, begun) = begin_login().await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let browser = tokio::spawn(async move { get(&back).await });
    drop(begun.login.await.unwrap().unwrap());

    assert!(browser.await.unwrap().body.contains("Login not finished"));
}

/// cases 36, 92
#[tokio::test(start_paused = true)]
async fn an_exchange_that_fails_makes_a_page_that_says_so() {
    for (fault, said) in [
        (Fault::status(500), "answered 500"),
        (Fault::status(503), "answered 503"),
        (Fault::DropAfter, "the connection was lost"),
        (Fault::Truncated, "the connection was lost"),
        (Fault::Hang, "no answer in time"),
        (Fault::HeadersThenSilence, "no answer in time"),
        (Fault::oauth_error(400, "invalid_grant"), "invalid_grant"),
    ] {
        let (server, begun) = begin_login().await;
        server.inject(Endpoint::Token, fault, Times::Always);
        let back = server.approve_authorization(begun.url.as_str()).unwrap();

        let page = get(&back).await;
        assert_eq!(page.status, 502);
        assert!(page.body.contains("Login failed") && page.body.contains(said), "{}", page.body);
        assert!(!page.body.contains("You are logged in"));
        let code = parameter(&Url::parse(&back).unwrap(), "code");
        let error = begun.failure().await;
        assert!(!format!("{error} {error:?} {}", page.body).contains(&code));
        assert_eq!(server.count(Endpoint::Token), 1, "a code is good for one use");
    }
}

/// case 49
#[tokio::test]
async fn where_no_scope_is_named_the_ones_asked_for_were_granted() {
    let (server, begun) = begin_login().await;
    server.inject(Endpoint::Token, Fault::remove_member("scope"), Times::Once);
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let browser = tokio::spawn(async move { get(&back).await });
    let login = begun.login.await.unwrap().unwrap();
    assert_eq!(login.token.scope.as_deref(), Some("profile email"));
    login.page.saved().await;
    assert_eq!(browser.await.unwrap().status, 200);
}

/// case 77
#[tokio::test]
async fn a_person_who_says_no_ends_the_login() {
    let (server, begun) = begin_login().await;
    let page = get(&server.deny_authorization(begun.url.as_str()).unwrap()).await;
    assert!(page.body.contains("Login refused"), "{}", page.body);

    let error = begun.failure().await;
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert_eq!(server.count(Endpoint::Token), 0);
}

/// case 90
#[tokio::test(start_paused = true)]
async fn when_nobody_comes_the_time_left_is_shown_and_the_port_is_freed() {
    let (_server, begun) = begin_login().await;
    let (prompt, redirect_uri) = (begun.prompt, begun.redirect_uri.clone());
    let error = begun.failure().await;

    assert!(matches!(error, Error::LoginExpired { .. }), "{error}");
    assert!(error.to_string().contains("within 5 minutes"), "{error}");
    assert!(prompt.count("waiting: ") >= 290, "about one a second");
    assert!(prompt.text().contains(&format!("register exactly {redirect_uri}")));
    let url = Url::parse(&redirect_uri).unwrap();
    TcpListener::bind(("127.0.0.1", url.port().unwrap())).await.expect("the port is free");
}

/// cases 90, 91
#[tokio::test]
async fn a_login_that_is_dropped_frees_its_port_at_once() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let redirect_uri = free_redirect_uri("127.0.0.1");
    for _ in 0..20 {
        let (prompt, options) = (Recorder::default(), options(&redirect_uri));
        let login = run_auth_code_flow(&client, &[], &options, &Never, &prompt);
        tokio::select! {
            biased;
            ended = login => panic!("the second login finds the port taken: {:?}", ended.err()),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

/// cases 26, 93
#[tokio::test]
async fn each_attempt_has_its_own_state_and_challenge() {
    let server = DevServer::start().await;
    server.set_discovery_member("code_challenge_methods_supported", serde_json::json!(["plain"]));
    let client = client(&server, server.public_client()).await;
    let scopes = strings(&["openid", "profile"]);
    let first = client.authorize_url("http://127.0.0.1:8088/callback", &scopes).unwrap();
    let second = client.authorize_url("http://127.0.0.1:8088/callback", &scopes).unwrap();

    for name in ["state", "code_challenge", "nonce"] {
        assert_ne!(parameter(first.url.url(), name), parameter(second.url.url(), name), "{name}");
        // 32 random bytes, or their SHA-256, in base64url.
        assert_eq!(parameter(first.url.url(), name).len(), 43, "{name}");
    }
    assert_eq!(parameter(first.url.url(), "code_challenge_method"), "S256");
    assert!((43..=128).contains(&first.code_verifier.expose().len()));
    let shown = format!("{first:?}");
    for secret in [&first.state, &first.code_verifier, first.nonce.as_ref().unwrap()] {
        assert!(!shown.contains(secret.expose()), "{shown}");
    }
}

/// case 24
#[tokio::test]
async fn the_endpoints_own_query_is_kept_and_no_parameter_is_there_twice() {
    let server = DevServer::start().await;
    let mut endpoints = client(&server, server.public_client()).await.endpoints().clone();
    let endpoint = "https://auth.example.com/authorize?tenant=a%20b&state=theirs&empty&client_id=x";
    endpoints.authorize_url = Some(endpoint.parse().unwrap());
    let client = OAuthClient::new("dev-cli", endpoints.clone(), HttpClient::default());
    let url = client.authorize_url("http://127.0.0.1:8088/callback", &[]).unwrap().url;

    assert!(url.to_string().starts_with("https://auth.example.com/authorize?tenant=a%20b&empty&"), "{url}");
    let mut names: Vec<_> = url.url().query_pairs().map(|(name, _)| name.into_owned()).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert_ne!(parameter(url.url(), "state"), "theirs");

    endpoints.authorize_url = Some("https://auth.example.com/authorize#here".parse().unwrap());
    let client = OAuthClient::new("dev-cli", endpoints, HttpClient::default());
    let error = client.authorize_url("http://127.0.0.1:8088/callback", &[]).unwrap_err();
    assert!(error.to_string().contains("fragment"), "{error}");
}

/// case 23
#[tokio::test]
async fn an_authorization_endpoint_that_is_no_web_page_is_never_opened() {
    let server = DevServer::start().await;
    let mut endpoints = client(&server, server.public_client()).await.endpoints().clone();
    for endpoint in ["file:///etc/passwd", "javascript:alert(1)", "http://auth.example.com/authorize"] {
        endpoints.authorize_url = Some(endpoint.parse().unwrap());
        let client = OAuthClient::new("dev-cli", endpoints.clone(), HttpClient::default());
        let error = client.authorize_url("http://127.0.0.1:8088/callback", &[]).unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{endpoint}: {error}");
    }
}

#[tokio::test]
async fn a_confidential_client_shows_its_secret_in_the_body_whatever_discovery_says() {
    let server = DevServer::start().await;
    server.set_discovery_member("token_endpoint_auth_methods_supported", serde_json::json!(["client_secret_basic"]));
    let redirect_uri = free_redirect_uri("127.0.0.1");
    server.register_redirect_uri(&redirect_uri);
    let client = client(&server, server.confidential_client()).await;
    let begun = begin(&client, &["profile"], options(&redirect_uri)).await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    let browser = tokio::spawn(async move { get(&back).await });
    begun.login.await.unwrap().unwrap().page.saved().await;

    assert_eq!(browser.await.unwrap().status, 200);
    let request = &server.requests_at(Endpoint::Token)[0];
    assert_eq!(request.parameter("client_secret"), server.confidential_client().secret.as_deref());
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.parameter("redirect_uri"), Some(redirect_uri.as_str()));
}

#[tokio::test]
async fn an_id_token_of_another_login_is_refused() {
    let server = DevServer::start().await;
    let redirect_uri = free_redirect_uri("127.0.0.1");
    server.register_redirect_uri(&redirect_uri);
    let client = client(&server, server.public_client()).await;
    // {"nonce":"another"}
    let other = "e30.eyJub25jZSI6ImFub3RoZXIifQ.c2ln";
    server.inject(Endpoint::Token, Fault::set_member("id_token", other), Times::Once);
    let begun = begin(&client, &["openid"], options(&redirect_uri)).await;
    let page = get(&server.approve_authorization(begun.url.as_str()).unwrap()).await;
    assert!(page.body.contains("Login failed"), "{}", page.body);
    assert!(matches!(begun.failure().await, Error::Protocol { .. }));

    let begun = begin(&client, &["openid"], options(&redirect_uri)).await;
    let back = server.approve_authorization(begun.url.as_str()).unwrap();
    tokio::spawn(async move { get(&back).await });
    assert!(begun.login.await.unwrap().is_ok(), "the server's own ID token carries our nonce");
}

/// case 87
#[tokio::test]
async fn a_launcher_that_fails_ends_the_login_only_where_another_flow_can_take_over() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let prompt = Recorder::default();
    let mut options = options(&free_redirect_uri("127.0.0.1"));

    options.if_browser_fails = IfBrowserFails::GiveUp;
    let error = run_auth_code_flow(&client, &[], &options, &Broken, &prompt).await.unwrap_err();
    assert!(matches!(error, Error::BrowserUnavailable { .. }), "{error}");
    assert_eq!(prompt.count("url: "), 1, "the address is shown all the same");

    options.if_browser_fails = IfBrowserFails::KeepWaiting;
    options.time_limit = Duration::from_millis(50);
    let error = run_auth_code_flow(&client, &[], &options, &Broken, &prompt).await.unwrap_err();
    assert!(matches!(error, Error::LoginExpired { .. }), "{error}");
    assert_eq!(prompt.count("Open the address above by hand"), 1);
}
