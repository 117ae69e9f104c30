//! A server that names endpoints of another one, to borrow a person's session there (RFC 9700
//! section 4.4).

use std::sync::Arc;

use authgate_core::reqwest::Url;
use authgate_core::test_util::{SystemBrowser, TokenStore};
use authgate_core::{Error, FlowMode, LoginOptions, authenticate, logout};
use authgate_dev_server::{DevServer, Endpoint, Fault, Times};
use authgate_test_support::Home;
use insta::assert_snapshot;

use crate::support::flow::Recorder;
use crate::support::lines;
use crate::support::logins::{FAR_FUTURE, Person, login, strict_server, unattended};
use crate::support::stores::{CLIENT, UnderLock, file_in, only_file};

const REDIRECT_URI: &str = "http://127.0.0.1:8088/callback";

/// A login at `evil`, whose document names this endpoint of `good`.
fn login_with(evil: &DevServer, member: &str, good: &DevServer) -> LoginOptions {
    let endpoint = format!("{}/endpoint", good.url());
    let fault = Fault::set_member(member, endpoint);
    evil.inject(Endpoint::Discovery, fault, Times::Once);
    let no_store = Arc::new(only_file(&Home::new()));
    unattended(evil.url(), no_store, Arc::new(Recorder::default()))
}

#[tokio::test]
async fn an_endpoint_at_another_server_ends_the_login_before_it_begins() {
    let (evil, good) = (strict_server().await, strict_server().await);
    let mut errors = Vec::new();
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "device_authorization_endpoint",
        "userinfo_endpoint",
        "revocation_endpoint",
    ] {
        evil.forget_requests();
        let error = authenticate(login_with(&evil, member, &good))
            .await
            .unwrap_err();
        assert!(matches!(&error, Error::UntrustedOrigin { origin, .. } if origin == good.url()));
        errors.push(error);
        evil.assert_requests([Endpoint::Discovery]);
    }
    good.assert_requests([]);
    assert_snapshot!(lines(errors), @"
    discovery: the authorization endpoint of http://127.0.0.1:[port] is at http://127.0.0.1:[port], another server. Unless you know that it belongs to this server, do not log in
    discovery: the token endpoint of http://127.0.0.1:[port] is at http://127.0.0.1:[port], another server. Unless you know that it belongs to this server, do not log in
    discovery: the device authorization endpoint of http://127.0.0.1:[port] is at http://127.0.0.1:[port], another server. Unless you know that it belongs to this server, do not log in
    discovery: the userinfo endpoint of http://127.0.0.1:[port] is at http://127.0.0.1:[port], another server. Unless you know that it belongs to this server, do not log in
    discovery: the revocation endpoint of http://127.0.0.1:[port] is at http://127.0.0.1:[port], another server. Unless you know that it belongs to this server, do not log in
    ");
}

#[tokio::test]
async fn an_origin_that_the_user_trusts_is_accepted() {
    let (evil, good) = (strict_server().await, strict_server().await);
    let trusted = Url::parse(good.url()).unwrap();
    let options = login_with(&evil, "userinfo_endpoint", &good).trusted_origins([trusted]);
    // Nobody is there, so the login ends after discovery.
    let error = authenticate(options).await.unwrap_err();
    assert!(error.to_string().contains("nobody is logged in"), "{error}");
}

#[tokio::test]
async fn an_access_token_of_another_server_is_sent_nowhere() {
    let good = DevServer::start().await;
    let evil = DevServer::start().await;
    let borrowed = good.issue_tokens(good.public_client(), "profile email");
    evil.inject(
        Endpoint::Token,
        Fault::set_member("access_token", borrowed.access_token.clone()),
        Times::Always,
    );
    let browser = SystemBrowser::unavailable("a test needs none");
    let mut person = Person::at_server(evil, REDIRECT_URI, FlowMode::Device, browser, true);
    person.approve_device().await;
    assert_snapshot!(lines([person.failure().await]), @"device code grant: http://127.0.0.1:[port] sent an access token of http://127.0.0.1:[port], so we do not use it");
    assert_eq!(person.server.count(Endpoint::UserInfo), 0);
    good.assert_requests([]);
}

#[tokio::test]
async fn a_login_of_another_server_is_replaced_only_on_request() {
    let (server, other, home) = (strict_server().await, strict_server().await, Home::new());
    let theirs = login(&other, FAR_FUTURE);
    file_in(&home).save(CLIENT, &theirs).unwrap();
    let options = || {
        let store = Arc::new(only_file(&home));
        unattended(server.url(), store, Arc::new(Recorder::default())).flow_mode(FlowMode::Device)
    };
    let at_login = authenticate(options()).await.unwrap_err();
    let at_logout = logout(options()).await.unwrap_err();
    for error in [&at_login, &at_logout] {
        assert!(matches!(error, Error::OtherLogin { issuer, .. } if issuer == other.url()));
    }
    assert_snapshot!(lines([at_login]), @"the stored login of this client is for http://127.0.0.1:[port], not for http://127.0.0.1:[port], so it is neither used nor replaced");
    assert_eq!(server.count(Endpoint::DeviceAuthorization), 0);
    assert_eq!(file_in(&home).load(CLIENT).unwrap(), Some(theirs));

    let logged_out = logout(options().replace_other_login(true)).await.unwrap();
    assert!(logged_out.was_logged_in && logged_out.not_revoked.len() == 2);
    assert_eq!(file_in(&home).load(CLIENT).unwrap(), None);
    other.assert_requests([]);
}
