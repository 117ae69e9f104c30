//! The HTML pages: no script, nothing from elsewhere, everything escaped.

use axum::{
    http::{
        HeaderName, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;

use crate::{authorization::AuthorizationRequest, scope, state::AuthGate};

const STYLE: &str = include_str!("page.css");

pub(crate) fn login(gate: &AuthGate, return_to: &str, problem: Option<&str>) -> Response {
    let body = format!(
        r#"<h1>Log in</h1>
<p class="note">This is a development server: sign in as <b>{username}</b> / <b>{password}</b>.</p>
{problem}<form method="post" action="{prefix}/login">
<input type="hidden" name="return_to" value="{return_to}">
<label>User name<input name="username" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>"#,
        username = escape(&gate.user.username),
        password = escape(&gate.user.password),
        problem = problem_line(problem),
        prefix = gate.prefix,
        return_to = escape(return_to),
    );
    page(StatusCode::OK, "Log in", &body)
}

pub(crate) fn consent(gate: &AuthGate, request: &AuthorizationRequest, consent: &str, form_token: &str) -> Response {
    let client_name = gate.client(&request.client_id).map_or(request.client_id.as_str(), |client| &client.name);
    let scopes: Vec<String> = scope::names(&request.scope).map(escape).collect();
    let scopes = scopes.join("</li>\n<li>");
    let body = format!(
        r#"<h1>{client_name} asks for access</h1>
<p>You are logged in as <b>{username}</b>. If you allow it, <b>{client_name}</b> gets:</p>
<ul>
<li>{scopes}</li>
</ul>
<p class="note">You will be sent to {redirect_uri}</p>
<form method="post" action="{prefix}/oauth/authorize">
<input type="hidden" name="form_token" value="{form_token}">
<input type="hidden" name="consent" value="{consent}">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny" class="quiet">Deny</button>
</form>"#,
        client_name = escape(client_name),
        username = escape(&gate.user.username),
        redirect_uri = escape(&request.redirect_uri),
        prefix = gate.prefix,
    );
    page(StatusCode::OK, "Allow access?", &body)
}

pub(crate) fn device(gate: &AuthGate, user_code: &str, form_token: &str, problem: Option<&str>) -> Response {
    let body = format!(
        r#"<h1>Connect a device</h1>
<p>You are logged in as <b>{username}</b>. Go on only if you started this yourself and the device shows this code.</p>
{problem}<form method="post" action="{prefix}/device">
<input type="hidden" name="form_token" value="{form_token}">
<label>Code<input name="user_code" class="code" value="{user_code}" placeholder="XXXX-XXXX" autocomplete="off" required></label>
<button>Authorize</button>
</form>"#,
        username = escape(&gate.user.username),
        problem = problem_line(problem),
        prefix = gate.prefix,
        user_code = escape(user_code),
    );
    page(StatusCode::OK, "Connect a device", &body)
}

pub(crate) fn device_approved() -> Response {
    let body = "<h1>Device connected</h1>\n<p>You can close this page and go back to the device.</p>";
    page(StatusCode::OK, "Device connected", body)
}

pub(crate) fn error(status: StatusCode, title: &str, reason: &str) -> Response {
    let body = format!("<h1>{}</h1>\n<p class=\"problem\">{}</p>", escape(title), escape(reason));
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
    // No `form-action`: Chromium applies it to the redirect after a form as well, and the one after
    // consent goes to the client's own address.
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
    problem.map_or_else(String::new, |text| format!("<p class=\"problem\">{}</p>\n", escape(text)))
}

/// Text that can stand in an element and in a quoted attribute.
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
