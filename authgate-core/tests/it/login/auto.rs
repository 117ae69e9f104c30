//! Which flow logs a person in, and which one follows if it fails.

use std::sync::Arc;

use authgate_core::test_util::System;
use authgate_core::{FlowMode, LoginOptions, Prompt, authenticate};
use authgate_dev_server::{DevServer, Endpoint};
use authgate_test_support::{Home, Port, http};
use insta::assert_snapshot;
use tokio::sync::mpsc;

use crate::support::device::seconds;
use crate::support::flow::{TestBrowser, described, port_in_use, shown};
use crate::support::logins::{Person, platform};
use crate::support::stores::only_file;

#[tokio::test(start_paused = true)]
async fn the_device_flow_takes_over_when_the_browser_fails() {
    let (_other, of_another) = port_in_use("127.0.0.1", "127.0.0.1");
    let ports = [Port::free(), Port::free()];
    let [first, second] = ports.each_ref().map(|port| port.redirect_uri("127.0.0.1"));
    let mut notices = Vec::new();
    for (person, urls) in [
        (
            Person::at(&of_another, FlowMode::Auto, TestBrowser::Hangs).await,
            0,
        ),
        (
            Person::at(&first, FlowMode::Auto, TestBrowser::Fails).await,
            1,
        ),
        (
            Person::at(&second, FlowMode::Auto, TestBrowser::Hangs).await,
            1,
        ),
    ] {
        person.approve_device().await;
        assert_eq!(
            (person.prompt.count("url: "), person.device_codes()),
            (urls, 1)
        );
        notices.push(person.prompt.notices());
        person.success().await;
    }
    assert_snapshot!(notices.join("\n\n"), @"
    notice: Cannot listen on 127.0.0.1:[port]: another program, perhaps another login, uses this port. This login uses a device code instead.

    notice: Waiting 5 minutes for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    notice: No browser can be opened here: xdg-open ended with status 3, so the address above is closed. This login uses a device code instead.

    notice: Waiting 5 minutes for the browser. If it shows an error, register exactly http://127.0.0.1:[port]/callback as a redirect URI of this client, or use the device flow.
    notice: The login timed out: the browser did not come back to http://127.0.0.1:[port]/callback within 5 minutes, so the address above is closed. This login uses a device code instead.
    ");
}

#[tokio::test]
async fn nothing_starts_where_nobody_can_see_the_prompt() {
    struct Unseen;

    impl Prompt for Unseen {
        fn show(&self, text: &str) {
            panic!("nobody can see: {text}");
        }

        fn is_visible(&self) -> bool {
            false
        }
    }

    let (server, home) = (DevServer::start().await, Home::new());
    let options = LoginOptions::new(server.url(), &server.public_client().id)
        .platform(platform(System::Unix, true, &[], &[]))
        .store(only_file(&home))
        .prompt(Arc::new(Unseen));
    let error = authenticate(options).await.unwrap_err();
    assert_snapshot!(error, @"nobody is logged in, and nobody can see the prompt: log in once in a terminal, ask for a flow by name, or use the client credentials grant for a machine");
    server.assert_requests([Endpoint::Discovery]);
}

#[tokio::test(start_paused = true)]
async fn after_access_denied_no_other_flow_asks_again() {
    let (opened, mut urls) = mpsc::unbounded_channel();
    let port = Port::free();
    let mut person = Person::at(
        &port.redirect_uri("127.0.0.1"),
        FlowMode::Auto,
        TestBrowser::Opens(opened),
    )
    .await;
    let url = urls.recv().await.unwrap();
    let page = http::get(&person.server.deny_authorization(url.as_str()).unwrap()).await;
    assert_snapshot!(shown(&page), @"
    200 Access denied
    The login request was declined, so the program got no access.
    You can close this tab and return to the terminal.
    ");
    assert_snapshot!(described(&person.failure().await), @"Denied: access denied: the login request was declined (User denied the authorization request)");
    assert_eq!(
        (person.device_codes(), person.server.count(Endpoint::Token)),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_browser_asked_for_by_name_is_not_replaced() {
    let (_other, of_another) = port_in_use("127.0.0.1", "127.0.0.1");
    let ports = [Port::free(), Port::free()];
    let [first, second] = ports.each_ref().map(|port| port.redirect_uri("127.0.0.1"));
    let mut errors = Vec::new();
    for mut person in [
        Person::at(&of_another, FlowMode::Browser, TestBrowser::Hangs).await,
        Person::at(&first, FlowMode::Browser, TestBrowser::Hangs).await,
        Person::at(&second, FlowMode::Browser, TestBrowser::Fails).await,
    ] {
        errors.push(described(&person.failure().await));
        assert_eq!(person.device_codes(), 0);
    }
    assert_snapshot!(errors.join("\n"), @"
    BrowserUnavailable: cannot listen on 127.0.0.1:[port]: another program, perhaps another login, uses this port
    LoginExpired: the login timed out: the browser did not come back to http://127.0.0.1:[port]/callback within 5 minutes
    LoginExpired: the login timed out: the browser did not come back to http://127.0.0.1:[port]/callback within 5 minutes
    ");
}

#[tokio::test(start_paused = true)]
async fn an_expired_code_is_replaced_once_at_a_terminal() {
    let mut notices = Vec::new();
    for (terminal, codes) in [(true, 2), (false, 1)] {
        let server =
            DevServer::start_with(|settings| settings.device_code_lifetime = seconds(60)).await;
        let mut person = Person::at_server(
            server,
            "http://127.0.0.1:8088/callback",
            FlowMode::Device,
            TestBrowser::Hangs,
            terminal,
        );
        let error = person.failure().await;
        assert!(described(&error).starts_with("LoginExpired: "), "{error}");
        assert_eq!(person.device_codes(), codes);
        notices.push(person.prompt.notices());
    }
    assert_snapshot!(notices.concat(), @"notice: The code expired. Here is a new one:");
}
