//! What a service is told in its log.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod common;
mod secrecy_support;

use authgate_core::TokenSource;
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use common::confidential_client;
use secrecy_support::{Log, log};

/// What is logged of a token whose answer has this fault.
async fn logged_of(fault: Fault) -> String {
    log();
    let server = DevServer::start().await.unwrap();
    let client = confidential_client(&server).await.unwrap();
    server.inject(Endpoint::Token, fault, Times::Once);
    TokenSource::builder(client).scopes(["profile", "email"]).build().header().await.unwrap();
    Log::text()
}

/// case 44
#[tokio::test]
async fn a_token_without_a_type_is_taken_for_bearer_with_a_warning() {
    let logged = logged_of(Fault::remove_member("token_type")).await;
    assert!(logged.contains("WARN") && logged.contains("no token_type: taken for Bearer"), "{logged}");
}

/// case 49
#[tokio::test]
async fn scopes_that_were_not_granted_are_warned_of() {
    let logged = logged_of(Fault::set_member("scope", "profile")).await;
    assert!(logged.contains("fewer scopes than were asked for missing=\"email\""), "{logged}");
}
