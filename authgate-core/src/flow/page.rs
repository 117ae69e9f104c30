//! The small page that the browser shows when it comes back. It has no script and fetches nothing.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};

const STYLE: &str = include_str!("page.css");
/// Allows the style above, by its hash, and nothing else: no script, no image, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'sha256-LKWGqa++0D9nzurfeFsUPrLuXNmMgC6qBzKioxZ0/uU='; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The page that ends a visit to the callback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Page {
    /// The person is logged in, and the token is stored.
    LoggedIn,
    /// The person is logged in for this run only, because the token could not be stored.
    NotKept {
        /// Why.
        reason: String,
    },
    /// The person denied access.
    Denied,
    /// The server refused the login.
    Refused {
        /// The server's error.
        reason: String,
    },
    /// The person approved the login, but a later step failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// The program ended before the login was finished.
    Unfinished,
    /// The response belongs to the login but cannot be used, so the login has ended.
    Unusable,
    /// The visit does not belong to the login.
    BadRequest,
    /// Another visit has already handled the login.
    AlreadyHandled,
    /// There is no such page.
    NotFound,
    /// The method is not GET.
    MethodNotAllowed,
}

/// The drawing above the headline.
enum Mark {
    Check,
    Cross,
    Exclamation,
}

struct Content<'a> {
    status: StatusCode,
    mark: Mark,
    headline: &'a str,
    text: &'a str,
    detail: Option<&'a str>,
    next: &'a str,
}

const BACK: &str = "You can close this tab and go back to the terminal.";
const AGAIN: &str = "You can close this tab. To try again, start the login anew from the terminal.";

impl Page {
    fn content(&self) -> Content<'_> {
        let content = |status, mark, headline, text, next| Content {
            status,
            mark,
            headline,
            text,
            detail: None,
            next,
        };
        let because = |content, reason| Content {
            detail: Some(reason),
            ..content
        };
        match self {
            Self::LoggedIn => content(
                StatusCode::OK,
                Mark::Check,
                "You are logged in",
                "The program in your terminal has what it needs.",
                BACK,
            ),
            Self::NotKept { reason } => because(
                content(
                    StatusCode::OK,
                    Mark::Check,
                    "You are logged in, for now",
                    "The login could not be stored, so the program will ask again next time.",
                    BACK,
                ),
                reason,
            ),
            Self::Denied => content(
                StatusCode::OK,
                Mark::Cross,
                "Login refused",
                "You did not allow the program to log in as you. It has been told, and got no access.",
                BACK,
            ),
            Self::Refused { reason } => because(
                content(
                    StatusCode::OK,
                    Mark::Cross,
                    "The server refused the login",
                    "It sent you back with an error instead of a login. The program got no access.",
                    AGAIN,
                ),
                reason,
            ),
            Self::Failed { reason } => because(
                content(
                    StatusCode::BAD_GATEWAY,
                    Mark::Cross,
                    "Login failed",
                    "You allowed the login, but the program could not finish it.",
                    AGAIN,
                ),
                reason,
            ),
            Self::Unfinished => content(
                StatusCode::SERVICE_UNAVAILABLE,
                Mark::Exclamation,
                "Login not finished",
                "The program ended before the login was finished.",
                AGAIN,
            ),
            Self::Unusable => content(
                StatusCode::BAD_REQUEST,
                Mark::Cross,
                "Login failed",
                "The address that brought you here is not a complete answer to the login, so the program has ended it.",
                AGAIN,
            ),
            Self::BadRequest => content(
                StatusCode::BAD_REQUEST,
                Mark::Exclamation,
                "This page is not part of a login",
                "The address that brought you here does not belong to the login in progress. Nothing was done with it.",
                "If you are logging in, go back to the terminal and open the address that it shows.",
            ),
            Self::AlreadyHandled => content(
                StatusCode::CONFLICT,
                Mark::Exclamation,
                "This login has already been handled",
                "The page was opened a second time. The first visit counts; this one changed nothing.",
                "You can close this tab. The terminal shows how the login went.",
            ),
            Self::NotFound => content(
                StatusCode::NOT_FOUND,
                Mark::Exclamation,
                "There is nothing here",
                "A program on this machine waits at this address for a login to come back.",
                "If you are logging in, go back to the terminal and open the address that it shows.",
            ),
            Self::MethodNotAllowed => content(
                StatusCode::METHOD_NOT_ALLOWED,
                Mark::Exclamation,
                "This page can only be opened",
                "A program on this machine waits at this address for a login to come back.",
                "If you are logging in, go back to the terminal and open the address that it shows.",
            ),
        }
    }

    /// Builds the response. Its headers keep the page private, because its address contains a code.
    pub(super) fn response(&self) -> Response {
        let content = self.content();
        let mut response = Response::new(Body::from(content.html()));
        *response.status_mut() = content.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if content.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }
}

impl Content<'_> {
    fn html(&self) -> String {
        let (class, drawing) = match self.mark {
            Mark::Check => ("good", r#"<path d="M7.5 12.4l3 3 6-6.6"/>"#),
            Mark::Cross => ("bad", r#"<path d="M8.8 8.8l6.4 6.4M15.2 8.8l-6.4 6.4"/>"#),
            Mark::Exclamation => ("", r#"<path d="M12 7.2v5.6M12 16.4v.1"/>"#),
        };
        let detail = self.detail.map_or_else(String::new, |detail| {
            format!("<p class=\"detail\">{}</p>\n", escaped(detail))
        });
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{headline} - AuthGate</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <main class=\"{class}\">\n\
             <svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><circle cx=\"12\" cy=\"12\" r=\"10\"/>{drawing}</svg>\n\
             <h1>{headline}</h1>\n<p>{text}</p>\n{detail}<footer>{next}</footer>\n</main>\n</body>\n</html>\n",
            headline = self.headline,
            text = self.text,
            next = self.next,
        )
    }
}

/// Escapes untrusted text, so that an HTML parser sees no markup in it.
fn escaped(text: &str) -> String {
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
