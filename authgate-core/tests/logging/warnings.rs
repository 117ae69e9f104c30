//! The warnings in a service's log.

use authgate_core::BearerAuth;
use authgate_dev_server::{Endpoint, Fault, Times};

use crate::log::{Log, log};
use crate::support::service::Service;

/// Checks that one of the warnings so far contains all of these parts.
#[track_caller]
fn assert_warned(parts: &[&str]) {
    let logged = Log::text();
    let mut warnings = logged.lines().filter(|line| line.contains("WARN"));
    assert!(
        warnings.any(|warning| parts.iter().all(|part| warning.contains(part))),
        "{parts:?} in {logged}"
    );
}

#[tokio::test]
async fn a_token_without_its_type_or_a_scope_is_warned_of() {
    log();
    for (fault, warning) in [
        (
            Fault::remove_member("token_type"),
            "the answer has no token_type: taken for Bearer",
        ),
        (
            Fault::set_member("scope", "profile"),
            "fewer scopes than were asked for missing=\"email\"",
        ),
    ] {
        let service = Service::start().await;
        service.inject(fault, Times::Once);
        service.header().await.unwrap();
        assert_warned(&[warning]);
    }
}

#[tokio::test]
async fn a_refused_token_that_cannot_be_replaced_is_warned_of() {
    log();
    let Service { server, tokens, .. } = Service::start().await;
    tokens.header().await.unwrap();
    server.inject(Endpoint::Api, Fault::status(401), Times::Always);
    server.inject(
        Endpoint::Token,
        Fault::oauth_error(401, "invalid_client"),
        Times::Always,
    );
    let url = format!("{}/api/data", server.url());
    assert_eq!(
        BearerAuth::new(tokens)
            .get(url)
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    assert_warned(&[
        "the API refused the token, and there is no other",
        "invalid_client",
    ]);
}
