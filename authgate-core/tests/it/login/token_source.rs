//! A person's token source: it refreshes while a program runs, and never asks the person.

use std::sync::Arc;
use std::time::Duration;

use authgate_core::test_util::{FileStore, StoredToken, TokenStore};
use authgate_core::{BearerAuth, Session, TokenSource, authenticate};
use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::Home;
use tokio::time::sleep;

use crate::support::flow::Recorder;
use crate::support::logins::{FAR_FUTURE, login, strict_server, unattended};
use crate::support::stores::{CLIENT, UnderLock, file_in, only_file};

/// A person who is logged in at a server that ends the login if an old refresh token is used again.
struct Person {
    server: DevServer,
    home: Home,
    prompt: Arc<Recorder>,
}

impl Person {
    async fn logged_in() -> Self {
        let person = Self {
            server: strict_server().await,
            home: Home::new(),
            prompt: Arc::default(),
        };
        person
            .file()
            .save(CLIENT, &login(&person.server, FAR_FUTURE))
            .unwrap();
        person
    }

    fn file(&self) -> FileStore {
        file_in(&self.home)
    }

    /// Opens the session of one more process.
    async fn session(&self) -> Session {
        let store = Arc::new(only_file(&self.home));
        let session = authenticate(unattended(self.server.url(), store, self.prompt.clone()))
            .await
            .unwrap();
        self.server.forget_requests();
        session
    }

    fn stored(&self) -> StoredToken {
        self.file().load(CLIENT).unwrap().unwrap()
    }
}

/// Tells the source that an API has refused its token.
async fn refuse(tokens: &TokenSource) {
    let token = tokens.token().await.unwrap();
    tokens.invalidate(&token.access_token);
}

#[tokio::test]
async fn many_callers_cause_one_refresh_which_is_stored() {
    let person = Person::logged_in().await;
    let (old, tokens) = (person.stored(), person.session().await.token_source());
    refuse(&tokens).await;
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move {
                tokens
                    .token()
                    .await
                    .unwrap()
                    .access_token
                    .expose()
                    .to_owned()
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), person.stored().access_token.expose());
    }
    assert_ne!(person.stored().access_token, old.access_token);
    person.server.assert_requests([Endpoint::Token]);
}

#[tokio::test]
async fn a_token_that_another_process_refreshed_is_taken_over() {
    let person = Person::logged_in().await;
    let (first, second) = (
        person.session().await.token_source(),
        person.session().await.token_source(),
    );
    refuse(&first).await;
    refuse(&second).await;
    let tokens = (first.token().await.unwrap(), second.token().await.unwrap());
    assert_eq!(tokens.0.access_token, tokens.1.access_token);
    person.server.assert_requests([Endpoint::Token]);
}

#[tokio::test]
async fn an_api_that_refuses_the_token_gets_a_refreshed_one() {
    let person = Person::logged_in().await;
    let api = BearerAuth::new(person.session().await.token_source());
    person.server.revoke(person.stored().access_token.expose());
    let user = api
        .get(format!("{}/oauth/userinfo", person.server.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(user.status(), 200);
    person
        .server
        .assert_requests([Endpoint::UserInfo, Endpoint::Token, Endpoint::UserInfo]);
}

#[tokio::test]
async fn a_login_that_the_server_ended_is_an_error_without_a_prompt() {
    let person = Person::logged_in().await;
    let tokens = person.session().await.token_source();
    refuse(&tokens).await;
    person.server.revoke_everything();
    let error = tokens.token().await.unwrap_err();
    assert!(error.needs_login(), "{error}");
    assert_eq!(person.prompt.text(), "");
    person.server.assert_requests([Endpoint::Token]);

    // After a login elsewhere, the same source works again when the pause after the error is over.
    person
        .file()
        .save(CLIENT, &login(&person.server, FAR_FUTURE))
        .unwrap();
    let token = loop {
        match tokens.token().await {
            Ok(token) => break token,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(token.access_token, person.stored().access_token);
}
