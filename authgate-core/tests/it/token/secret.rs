//! Secrets are not printed, and only the beginning of a token is shown.

use authgate_core::{Secret, mask};

use crate::support::service::Service;

#[tokio::test]
async fn debug_output_shows_no_secret() {
    let secret = Secret::from("canary-5f1e");
    let Service {
        server: _server,
        client,
        tokens,
    } = Service::with_secret("canary-secret").await;
    let header = tokens.header().await.unwrap();
    let granted = tokens.token().await.unwrap();
    let mut token = (*granted).clone();
    token.refresh_token = Some(Secret::from("canary-refresh"));
    token.id_token = Some(Secret::from("canary-identity"));
    let shown = format!(
        "{secret:?} {secret:#?} {:?} {client:?} {token:?} {tokens:?} {header:?}",
        Some(vec![&secret])
    );
    assert!(
        !shown.contains("canary") && !shown.contains(token.access_token.expose()),
        "{shown}"
    );
}

#[test]
fn secrets_are_compared_by_value() {
    assert_eq!(Secret::from("a"), Secret::from("a"));
    assert_ne!(Secret::from("a"), Secret::from("b"));
    assert_ne!(Secret::from("a"), Secret::from("aa"));
}

#[test]
fn a_token_is_shown_by_its_first_eight_characters() {
    assert_eq!(mask(None), "****");
    for (token, shown) in [
        ("", "****"),
        ("12345678", "****"),
        ("123456789", "12345678..."),
        ("ééééééééé", "éééééééé..."),
        ("ab\u{1b}[2Jcdefgh", r"ab\u{1b}[2Jcd..."),
    ] {
        assert_eq!(mask(Some(&Secret::from(token))), shown);
    }
}
