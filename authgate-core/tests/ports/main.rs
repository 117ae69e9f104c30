//! When a login's port is free again. A separate binary without snapshots, because its tests check
//! that the port is free at once and insta starts cargo: in a process that starts programs, a child
//! holds every open socket between fork and exec, also the listening one.

#![cfg(feature = "login")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is not as it must be"
)]

#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "../it/support/mod.rs"]
mod support;

use std::sync::Arc;

use authgate_core::test_util::run_auth_code_flow;
use authgate_core::{Error, FlowMode, RedirectUri, authenticate};
use authgate_dev_server::DevServer;
use authgate_test_support::{Home, Port};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::flow::{
    Recorder, TestBrowser, begin_login, client, log_in, options, while_it_runs,
};
use crate::support::logins::{FAR_FUTURE, Person, login, strict_server, unattended};
use crate::support::stores::{CLIENT, UnderLock as _, file_in, only_file};

/// A browser that never reads its page does not delay another one.
#[tokio::test]
async fn the_port_is_free_when_the_browser_has_its_page() {
    let (server, mut begun) = begin_login().await;
    let _idle = TcpStream::connect(begun.address()).await.unwrap();
    log_in(&server, &mut begun).await;
    assert!(begun.port.is_free());
}

#[tokio::test(start_paused = true)]
async fn the_port_is_free_when_nobody_came_back_in_time() {
    let (_server, mut begun) = begin_login().await;
    assert!(matches!(begun.failure().await, Error::LoginExpired { .. }));
    assert!(begun.port.is_free());
    assert!(begun.prompt.count("waiting: ") >= 290, "about one a second");
    assert!(
        begun
            .prompt
            .text()
            .contains(&format!("register exactly {}", begun.redirect_uri))
    );
}

#[tokio::test]
async fn the_port_is_free_when_a_login_is_dropped() {
    let server = DevServer::start().await;
    let client = client(&server, server.public_client()).await;
    let port = Port::free();
    let options = options(&port.redirect_uri("127.0.0.1"));
    for _ in 0..20 {
        let (opened, mut urls) = mpsc::unbounded_channel();
        let (browser, prompt) = (TestBrowser::Opens(opened), Recorder::default());
        let mut login = Box::pin(run_auth_code_flow(
            &client,
            &[],
            &options,
            &browser,
            &prompt,
        ));
        tokio::select! {
            ended = &mut login => panic!("{:?}", ended.err()),
            _url = urls.recv() => assert!(!port.is_free()),
        }
        drop(login);
        assert!(port.is_free());
    }
}

#[tokio::test(start_paused = true)]
async fn the_port_is_free_while_the_device_code_is_shown() {
    let port = Port::free();
    let person = Person::at(
        &port.redirect_uri("127.0.0.1"),
        FlowMode::Auto,
        TestBrowser::Hangs,
    )
    .await;
    person.approve_device().await;
    assert!(port.is_free());
    assert_eq!(
        (person.prompt.count("url: "), person.device_codes()),
        (1, 1)
    );
    person.success().await;
}

#[tokio::test(start_paused = true)]
async fn the_port_is_free_when_another_run_has_logged_in() {
    let (server, home, port) = (strict_server().await, Home::new(), Port::free());
    let prompt = Arc::new(Recorder::default());
    let options = unattended(server.url(), Arc::new(only_file(&home)), prompt.clone())
        .flow_mode(FlowMode::Browser)
        .redirect_uri(RedirectUri::parse(&port.redirect_uri("127.0.0.1")).unwrap())
        .browser(Arc::new(TestBrowser::Hangs));
    let run = tokio::spawn(authenticate(options));
    while_it_runs(&run, || prompt.count("url: ") == 1).await;
    assert!(!port.is_free());
    let other = login(&server, FAR_FUTURE);
    file_in(&home).save(CLIENT, &other).unwrap();
    run.await.unwrap().unwrap();
    assert!(port.is_free());
}
