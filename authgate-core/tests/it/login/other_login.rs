//! A login that another run has made while this one waits for the person.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use authgate_core::test_util::{FallbackStore, LoginLock, Notices, StoredToken, TokenStore as _};
use authgate_core::{Error, FlowMode, RedirectUri, Result, Secret, Session, authenticate};
use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::{Home, Port, until};
use insta::assert_snapshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::flow::{Recorder, TestBrowser, described, port_in_use, while_it_runs};
use crate::support::fragile::{Fragile, Outcome};
use crate::support::logins::{FAR_FUTURE, LONG_AGO, login, strict_server, unattended};
use crate::support::stores::{CLIENT, UnderLock, file_in, only_file};

/// A run that waits for a person.
struct Waiting {
    server: DevServer,
    home: Home,
    prompt: Arc<Recorder>,
    run: JoinHandle<Result<Session>>,
}

impl Waiting {
    /// Starts a run that shows a device code.
    async fn for_device() -> Self {
        let waiting = Self::start(FlowMode::Device, "http://127.0.0.1:8088/callback", |_| ()).await;
        while_it_runs(&waiting.run, || waiting.prompt.count("device: ") == 1).await;
        waiting
    }

    /// Starts a run, with the logins that `prepare` stores before.
    async fn start(flow: FlowMode, redirect_uri: &str, prepare: impl FnOnce(&Self)) -> Self {
        let mut waiting = Self {
            server: strict_server().await,
            home: Home::new(),
            prompt: Arc::default(),
            run: tokio::spawn(std::future::pending()),
        };
        prepare(&waiting);
        let store = Arc::new(only_file(&waiting.home));
        let options = unattended(waiting.server.url(), store, waiting.prompt.clone())
            .flow_mode(flow)
            .redirect_uri(RedirectUri::parse(redirect_uri).unwrap())
            .browser(Arc::new(TestBrowser::Hangs));
        waiting.run = tokio::spawn(authenticate(options));
        waiting
    }

    /// Makes a login in another run.
    fn log_in_elsewhere(&self) -> StoredToken {
        let other = login(&self.server, FAR_FUTURE);
        self.store(&other);
        other
    }

    fn store(&self, login: &StoredToken) {
        file_in(&self.home).save(CLIENT, login).unwrap();
    }

    fn stored(&self) -> StoredToken {
        file_in(&self.home).load(CLIENT).unwrap().unwrap()
    }

    fn user_code(&self) -> String {
        self.server.latest_user_code().unwrap()
    }

    async fn end(&mut self) -> Result<Session> {
        (&mut self.run).await.unwrap()
    }

