//! Every request to the redirect URI is answered with a harmless page.

use authgate_core::Error;

use super::text::assert_is_harmless;

/// Checks the answer to any request. Returns its status, or 0 if there is no answer.
pub(crate) fn check_page(answer: &str) -> u16 {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return 0;
    };
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("an answer has a status");
    // hyper itself answers requests that are not HTTP, without a page.
    assert!(
        body.is_empty() || head.contains("default-src 'none'"),
        "{head}"
    );
    assert!(
        !body.contains("<script") && !body.contains('\u{1b}'),
        "{body}"
    );
    status
}

/// Checks the error of a request that ended the login.
pub(crate) fn check_refusal(error: &Error) {
    assert!(
        matches!(
            error,
            Error::Denied { .. } | Error::LoginRefused { .. } | Error::Callback { .. }
        ),
        "{error:?}"
    );
    let shown = error.to_string();
    assert_is_harmless(&shown);
    assert!(shown.chars().count() < 1000, "{shown}");
}
