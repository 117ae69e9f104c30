//! The HTML pages. They have no scripts, load nothing, and escape every value.

use axum::{
    http::{
        HeaderName, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;

const STYLE: &str = include_str!("page.css");

/// The login page.
pub(crate) struct Login<'a> {
    pub(crate) action: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) return_to: &'a str,
    pub(crate) problem: Option<&'a str>,
}

impl IntoResponse for Login<'_> {
    fn into_response(self) -> Response {
        let body = format!(
            r#"<h1>Log in</h1>
<p class="note">This is a development server: log in as <b>{username}</b> / <b>{password}</b>.</p>
{problem}<form method="post" action="{action}">
<input type="hidden" name="return_to" value="{return_to}">
<label>User name<input name="username" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>"#,
            username = escape(self.username),
            password = escape(self.password),
            problem = problem_line(self.problem),
            action = self.action,
            return_to = escape(self.return_to),
        );
        page(StatusCode::OK, "Log in", &body)
    }
}

/// The page that asks the user to allow an authorization request.
pub(crate) struct Consent<'a> {
    pub(crate) action: &'a str,
    pub(crate) client_name: &'a str,
    pub(crate) username: &'a str,
    pub(crate) scopes: Vec<&'a str>,
    pub(crate) redirect_uri: &'a str,
    pub(crate) form_token: &'a str,
    pub(crate) request_id: &'a str,
}

impl IntoResponse for Consent<'_> {
    fn into_response(self) -> Response {
        let scopes: Vec<String> = self.scopes.into_iter().map(escape).collect();
        let body = format!(
            r#"<h1>{client_name} asks for access</h1>
<p>You are logged in as <b>{username}</b>. If you allow it, <b>{client_name}</b> gets:</p>
<ul>
<li>{scopes}</li>
</ul>
<p class="note">You will be sent to {redirect_uri}</p>
<form method="post" action="{action}">
<input type="hidden" name="form_token" value="{form_token}">
<input type="hidden" name="consent" value="{request_id}">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny" class="quiet">Deny</button>
</form>"#,
            client_name = escape(self.client_name),
            username = escape(self.username),
            scopes = scopes.join("</li>\n<li>"),
            redirect_uri = escape(self.redirect_uri),
            action = self.action,
            form_token = self.form_token,
            request_id = self.request_id,
        );
        page(StatusCode::OK, "Allow access?", &body)
    }
}

/// The page where the user enters the code of a device.
pub(crate) struct Device<'a> {
    pub(crate) action: &'a str,
    pub(crate) username: &'a str,
    pub(crate) user_code: &'a str,
    pub(crate) form_token: &'a str,
    pub(crate) problem: Option<&'a str>,
}

impl IntoResponse for Device<'_> {
    fn into_response(self) -> Response {
        let body = format!(
            r#"<h1>Connect a device</h1>
<p>You are logged in as <b>{username}</b>. Continue only if you started this yourself and the device shows this code.</p>
{problem}<form method="post" action="{action}">
<input type="hidden" name="form_token" value="{form_token}">
<label>Code<input name="user_code" class="code" value="{user_code}" placeholder="XXXX-XXXX" autocomplete="off" required></label>
<button>Authorize</button>
</form>"#,
            username = escape(self.username),
            problem = problem_line(self.problem),
            action = self.action,
            form_token = self.form_token,
            user_code = escape(self.user_code),
        );
        page(StatusCode::OK, "Connect a device", &body)
    }
}

pub(crate) fn device_approved() -> Response {
    let body =
        "<h1>Device connected</h1>\n<p>You can close this page and go back to the device.</p>";
    page(StatusCode::OK, "Device connected", body)
}

pub(crate) fn error(status: StatusCode, title: &str, reason: &str) -> Response {
    let body = format!(
        "<h1>{}</h1>\n<p class=\"problem\">{}</p>",
        escape(title),
        escape(reason)
    );
    page(status, title, &body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} - AuthGate development server</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
<footer>AuthGate development server</footer>
</body>
</html>
"#,
        title = escape(title),
    );
    (status, security_headers(), html).into_response()
}

fn security_headers() -> [(HeaderName, String); 6] {
    // Chromium applies `form-action` to the redirect after a form too, and the redirect after consent goes to the
    // client's own address. So the policy has no `form-action`.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; frame-ancestors 'none'",
        STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes())),
    );
    [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (X_FRAME_OPTIONS, "DENY".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ]
}

fn problem_line(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |text| {
        format!("<p class=\"problem\">{}</p>\n", escape(text))
    })
}

/// Escapes text for an element and for a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
