//! The events at the levels `INFO` and `DEBUG`, which the crate's docs list.

use authgate_core::BearerAuth;
use authgate_dev_server::{Endpoint, Fault, Times};
use authgate_test_support::redact;
use insta::assert_snapshot;
use tokio::time::advance;

use crate::log::{Log, log};
use crate::support::service::{MINUTE, Service, settle};

/// This library's events on the thread of a test.
struct Events {
    taken: usize,
}

impl Events {
    /// Begins with the next event.
    fn record() -> Self {
        Self {
            taken: ours().len(),
        }
    }

    /// Returns the events since the last call.
    fn take(&mut self) -> String {
        let events = ours();
        let new = redact(&events[self.taken..].concat());
        self.taken = events.len();
        new.trim_end().to_owned()
    }
}

fn ours() -> Vec<String> {
    let mut events = Log::of_this_thread();
    events.retain(|event| event.contains(" authgate_core"));
    events
}

#[tokio::test]
async fn a_token_is_logged_once_and_its_use_never() {
    log();
    let service = Service::with_lifetime(MINUTE).await;
    let mut events = Events::record();
    service.header().await.unwrap();
    assert_snapshot!(events.take(), @r#"
    DEBUG authgate_core::token_source: callers wait for a token
     INFO authgate_core::client::token_response: the server issued a token operation="client credentials grant" expires_in=59
    "#);

    for _ in 0..100 {
        service.header().await.unwrap();
    }
    assert_eq!(events.take(), "");

    advance(MINUTE * 51 / 60).await;
    service.header().await.unwrap();
    settle().await;
    assert_snapshot!(events.take(), @r#"
    DEBUG authgate_core::token_source: the token expires soon; refreshing it in the background
     INFO authgate_core::client::token_response: the server issued a token operation="client credentials grant" expires_in=59
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_logged_with_its_attempt_and_pause() {
    log();
    let service = Service::start().await;
    let mut events = Events::record();
    let busy = Fault::status(503).with_header("Retry-After", "1");
    service.inject(busy.clone(), Times::Once);
    service.inject(busy, Times::Once);
    service.grant().await.unwrap();
    assert_snapshot!(events.take(), @r#"
    DEBUG authgate_core::http::retry: the request failed; sending it again after a pause operation="client credentials grant" attempt=2 wait=[seconds] error=client credentials grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body). Try again in 1 s
    DEBUG authgate_core::http::retry: the request failed; sending it again after a pause operation="client credentials grant" attempt=3 wait=[seconds] error=client credentials grant: http://127.0.0.1:[port]/oauth/token answered 503, which is not a JSON object (no content type; an empty body). Try again in 1 s
     INFO authgate_core::client::token_response: the server issued a token operation="client credentials grant" expires_in=3599
    "#);
}

#[tokio::test]
async fn a_replay_after_401_is_logged_without_the_query() {
    log();
    let Service { server, tokens, .. } = Service::start().await;
    tokens.header().await.unwrap();
    server.inject(Endpoint::Api, Fault::status(401), Times::Once);
    let mut events = Events::record();
    let url = format!("{}/api/data?key=canary", server.url());
    let response = BearerAuth::new(tokens).get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_snapshot!(events.take(), @r#"
    DEBUG authgate_core::token_source: callers wait for a token
     INFO authgate_core::client::token_response: the server issued a token operation="client credentials grant" expires_in=3599
    DEBUG authgate_core::bearer: the API refused the token; sending the request again with a new one operation="API call" url="http://127.0.0.1:[port]/api/data"
    "#);
}

#[cfg(all(unix, feature = "login"))]
mod login {
    use std::sync::Arc;

    use authgate_core::FlowMode;
    use authgate_core::test_util::{FallbackStore, LoginGuard, LoginLock, Notices, TokenStore};
    use authgate_core::{TokenSource, authenticate};
    use authgate_test_support::{Home, Port};

    use super::*;
    use crate::support::flow::{Recorder, TestBrowser};
    use crate::support::fragile::{Fragile, Outcome};
    use crate::support::logins::{FAR_FUTURE, Person, login, strict_server, unattended};
    use crate::support::stored_token::{CLIENT, token};
    use crate::support::stores::{UnderLock, file_in, only_file};

    #[tokio::test]
    async fn a_refresh_by_another_process_is_logged() {
        log();
        let (server, home) = (strict_server().await, Home::new());
        file_in(&home)
            .save(CLIENT, &login(&server, FAR_FUTURE))
            .unwrap();
        let mut sources = Vec::new();
        for _ in 0..2 {
            let store = Arc::new(only_file(&home));
            let options = unattended(server.url(), store, Arc::<Recorder>::default());
            sources.push(authenticate(options).await.unwrap().token_source());
        }
        let mut events = Events::record();
        for source in sources {
            refuse(&source).await;
            source.token().await.unwrap();
        }
        assert_snapshot!(events.take(), @r#"
        DEBUG authgate_core::token_source: callers wait for a token
         INFO authgate_core::client::token_response: the server issued a token operation="refresh token grant" expires_in=3599
        DEBUG authgate_core::token_source: callers wait for a token
        DEBUG authgate_core::login::refresh: another process has refreshed the stored login
        "#);
    }

    /// Tells the source that an API has refused its token.
    async fn refuse(tokens: &TokenSource) {
        let token = tokens.token().await.unwrap();
        tokens.invalidate(&token.access_token);
    }

    #[tokio::test(start_paused = true)]
    async fn the_device_flow_in_place_of_the_browser_is_logged() {
        log();
        let port = Port::free();
        let mut events = Events::record();
        let redirect_uri = port.redirect_uri("127.0.0.1");
        let person = Person::at(&redirect_uri, FlowMode::Auto, TestBrowser::Fails).await;
        person.approve_device().await;
        person.success().await;
        assert_snapshot!(events.take(), @r#"
        DEBUG authgate_core::login::new_login: falling back to the device flow error=no browser can be opened here: xdg-open ended with status 3, so the address above is closed
         INFO authgate_core::client::token_response: the server issued a token operation="device code grant" expires_in=3599
        "#);
    }

    #[test]
    fn a_store_that_does_not_accept_a_login_is_logged() {
        log();
        let failing = Fragile::new(|_| Outcome::Fails);
        let working = Fragile::new(|_| Outcome::Works);
        let stores: Vec<Box<dyn TokenStore>> = vec![Box::new(failing), Box::new(working)];
        let lock = LoginLock::Nowhere("not used".to_owned());
        let both = FallbackStore::new(CLIENT, stores, lock, Notices::default());
        let mut events = Events::record();
        let guard = LoginGuard::Locked(tempfile::tempfile().unwrap());
        assert!(both.save_login(&token(1), |_| Ok(()), &guard));
        assert_snapshot!(events.take(), @"DEBUG authgate_core::store::fallback: a store did not accept the login error=fragile: cannot save");
    }
}
