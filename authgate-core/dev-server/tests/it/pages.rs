use authgate_dev_server::DevServer;

use crate::{
    authorization_code::{authorization_url, parameter},
    client::{Answer, CALLBACK, get, post},
};

/// What the browser asks for when it follows a URL of this server.
fn path<'a>(server: &DevServer, url: &'a str) -> &'a str {
    url.strip_prefix(server.url()).unwrap_or(url)
}

/// The value of a hidden field.
fn field(page: &Answer, name: &str) -> String {
    let (_, rest) = page.body.split_once(&format!(r#"name="{name}" value=""#)).unwrap();
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

/// Follows a page to the login, logs in, and returns the cookie and the place to go back to.
async fn log_in(server: &DevServer, path: &str) -> (String, String) {
    let redirect = get(server, path, &[]).await;
    assert_eq!(redirect.status, 302);
    let page = get(server, redirect.header("location").unwrap(), &[]).await;
    assert!(page.body.contains("sign in as <b>jane</b> / <b>password</b>"));
    let return_to = field(&page, "return_to");
    let form = [("username", "jane"), ("password", "password"), ("return_to", &return_to)];
    let answer = post(server, "/login", &[], &form).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    (cookie, answer.header("location").unwrap().to_owned())
}

async fn decide(server: &DevServer, cookie: &str, page: &Answer, decision: &str) -> Answer {
    let (form_token, consent) = (field(page, "form_token"), field(page, "consent"));
    let form = [("form_token", form_token.as_str()), ("consent", &consent), ("decision", decision)];
    post(server, "/oauth/authorize", &[("cookie", cookie)], &form).await
}

#[tokio::test]
async fn a_person_logs_in_allows_and_is_not_asked_again() {
    let server = DevServer::start().await;
    let url = authorization_url(&server, &[]);
    let (cookie, back) = log_in(&server, path(&server, &url)).await;
    assert_eq!(back, path(&server, &url));

    let page = get(&server, &back, &[("cookie", &cookie)]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<li>profile</li>"));
    let answer = decide(&server, &cookie, &page, "allow").await;
    let location = answer.header("location").unwrap();
    assert_eq!(answer.status, 302);
    assert!(location.starts_with(&format!("{CALLBACK}?code=")) && location.ends_with("&state=the+state"));

    let again = get(&server, &back, &[("cookie", &cookie)]).await;
    assert!(parameter(again.header("location").unwrap(), "code").is_some());
    let more = authorization_url(&server, &[("scope", "write")]);
    let asked = get(&server, path(&server, &more), &[("cookie", &cookie)]).await;
    assert_eq!(asked.status, 200, "more than was allowed before is asked for again");
}

#[tokio::test]
async fn a_person_who_says_no_is_sent_back_with_access_denied() {
    let server = DevServer::start().await;
    let url = authorization_url(&server, &[]);
    let (cookie, back) = log_in(&server, path(&server, &url)).await;
    let page = get(&server, &back, &[("cookie", &cookie)]).await;
    let expected = format!(
        "{CALLBACK}?error=access_denied&error_description=User+denied+the+authorization+request&state=the+state"
    );
    let answer = decide(&server, &cookie, &page, "deny").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some(expected.as_str())));
    assert_eq!(server.deny_authorization(&url), Some(expected));
    assert_eq!(decide(&server, &cookie, &page, "allow").await.status, 400, "the page was answered before");
}

#[tokio::test]
async fn consent_counts_only_from_its_own_page() {
    let server = DevServer::start().await;
    let url = authorization_url(&server, &[]);
    let (cookie, back) = log_in(&server, path(&server, &url)).await;
    let page = get(&server, &back, &[("cookie", &cookie)]).await;
    let consent = field(&page, "consent");
    let form = [("form_token", "guessed"), ("consent", &consent), ("decision", "allow")];
    assert_eq!(post(&server, "/oauth/authorize", &[("cookie", &cookie)], &form).await.status, 400);
    assert_eq!(decide(&server, "authgate_session=guessed", &page, "allow").await.status, 400);
    assert_eq!(decide(&server, &cookie, &page, "allow").await.status, 302);
}

#[tokio::test]
async fn an_unregistered_redirect_uri_and_an_unknown_client_end_on_a_page() {
    let server = DevServer::start().await;
    let changes = [
        ("redirect_uri", "http://127.0.0.1:8089/callback"),
        ("redirect_uri", "http://127.0.0.1:8088/callback/"),
        ("redirect_uri", "http://localhost:8088/callback"),
        ("redirect_uri", ""),
        ("client_id", "<b>nobody"),
    ];
    for change in changes {
        let url = authorization_url(&server, &[change]);
        let page = get(&server, path(&server, &url), &[]).await;
        assert_eq!(page.status, 400, "{change:?}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("location"), None);
        assert_eq!(server.approve_authorization(&url), None);
    }
}

#[tokio::test]
async fn pages_escape_what_they_were_given_and_allow_nothing_from_elsewhere() {
    let server = DevServer::start().await;
    let page = get(&server, "/login?return_to=%22%3E%3Cscript%3E'", &[]).await;
    assert!(page.body.contains(r#"value="&quot;&gt;&lt;script&gt;&#39;""#));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("form-action"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_wrong_password_and_a_foreign_return_address_lead_nowhere() {
    let server = DevServer::start().await;
    let wrong = post(&server, "/login", &[], &[("username", "jane"), ("password", "wrong")]).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    for return_to in ["https://example.com/", "//example.com/", "/\\example.com", ""] {
        let form = [("username", "jane"), ("password", "password"), ("return_to", return_to)];
        assert_eq!(post(&server, "/login", &[], &form).await.header("location"), Some("/device"), "{return_to}");
    }
}

#[tokio::test]
async fn a_device_is_approved_with_one_button() {
    let server = DevServer::start().await;
    let begun = post(&server, "/oauth/device/code", &[], &[("client_id", "dev-cli")]).await;
    let complete = begun.text("verification_uri_complete");
    let (cookie, back) = log_in(&server, path(&server, &complete)).await;
    let page = get(&server, &back, &[("cookie", &cookie)]).await;
    assert_eq!(field_value(&page), begun.text("user_code"));
    assert_eq!(page.body.matches("<button").count(), 1);

    let form_token = field(&page, "form_token");
    let approve = async |form_token: &str, user_code: &str| {
        let form = [("form_token", form_token), ("user_code", user_code)];
        post(&server, "/device", &[("cookie", &cookie)], &form).await
    };
    assert_eq!(approve("guessed", &begun.text("user_code")).await.status, 400);
    assert_eq!(approve(&form_token, "AAAA-AAAA").await.status, 400);
    let approved = approve(&form_token, &begun.text("user_code")).await;
    assert_eq!(approved.status, 200);
    assert!(approved.body.contains("Device connected"));
}

fn field_value(page: &Answer) -> String {
    let (_, rest) = page.body.split_once(r#"name="user_code" class="code" value=""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}
