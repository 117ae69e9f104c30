//! Whether a stored login has the scopes that are requested now.

use std::sync::Arc;

use authgate_core::authenticate;
use authgate_test_support::Home;
use insta::assert_snapshot;

use crate::support::flow::Recorder;
use crate::support::logins::{FAR_FUTURE, login, strict_server, unattended};
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
