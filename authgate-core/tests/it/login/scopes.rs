//! Whether a stored login has the scopes and the extra parameters that are requested now.

use std::sync::Arc;

use authgate_core::authenticate;
use authgate_core::test_util::{StoredToken, TokenStore};
use authgate_dev_server::Endpoint;
use authgate_test_support::Home;
use insta::assert_snapshot;

use crate::support::flow::Recorder;
use crate::support::logins::{FAR_FUTURE, LONG_AGO, login, strict_server, unattended};
use crate::support::stores::{CLIENT, UnderLock, file_in, only_file};

#[tokio::test]
async fn a_stored_login_is_used_if_it_requested_all_scopes() {
    let (server, home) = (strict_server().await, Home::new());
    let mut stored = login(&server, FAR_FUTURE);
    for (requested, is_used) in [
        (None, true),
        (Some("profile email"), true),
        (Some("openid email profile"), true),
        (Some("profile"), false),
        (Some("profile emails"), false),
    ] {
        stored.requested_scope = requested.map(str::to_owned);
        file_in(&home).save(CLIENT, &stored).unwrap();
        let prompt = Arc::new(Recorder::default());
        let store = Arc::new(only_file(&home));
        let session = authenticate(unattended(server.url(), store, prompt.clone())).await;
        assert_eq!(session.is_ok(), is_used, "{requested:?}");
        let notice = "The stored login was made without the scope email. Please log in again.";
        assert_eq!(prompt.count(notice), usize::from(!is_used));
    }
}

#[tokio::test]
async fn the_server_says_what_another_clients_login_lacks() {
    let (server, home) = (strict_server().await, Home::new());
    let mut stored = login(&server, FAR_FUTURE);
    (stored.scope, stored.requested_scope) = (None, None);
    file_in(&home).save(CLIENT, &stored).unwrap();
    let prompt = Arc::new(Recorder::default());
    let options = unattended(server.url(), Arc::new(only_file(&home)), prompt.clone());
    let session = authenticate(options.scopes(["profile", "groups"]))
        .await
        .unwrap();
    session.token_info().await.unwrap();
    assert_snapshot!(prompt.said(), @"notice: The server did not grant: groups.");
}

#[tokio::test]
async fn a_login_that_requested_no_scopes_is_not_used_for_some() {
    let (server, home) = (strict_server().await, Home::new());
    let mut stored = login(&server, FAR_FUTURE);
    stored.requested_scope = Some(String::new());
    file_in(&home).save(CLIENT, &stored).unwrap();
    let prompt = Arc::new(Recorder::default());
    let options = unattended(server.url(), Arc::new(only_file(&home)), prompt.clone());
    let none: [&str; 0] = [];
    authenticate(options.clone().scopes(none)).await.unwrap();
    authenticate(options).await.unwrap_err();
    assert_snapshot!(prompt.said(), @"notice: The stored login was made without the scope profile email. Please log in again.");
}

#[tokio::test]
async fn a_stored_login_is_used_if_it_requested_all_parameters() {
    let (server, home) = (strict_server().await, Home::new());
    let mut stored = login(&server, FAR_FUTURE);
    stored.requested_scope = Some("profile email".to_owned());
    let mut said = String::new();
    for (requested, is_used) in [
        (Some("audience=a+b&resource=1&resource=2"), true),
        (Some("resource=2&audience=a+b&prompt=login"), true),
        (Some("resource=1&audience=a+b"), false),
        (Some("resource=2"), false),
        (None, false),
    ] {
        stored.requested_parameters = requested.map(str::to_owned);
        file_in(&home).save(CLIENT, &stored).unwrap();
        let prompt = Arc::new(Recorder::default());
        let options = unattended(server.url(), Arc::new(only_file(&home)), prompt.clone());
        let options = options
            .parameter("audience", "a b")
            .parameter("resource", "2");
        assert_eq!(
            authenticate(options).await.is_ok(),
            is_used,
            "{requested:?}"
        );
        said += &(prompt.said() + "\n");
    }
    assert_snapshot!(said, @"


    notice: The stored login was made without this resource. Please log in again.
    notice: The stored login was made without this audience. Please log in again.
    notice: The stored login was made without this audience and resource. Please log in again.
    ");

    // Another client's login does not say what it requested.
    (stored.requested_scope, stored.requested_parameters) = (None, None);
    file_in(&home).save(CLIENT, &stored).unwrap();
    let prompt = Arc::new(Recorder::default());
    let options = unattended(server.url(), Arc::new(only_file(&home)), prompt);
    authenticate(options.parameter("audience", "a b"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refresh_sends_the_parameters_of_the_stored_login() {
    let (server, home) = (strict_server().await, Home::new());
    let mut stored = login(&server, LONG_AGO);
    stored.requested_scope = Some("profile email".to_owned());
    stored.requested_parameters = Some("audience=a+b&resource=1&resource=2".to_owned());
    file_in(&home).save(CLIENT, &stored).unwrap();
    let store = Arc::new(only_file(&home));
    let options = unattended(server.url(), store, Arc::new(Recorder::default()));
    authenticate(options.parameter("resource", "2"))
        .await
        .unwrap();

    let refresh = &server.requests_at(Endpoint::Token)[0];
    let sent: Vec<_> = (refresh.form.iter())
        .filter(|(name, _)| ["audience", "resource"].contains(&name.as_str()))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(sent, ["a b", "1", "2"]);
}

#[tokio::test]
async fn a_refresh_keeps_what_the_login_requested_and_when() {
    let (server, home) = (strict_server().await, Home::new());
    let mut stored = login(&server, LONG_AGO);
    stored.requested_scope = Some("profile email".to_owned());
    stored.requested_parameters = Some("audience=a+b".to_owned());
    stored.logged_in_at = Some(1_700_000_000);
    file_in(&home).save(CLIENT, &stored).unwrap();
    let store = Arc::new(only_file(&home));
    authenticate(unattended(
        server.url(),
        store,
        Arc::new(Recorder::default()),
    ))
    .await
    .unwrap();

    let refreshed = file_in(&home).load(CLIENT).unwrap().unwrap();
    assert!(refreshed.access_token != stored.access_token);
    let kept = |login: StoredToken| {
        (
            login.requested_scope,
            login.requested_parameters,
            login.logged_in_at,
        )
    };
    assert_eq!(kept(refreshed), kept(stored));
}

#[tokio::test]
async fn a_parameter_that_the_login_sets_itself_is_refused_unsent() {
    let (server, home) = (strict_server().await, Home::new());
    file_in(&home)
        .save(CLIENT, &login(&server, FAR_FUTURE))
        .unwrap();
    let prompt = Arc::new(Recorder::default());
    let options = unattended(server.url(), Arc::new(only_file(&home)), prompt);
    let error = authenticate(options.parameter("state", "canary"))
        .await
        .unwrap_err();
    assert_snapshot!(error, @"the parameter state is set by the request itself, so it cannot be added");
    assert_eq!(server.requests().len(), 0);
}
