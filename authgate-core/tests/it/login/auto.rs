//! Which flow logs a person in, and which one takes over where that comes to nothing.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::support::flow::{Broken, Never, Page, Recorder, get, strings};
use authgate_core::flow::{Browser, InFlight, RedirectUri, Surroundings, System};
use authgate_core::login::{LoginContext, LoginOptions};
use authgate_core::store::{FallbackStore, LoginLock};
use authgate_core::{Error, FlowMode, HttpClient, Result, Session, authenticate};
use authgate_dev_server::{DevServer, Endpoint};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A login that has begun, with no store to look into or to keep its token in.
struct Person {
    server: DevServer,
    prompt: Arc<Recorder>,
    /// Where the browser comes back to.
    port: u16,
    login: JoinHandle<Result<Session>>,
}

impl Person {
    async fn with(flow_mode: FlowMode, browser: impl Browser + 'static) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::at(port, flow_mode, browser).await
    }

    async fn at(port: u16, flow_mode: FlowMode, browser: impl Browser + 'static) -> Self {
        let server = DevServer::start().await;
        Self::at_server(server, port, flow_mode, browser, at_a_desktop(true))
    }

    fn at_server(
        server: DevServer,
        port: u16,
        flow_mode: FlowMode,
        browser: impl Browser + 'static,
        surroundings: Surroundings,
    ) -> Self {
        let redirect_uri = format!("http://127.0.0.1:{port}/callback");
        server.register_redirect_uri(&redirect_uri);
        let prompt = Arc::new(Recorder::default());
        let options = LoginOptions {
            authgate_url: server.url().to_owned(),
            client_id: server.public_client().id.clone(),
            client_secret: None,
            scopes: strings(&["profile", "email"]),
            flow_mode,
            redirect_uri: RedirectUri::parse(&redirect_uri).unwrap(),
        };
        let context = LoginContext {
            http: HttpClient::default(),
            store: Arc::new(FallbackStore::new(vec![], LoginLock::nowhere("a test needs none"))),
            prompt: prompt.clone(),
            browser: Arc::new(browser),
            surroundings: Arc::new(surroundings),
            in_flight: InFlight::default(),
        };
        let login = tokio::spawn(authenticate(options, context));
        Self { server, prompt, port, login }
    }

    /// Waits for a device code and approves it.
    async fn approve_device(&self) {
        loop {
            assert!(!self.login.is_finished(), "the login ended early: {}", self.prompt.text());
            if self.server.latest_user_code().is_some_and(|code| self.server.approve_device(&code)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn device_codes(&self) -> usize {
        self.server.count(Endpoint::DeviceAuthorization)
    }
}

fn at_a_desktop(terminal: bool) -> Surroundings {
    Surroundings {
        system: System::Unix,
        terminal,
        variable: Box::new(|name| (name == "DISPLAY").then(|| ":0".to_owned())),
        find_program: Box::new(|name| (name == "xdg-open").then(|| PathBuf::from("/usr/bin/xdg-open"))),
    }
}

/// case 84
#[tokio::test(start_paused = true)]
async fn where_the_port_is_taken_the_device_flow_takes_over_and_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let person = Person::at(taken.local_addr().unwrap().port(), FlowMode::Auto, Never).await;
    person.approve_device().await;
    let said = person.prompt.text();
    assert!(said.contains("another program uses this port") && !said.contains("url: "), "{said}");
    assert_eq!((person.prompt.count("Going on with the device flow"), person.device_codes()), (1, 1));
    person.login.await.unwrap().unwrap();
}

/// case 87
#[tokio::test(start_paused = true)]
async fn where_the_browser_cannot_be_opened_the_device_flow_takes_over_and_says_why() {
    let person = Person::with(FlowMode::Auto, Broken).await;
    person.approve_device().await;
    let said = person.prompt.text();
    assert!(said.contains("xdg-open ended with status 3") && said.contains("url: "), "{said}");
    assert_eq!((person.prompt.count("Going on with the device flow"), person.device_codes()), (1, 1));
    person.login.await.unwrap().unwrap();
}

/// case 90
#[tokio::test(start_paused = true)]
async fn where_nobody_comes_back_the_device_flow_takes_over_and_the_port_is_free() {
    let person = Person::with(FlowMode::Auto, Never).await;
    person.approve_device().await;
    let said = person.prompt.text();
    assert!(said.contains("nobody came back") && said.contains("within 5 minutes"), "{said}");
    assert_eq!((person.prompt.count("Going on with the device flow"), person.device_codes()), (1, 1));
    TcpListener::bind(("127.0.0.1", person.port)).expect("the port is free while the code is shown");
    person.login.await.unwrap().unwrap();
}

/// case 77
#[tokio::test(start_paused = true)]
async fn a_person_who_says_no_is_not_asked_again_in_another_way() {
    let (opened, mut urls) = mpsc::unbounded_channel();
    let person = Person::with(FlowMode::Auto, Page(opened)).await;
    let url = urls.recv().await.unwrap();
    let page = get(&person.server.deny_authorization(url.as_str()).unwrap()).await;
    assert!(page.body.contains("Login refused"), "{}", page.body);
    let error = person.login.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert_eq!(person.server.count(Endpoint::DeviceAuthorization), 0);
}

/// cases 84, 90
#[tokio::test(start_paused = true)]
async fn a_browser_that_was_asked_for_by_name_is_not_replaced() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let person = Person::at(taken.local_addr().unwrap().port(), FlowMode::Browser, Never).await;
    let error = person.login.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Listener { .. }), "{error}");
    assert_eq!(person.server.count(Endpoint::DeviceAuthorization), 0);

    for person in [Person::with(FlowMode::Browser, Never).await, Person::with(FlowMode::Browser, Broken).await] {
        let error = person.login.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::LoginExpired { .. }), "{error}");
        assert_eq!(person.server.count(Endpoint::DeviceAuthorization), 0);
    }
}

/// case 102
#[tokio::test(start_paused = true)]
async fn a_code_that_ran_out_is_followed_by_one_more_where_somebody_may_sit_there() {
    for (terminal, codes) in [(true, 2), (false, 1)] {
        let server = DevServer::start_with(|settings| settings.device_code_lifetime = Duration::from_secs(60)).await;
        let person = Person::at_server(server, 8088, FlowMode::Device, Never, at_a_desktop(terminal));
        let error = person.login.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::LoginExpired { .. }), "{error}");
        assert_eq!(person.server.count(Endpoint::DeviceAuthorization), codes);
        assert_eq!(person.prompt.count("Here it is"), codes - 1, "{}", person.prompt.text());
    }
}
