//! Which server a stored login belongs to.

use std::sync::Arc;

use authgate_core::authenticate;
use authgate_core::store::{FallbackStore, TokenStore};
use authgate_dev_server::Endpoint;
use authgate_test_support::Home;

use crate::support::flow::Recorder;
use crate::support::logins::{FAR_AHEAD, login, strict_server, unattended};
use crate::support::stores::{CLIENT, file_in};

#[tokio::test]
async fn a_login_whose_issuer_has_a_trailing_slash_is_used_without_it_and_with_it() {
    let (server, home) = (strict_server().await, Home::new());
    let file = file_in(&home);
    let mut stored = login(&server, FAR_AHEAD);
    stored.issuer = Some(format!("{}/", server.url()));
    file.save(CLIENT, &stored).unwrap();
    let lock = file.login_lock().clone();
    let store = Arc::new(FallbackStore::new(vec![Box::new(file)], lock));

    for url in [server.url().to_owned(), format!("{}/", server.url())] {
        let prompt = Arc::new(Recorder::default());
        let session = authenticate(unattended(&url, store.clone(), prompt))
            .await
            .unwrap();
        assert_eq!(session.token().access_token, stored.access_token);
    }
    assert_eq!(server.count(Endpoint::Token), 0);
}
