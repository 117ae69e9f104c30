//! Which server a stored login belongs to.

use std::sync::Arc;

use authgate_core::authenticate;
use authgate_dev_server::Endpoint;
use authgate_test_support::Home;

use crate::support::flow::Recorder;
use crate::support::logins::{FAR_FUTURE, login, strict_server, unattended};
use crate::support::stores::{CLIENT, UnderLock, file_in, only_file};

#[tokio::test]
async fn a_trailing_slash_makes_no_other_issuer() {
    let (server, home) = (strict_server().await, Home::new());
    let mut stored = login(&server, FAR_FUTURE);
    stored.issuer = Some(format!("{}/", server.url()));
    file_in(&home).save(CLIENT, &stored).unwrap();
    let store = Arc::new(only_file(&home));

    for url in [server.url().to_owned(), format!("{}/", server.url())] {
        let prompt = Arc::new(Recorder::default());
        let session = authenticate(unattended(&url, store.clone(), prompt))
            .await
            .unwrap();
        assert_eq!(session.token().access_token, stored.access_token);
    }
    assert_eq!(server.count(Endpoint::Token), 0);
}
