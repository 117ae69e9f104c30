//! What a service is told in its log.

use crate::log::{Log, log};
use crate::support::confidential_client;
use authgate_core::{BearerAuth, TokenSource};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};

/// Gets a token whose answer has this fault, and looks for a warning that says this.
async fn warns_of(fault: Fault, saying: &str) {
    log();
    let server = DevServer::start().await;
    let client = confidential_client(&server).await.unwrap();
    server.inject(Endpoint::Token, fault, Times::Once);
    TokenSource::builder(client).scopes(["profile", "email"]).build().header().await.unwrap();
    let logged = Log::text();
    let mut warnings = logged.lines().filter(|line| line.contains("WARN"));
    assert!(warnings.any(|warning| warning.contains(saying)), "{saying:?} is no warning in {logged}");
}

/// case 44
#[tokio::test]
async fn a_token_without_a_type_is_taken_for_bearer_with_a_warning() {
    warns_of(Fault::remove_member("token_type"), "the answer has no token_type: taken for Bearer").await;
}

/// case 49
#[tokio::test]
async fn scopes_that_were_not_granted_are_warned_of() {
    warns_of(Fault::set_member("scope", "profile"), "fewer scopes than were asked for missing=\"email\"").await;
}

/// case 62
#[tokio::test]
async fn why_a_refused_token_could_not_be_replaced_is_warned_of() {
    log();
    let server = DevServer::start().await;
    let tokens = TokenSource::builder(confidential_client(&server).await.unwrap()).build();
    tokens.header().await.unwrap();
    server.inject(Endpoint::Api, Fault::status(401), Times::Always);
    server.inject(Endpoint::Token, Fault::oauth_error(401, "invalid_client"), Times::Always);
    let url = format!("{}/api/data", server.url()).parse().unwrap();
    let response = BearerAuth::new(tokens).get(url).await.unwrap();
    assert_eq!(response.status(), 401);
    let logged = Log::text();
    let mut warnings = logged.lines().filter(|line| line.contains("WARN"));
    assert!(
        warnings
            .any(|line| line.contains("the API refused the token, and there is no other")
                && line.contains("invalid_client")),
        "{logged}"
    );
}
