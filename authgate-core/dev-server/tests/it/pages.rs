use authgate_dev_server::DevServer;
use authgate_test_support::http::{self, Answer};
use insta::assert_snapshot;

use crate::authorization_code::{authorization_url, parameter};
use crate::support::{CALLBACK, PUBLIC, at, get, post};

struct Browser<'a> {
    server: &'a DevServer,
    cookie: String,
}

impl<'a> Browser<'a> {
    /// Opens a page, logs in at the page that it redirects to, and opens the page that the login redirects to.
    async fn log_in(server: &'a DevServer, url: &str) -> (Self, Answer) {
        let redirect = http::get(url).await;
        assert_eq!(redirect.status, 302);
        let page = get(server, redirect.header("location").unwrap()).await;
        assert!(
            page.body
                .contains("log in as <b>jane</b> / <b>password</b>")
        );
        let return_to = value(&page, r#"name="return_to""#);
        let form = [
            ("username", "jane"),
            ("password", "password"),
            ("return_to", &return_to),
        ];
        let answer = post(server, "/login", &form).await;
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
        let cookie = cookie.split(';').next().unwrap().to_owned();

        let back = at(server, answer.header("location").unwrap());
        assert_eq!(back, url);
        let browser = Self { server, cookie };
        let page = browser.open(&back).await;
        (browser, page)
    }

    async fn open(&self, url: &str) -> Answer {
        http::get_with(url, &[("cookie", &self.cookie)]).await
    }

    async fn post(&self, path: &str, form: http::Pairs<'_>) -> Answer {
        http::post(&at(self.server, path), &[("cookie", &self.cookie)], form).await
    }

    async fn decide(&self, page: &Answer, decision: &str) -> Answer {
        let (form_token, consent) = (
            value(page, r#"name="form_token""#),
            value(page, r#"name="consent""#),
        );
        let form = [
            ("form_token", form_token.as_str()),
            ("consent", &consent),
            ("decision", decision),
        ];
        self.post("/oauth/authorize", &form).await
    }
}

fn value(page: &Answer, attributes: &str) -> String {
    let (_, rest) = page
        .body
        .split_once(&format!(r#"{attributes} value=""#))
        .unwrap();
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

#[tokio::test]
async fn a_person_logs_in_allows_and_is_not_asked_again() {
    let server = DevServer::start().await;
    let url = authorization_url(&server, &[]);
    let (browser, page) = Browser::log_in(&server, &url).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<li>profile</li>"));
    let answer = browser.decide(&page, "allow").await;
    let location = answer.header("location").unwrap();
    assert_eq!(answer.status, 302);
    assert!(
        location.starts_with(&format!("{CALLBACK}?code="))
            && location.ends_with("&state=the+state")
    );

    let again = browser.open(&url).await;
    assert!(parameter(again.header("location").unwrap(), "code").is_some());
    let more = browser
        .open(&authorization_url(&server, &[("scope", "write")]))
        .await;
    assert_eq!(more.status, 200, "a new scope needs a new consent");
}

#[tokio::test]
async fn a_person_who_denies_is_sent_back_with_access_denied() {
    let server = DevServer::start().await;
    let url = authorization_url(&server, &[]);
    let (browser, page) = Browser::log_in(&server, &url).await;
    let expected = format!(
        "{CALLBACK}?error=access_denied&error_description=User+denied+the+authorization+request&state=the+state"
    );
    let answer = browser.decide(&page, "deny").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (302, Some(expected.as_str()))
    );
    assert_eq!(server.deny_authorization(&url), Some(expected));
    assert_eq!(
        browser.decide(&page, "allow").await.status,
        400,
        "the page was answered before"
    );
}

#[tokio::test]
async fn consent_counts_only_from_its_own_page() {
    let server = DevServer::start().await;
    let (browser, page) = Browser::log_in(&server, &authorization_url(&server, &[])).await;
    let consent = value(&page, r#"name="consent""#);
    let form = [
        ("form_token", "guessed"),
        ("consent", &consent),
        ("decision", "allow"),
    ];
    assert_eq!(browser.post("/oauth/authorize", &form).await.status, 400);
    let stranger = Browser {
        server: &server,
        cookie: "authgate_session=guessed".to_owned(),
    };
    assert_eq!(stranger.decide(&page, "allow").await.status, 400);
    assert_eq!(browser.decide(&page, "allow").await.status, 302);
}

/// Requests whose redirect URI or client is unknown.
const UNREGISTERED: [(&str, &str); 4] = [
    ("redirect_uri", "http://127.0.0.1:8089/callback"),
    ("redirect_uri", "http://127.0.0.1:8088/callback/"),
    ("redirect_uri", "http://localhost:8088/callback"),
    ("client_id", "<b>nobody"),
];

async fn is_refused_on_a_page(server: &DevServer, change: (&str, &str)) {
    let url = authorization_url(server, &[change]);
    let page = http::get(&url).await;
    assert_eq!(page.status, 400, "{change:?}");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("location"), None);
    assert_eq!(server.approve_authorization(&url), None);
}

#[tokio::test]
async fn an_unknown_redirect_uri_or_client_is_sent_to_that_uri() {
    let server = DevServer::start().await;
    let mut redirects = Vec::new();
    for change in UNREGISTERED {
        let url = authorization_url(&server, &[change]);
        let answer = http::get(&url).await;
        let location = answer.header("location").unwrap().to_owned();
        assert_eq!(answer.status, 302, "{change:?}");
        assert_eq!(server.approve_authorization(&url), Some(location.clone()));
        redirects.push(location);
    }
    assert_snapshot!(redirects.join("\n"), @"
    http://127.0.0.1:8089/callback?error=invalid_request&error_description=invalid+redirect_uri&state=the+state
    http://127.0.0.1:8088/callback/?error=invalid_request&error_description=invalid+redirect_uri&state=the+state
    http://localhost:8088/callback?error=invalid_request&error_description=invalid+redirect_uri&state=the+state
    http://127.0.0.1:8088/callback?error=unauthorized_client&error_description=unauthorized_client&state=the+state
    ");
}

#[tokio::test]
async fn a_redirect_uri_that_is_no_url_is_refused_on_a_page() {
    let server = DevServer::start().await;
    for no_url in ["", "http://[", "callback"] {
        is_refused_on_a_page(&server, ("redirect_uri", no_url)).await;
    }
}

#[tokio::test]
async fn with_error_pages_the_client_hears_nothing_of_an_unknown_redirect_uri_or_client() {
    let server = DevServer::start_with(|settings| settings.authorization_error_pages = true).await;
    for change in UNREGISTERED {
        is_refused_on_a_page(&server, change).await;
    }
    let bad_scope = authorization_url(&server, &[("scope", "nonsense")]);
    let redirect = server.approve_authorization(&bad_scope).unwrap();
    assert!(redirect.starts_with(CALLBACK), "{redirect}");
}

#[tokio::test]
async fn pages_escape_values_and_load_nothing() {
    let server = DevServer::start().await;
    let page = get(&server, "/login?return_to=%22%3E%3Cscript%3E'").await;
    assert!(
        page.body
            .contains(r#"value="&quot;&gt;&lt;script&gt;&#39;""#)
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("form-action"));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_wrong_password_or_a_foreign_return_address_is_refused() {
    let server = DevServer::start().await;
    let wrong = post(
        &server,
        "/login",
        &[("username", "jane"), ("password", "wrong")],
    )
    .await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    for return_to in [
        "https://example.com/",
        "//example.com/",
        "/\\example.com",
        "/\t/example.com",
        "/device\t",
        "/device\u{85}",
        "",
    ] {
        let form = [
            ("username", "jane"),
            ("password", "password"),
            ("return_to", return_to),
        ];
        assert_eq!(
            post(&server, "/login", &form).await.header("location"),
            Some("/device"),
            "{return_to}"
        );
    }
}

#[tokio::test]
async fn a_device_is_approved_with_one_button() {
    let server = DevServer::start().await;
    let begun = post(&server, "/oauth/device/code", &[PUBLIC]).await;
    let (browser, page) = Browser::log_in(&server, &begun.text("verification_uri_complete")).await;
    assert_eq!(
        value(&page, r#"name="user_code" class="code""#),
        begun.text("user_code")
    );
    assert_eq!(page.body.matches("<button").count(), 1);

    let form_token = value(&page, r#"name="form_token""#);
    let approve = async |form_token: &str, user_code: &str| {
        browser
            .post(
                "/device",
                &[("form_token", form_token), ("user_code", user_code)],
            )
            .await
    };
    assert_eq!(
        approve("guessed", &begun.text("user_code")).await.status,
        400
    );
    assert_eq!(approve(&form_token, "AAAA-AAAA").await.status, 400);
    let approved = approve(&form_token, &begun.text("user_code")).await;
    assert_eq!(approved.status, 200);
    assert!(approved.body.contains("Device connected"));
}