    /// Checks that the run uses this login and that the server accepts it.
    async fn uses(&mut self, login: &StoredToken) {
        let mut session = self.end().await.unwrap();
        assert_eq!(session.token().access_token, login.access_token);
        session.validate().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_of_another_run_ends_the_wait() {
    let mut waiting = Waiting::for_device().await;
    let other = waiting.log_in_elsewhere();
    waiting.uses(&other).await;
    assert_eq!(waiting.stored(), other);
    assert_snapshot!(waiting.prompt.notices(), @"notice: Another run has logged in, so this one uses that login.");
    // A flow that fails looks once more, but it would poll hundreds of times until its code expires.
    assert!(waiting.server.count(Endpoint::Token) < 10);

    let port = Port::free();
    let mut waiting =
        Waiting::start(FlowMode::Browser, &port.redirect_uri("127.0.0.1"), |_| ()).await;
    while_it_runs(&waiting.run, || waiting.prompt.count("url: ") == 1).await;
    let other = waiting.log_in_elsewhere();
    waiting.uses(&other).await;
    assert_snapshot!(waiting.prompt.notices(), @"
    notice: Waiting 5 minutes for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    notice: Another run has logged in, so this one uses that login.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_this_run_cannot_use_does_not_end_its_wait() {
    let mut waiting = Waiting::for_device().await;
    let usable = login(&waiting.server, FAR_FUTURE);
    let change = |change: fn(&mut StoredToken)| {
        let mut login = usable.clone();
        change(&mut login);
        login
    };
    for login in [
        change(|login| {
            // The issuer of a token that is a JWT is in the token.
            login.access_token = Secret::from("opaque");
            login.issuer = Some("https://other.example.com".to_owned());
        }),
        change(|login| login.expires_at = Some(LONG_AGO)),
        change(|login| login.requested_scope = Some("profile".to_owned())),
    ] {
        waiting.store(&login);
        sleep(Duration::from_secs(20)).await;
        assert!(!waiting.run.is_finished(), "{login:?}");
    }
    assert!(waiting.server.approve_device(&waiting.user_code()));
    let session = waiting.end().await.unwrap();
    assert_eq!(session.token().access_token, waiting.stored().access_token);
    assert_eq!(waiting.prompt.count("Another run"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_login_of_another_run_is_used_even_if_its_life_is_short() {
    let mut waiting = Waiting::for_device().await;
    // The run wants 30 s.
    let soon = SystemTime::now() + Duration::from_secs(20);
    let since_1970 = soon.duration_since(UNIX_EPOCH).unwrap();
    let other = login(&waiting.server, since_1970.as_secs());
    waiting.store(&other);
    waiting.uses(&other).await;
}

#[tokio::test(start_paused = true)]
async fn the_login_that_the_server_has_refused_is_not_taken_for_another() {
    // It cannot be deleted, and it does not expire for a long time.
    let keyring = Fragile::new(|call| {
        if call == "delete" {
            Outcome::Pretends
        } else {
            Outcome::Works
        }
    });
    let server = strict_server().await;
    let mut refused = login(&server, FAR_FUTURE);
    refused.refresh_token = None;
    keyring.put(&refused);
    server.revoke_everything();
    let lock = LoginLock::Nowhere("a test needs none".to_owned());
    let store = FallbackStore::new(CLIENT, vec![Box::new(keyring)], lock, Notices::default());
    let prompt = Arc::new(Recorder::default());
    let options = unattended(server.url(), Arc::new(store), prompt.clone());
    let run = tokio::spawn(async move {
        let mut session = authenticate(options.flow_mode(FlowMode::Device))
            .await
            .unwrap();
        session.validate().await.map(|_| session)
    });
    while_it_runs(&run, || prompt.count("device: ") == 1).await;
    sleep(Duration::from_secs(20)).await;
    assert!(server.approve_device(&server.latest_user_code().unwrap()));
    let session = run.await.unwrap().unwrap();
    assert_ne!(session.token().access_token, refused.access_token);
    assert_eq!(prompt.count("Another run"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_on_its_way_is_not_given_up_for_another_login() {
    let mut waiting = Waiting::for_device().await;
    let poll = waiting.server.hold(Endpoint::Token);
    poll.arrived().await;
    let other = waiting.log_in_elsewhere();
    sleep(Duration::from_secs(10)).await;
    assert!(waiting.server.approve_device(&waiting.user_code()));
    poll.release();
    let session = waiting.end().await.unwrap();
    assert_ne!(session.token().access_token, other.access_token);
    assert_eq!(session.token().access_token, waiting.stored().access_token);
    assert_eq!(waiting.prompt.count("Another run"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_fails_uses_the_login_of_another_run() {
    let mut waiting = Waiting::for_device().await;
    let poll = waiting.server.hold(Endpoint::Token);
    poll.arrived().await;
    assert!(waiting.server.deny_device(&waiting.user_code()));
    let other = waiting.log_in_elsewhere();
    poll.release();
    waiting.uses(&other).await;
    assert_snapshot!(waiting.prompt.notices(), @"notice: Another run has logged in, so this one uses that login.");
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_fails_without_another_login_keeps_its_error() {
    let (_listener, in_use) = port_in_use("127.0.0.1", "127.0.0.1");
    let mut waiting = Waiting::start(FlowMode::Browser, &in_use, |waiting| {
        let mut other = login(&waiting.server, FAR_FUTURE);
        other.requested_scope = Some("profile".to_owned());
        waiting.store(&other);
    })
    .await;
    let error: Error = waiting.end().await.unwrap_err();
    assert!(
        described(&error).starts_with("BrowserUnavailable: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_keyring_that_does_not_answer_does_not_stop_the_polling() {
    let server = strict_server().await;
    server.change(|settings| settings.device_code_interval = Duration::from_secs(1));
    let (open, closed) = mpsc::channel::<()>();
    let keyring = Fragile::new(|_| Outcome::Works);
    let lock = LoginLock::Nowhere("a test needs none".to_owned());
    let stores: Vec<Box<dyn authgate_core::test_util::TokenStore>> =
        vec![Box::new(keyring.clone())];
    let store = FallbackStore::new(CLIENT, stores, lock, Notices::default());
    let prompt = Arc::new(Recorder::default());
    let options = unattended(server.url(), Arc::new(store), prompt.clone());
    let run = tokio::spawn(authenticate(options.flow_mode(FlowMode::Device)));
    until("a code", || server.latest_user_code().is_some()).await;

    let (asked, closed) = (Arc::new(Mutex::new(0)), Mutex::new(closed));
    let count = asked.clone();
    keyring.follow(move |_| {
        *count.lock().unwrap() += 1;
        // This returns when the sender is dropped.
        let _ = closed.lock().unwrap().recv();
        Outcome::Works
    });
    until("a question to the keyring", || *asked.lock().unwrap() > 0).await;
    let polls = server.count(Endpoint::Token);
    until("two more polls", || {
        server.count(Endpoint::Token) >= polls + 2
    })
    .await;
    assert_eq!(*asked.lock().unwrap(), 1);
    assert_eq!(prompt.notices(), "");
    drop(open);
    assert!(server.approve_device(&server.latest_user_code().unwrap()));
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_login_at_another_server_that_was_made_meanwhile_is_not_replaced() {
    let mut waiting = Waiting::for_device().await;
    let elsewhere = strict_server().await;
    let other = login(&elsewhere, FAR_FUTURE);
    waiting.store(&other);
    assert!(waiting.server.approve_device(&waiting.user_code()));
    let mut session = waiting.end().await.unwrap();
    session.validate().await.unwrap();
    assert_eq!(waiting.stored(), other);
    assert_snapshot!(waiting.prompt.notices(), @"notice: The login cannot be saved, so it lasts for this run only (the stored login of this client is for http://127.0.0.1:[port], not for http://127.0.0.1:[port], so it is neither used nor replaced).");
}
