//! The small page that the browser shows when it comes back. It has no script and fetches nothing.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use crate::text;

const STYLE: &str = include_str!("page.css");
/// Allows the style above, by its hash, and nothing else: no script, no image, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'sha256-LKWGqa++0D9nzurfeFsUPrLuXNmMgC6qBzKioxZ0/uU='; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
/// The most characters of a reason that the page shows.
const REASON_LENGTH: usize = 600;

/// The page that answers a request to the redirect URI.
#[derive(Debug, Clone)]
pub(super) struct Page {
    status: StatusCode,
    icon: Icon,
    headline: &'static str,
    text: &'static str,
    reason: Option<String>,
    next_step: &'static str,
}

/// The drawing above the headline.
#[derive(Debug, Clone, Copy)]
enum Icon {
    Check,
    Cross,
    Exclamation,
}

const RETURN: &str = "You can close this tab and return to the terminal.";
const TRY_AGAIN: &str =
    "You can close this tab. To try again, start the login again in the terminal.";
const OPEN_ADDRESS: &str = "To log in, open the address that the terminal shows.";

impl Page {
    pub(super) const LOGGED_IN: Self = Self::new(
        StatusCode::OK,
        Icon::Check,
        "You are logged in",
        "The program in your terminal now has access.",
        RETURN,
    );
    pub(super) const NOT_SAVED: Self = Self::new(
        StatusCode::OK,
        Icon::Check,
        "You are logged in, for now",
        "The login could not be saved, so the program will ask you again next time.",
        RETURN,
    );
    pub(super) const DENIED: Self = Self::new(
        StatusCode::OK,
        Icon::Cross,
        "Access denied",
        "The login request was declined, so the program got no access.",
        RETURN,
    );
    pub(super) const REFUSED: Self = Self::new(
        StatusCode::OK,
        Icon::Cross,
        "The server refused the login",
        "It returned an error, so the program got no access.",
        TRY_AGAIN,
    );
    pub(super) const FAILED: Self = Self::new(
        StatusCode::BAD_GATEWAY,
        Icon::Cross,
        "Login failed",
        "You allowed the login, but the program could not finish it.",
        TRY_AGAIN,
    );
    pub(super) const UNFINISHED: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        Icon::Exclamation,
        "Login not finished",
        "The program ended before the login was finished.",
        TRY_AGAIN,
    );
    /// The response belongs to the login but cannot be used, so the login has ended.
    pub(super) const INVALID_RESPONSE: Self = Self::new(
        StatusCode::BAD_REQUEST,
        Icon::Cross,
        "Login failed",
        "The browser came back with a response that cannot be used, so the login has ended.",
        TRY_AGAIN,
    );
    /// The request does not belong to the login.
    pub(super) const BAD_REQUEST: Self = Self::new(
        StatusCode::BAD_REQUEST,
        Icon::Exclamation,
        "This page is not part of a login",
        "The address that brought you here does not belong to the login in progress, so it was ignored.",
        OPEN_ADDRESS,
    );
    /// Another request has already ended the login.
    pub(super) const ALREADY_HANDLED: Self = Self::new(
        StatusCode::CONFLICT,
        Icon::Exclamation,
        "This login has already been handled",
        "This page was opened a second time, which changed nothing.",
        "You can close this tab. The terminal shows how the login ended.",
    );
    pub(super) const NOT_FOUND: Self = Self::new(
        StatusCode::NOT_FOUND,
        Icon::Exclamation,
        "Page not found",
        "A program on this machine is waiting here for a login to finish.",
        OPEN_ADDRESS,
    );
    pub(super) const METHOD_NOT_ALLOWED: Self = Self::new(
        StatusCode::METHOD_NOT_ALLOWED,
        Icon::Exclamation,
        "Method not allowed",
        "This page accepts GET requests only.",
        OPEN_ADDRESS,
    );
    /// The browser loads the response ahead of time. It does not show this page, but asks again when
    /// the person opens the address.
    pub(super) const NOT_OPENED: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        Icon::Exclamation,
        "Login not finished",
        "The browser loaded this page before you opened it.",
        "Reload this page to finish the login.",
    );

    const fn new(
        status: StatusCode,
        icon: Icon,
        headline: &'static str,
        text: &'static str,
        next_step: &'static str,
    ) -> Self {
        Self {
            status,
            icon,
            headline,
            text,
            reason: None,
            next_step,
        }
    }

    /// Adds the reason, which the page shows.
    pub(super) fn because(self, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..self
        }
    }

    /// Builds the response. The address of the page contains a code, so the headers keep the page
    /// private.
    pub(super) fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.html()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }

    fn html(&self) -> String {
        let (class, drawing) = match self.icon {
            Icon::Check => ("good", r#"<path d="M7.5 12.4l3 3 6-6.6"/>"#),
            Icon::Cross => ("bad", r#"<path d="M8.8 8.8l6.4 6.4M15.2 8.8l-6.4 6.4"/>"#),
            Icon::Exclamation => ("", r#"<path d="M12 7.2v5.6M12 16.4v.1"/>"#),
        };
        // An error's text is safe to show, but the reason may be a caller's.
        let reason = self.reason.as_deref().map_or_else(String::new, |reason| {
            let safe = text::excerpt(reason, REASON_LENGTH);
            format!("<p class=\"detail\">{}</p>\n", escape_html(&safe))
        });
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{headline} - AuthGate</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <main class=\"{class}\">\n\
             <svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><circle cx=\"12\" cy=\"12\" r=\"10\"/>{drawing}</svg>\n\
             <h1>{headline}</h1>\n<p>{text}</p>\n{reason}<footer>{next_step}</footer>\n</main>\n</body>\n</html>\n",
            headline = self.headline,
            text = self.text,
            next_step = self.next_step,
        )
    }
}

/// Escapes untrusted text, so that an HTML parser sees no markup in it.
fn escape_html(text: &str) -> String {
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
